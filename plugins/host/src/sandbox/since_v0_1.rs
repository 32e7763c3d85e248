//! `onhand:rules@0.1`: converts its types to and from the host's own. A later version gets a file like this, and this
//! one keeps serving the rules that were built with it.

mod allocation;
mod pricing;
mod ranking;
mod view;

use wasmtime::component::{Component, HasSelf, Linker};

use crate::{
    sandbox::{
        call_state::{self, CallState},
        wasi,
    },
    world::{
        World,
        fault::{Failure, Reason},
    },
};

#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
mod view_world {
    wasmtime::component::bindgen!({
        world: "view",
        path: "../../wit/rules/since-v0.1",
        // Types that only go to the guest borrow, so a call copies each name once, into the guest.
        ownership: Borrowing { duplicate_if_necessary: false },
    });
}

#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
mod allocation_world {
    wasmtime::component::bindgen!({
        world: "allocation",
        path: "../../wit/rules/since-v0.1",
        ownership: Borrowing { duplicate_if_necessary: false },
        with: {
            "onhand:rules/host": super::view_world::onhand::rules::host,
            "onhand:rules/errors": super::view_world::onhand::rules::errors,
        },
    });
}

#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
mod ranking_world {
    wasmtime::component::bindgen!({
        world: "ranking",
        path: "../../wit/rules/since-v0.1",
        ownership: Borrowing { duplicate_if_necessary: false },
        with: {
            "onhand:rules/host": super::view_world::onhand::rules::host,
            "onhand:rules/errors": super::view_world::onhand::rules::errors,
            "onhand:rules/places": super::allocation_world::onhand::rules::places,
            "onhand:rules/serving": super::allocation_world::onhand::rules::serving,
        },
    });
}

#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
mod pricing_world {
    wasmtime::component::bindgen!({
        world: "pricing",
        path: "../../wit/rules/since-v0.1",
        ownership: Borrowing { duplicate_if_necessary: true },
        with: {
            "onhand:rules/host": super::view_world::onhand::rules::host,
            "onhand:rules/errors": super::view_world::onhand::rules::errors,
            "onhand:rules/places": super::allocation_world::onhand::rules::places,
        },
    });
}

pub(crate) use allocation::Allocation;
pub(crate) use pricing::Pricing;
pub(crate) use ranking::Ranking;
pub(crate) use view::View;
use view_world::onhand::rules::{errors::Error, host};

/// A component of this version, compiled, linked and type-checked.
#[derive(Clone)]
pub(crate) enum Linked {
    View(View),
    Allocation(Allocation),
    Ranking(Ranking),
    Pricing(Pricing),
}

impl Linked {
    pub(crate) fn world(&self) -> World {
        match self {
            Self::View(_) => World::View,
            Self::Allocation(_) => World::Allocation,
            Self::Ranking(_) => World::Ranking,
            Self::Pricing(_) => World::Pricing,
        }
    }
}

/// What a component of each world exports; if a component exports several, the first in this order counts.
pub(crate) const EXPORTS: [(&str, World); 4] = [
    (view::EXPORT, World::View),
    (allocation::EXPORT, World::Allocation),
    (ranking::EXPORT, World::Ranking),
    (pricing::EXPORT, World::Pricing),
];

/// `None` if the component exports no world of this version.
pub(crate) fn link(component: &Component) -> wasmtime::Result<Option<Linked>> {
    let mut linker = Linker::new(component.engine());
    host::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut CallState| state)?;
    wasi::add(&mut linker, component)?;
    let exports = |(name, world): (&str, World)| component.get_export_index(None, name).map(|_| world);
    Ok(match EXPORTS.into_iter().find_map(exports) {
        Some(World::View) => Some(Linked::View(View::new(linker.instantiate_pre(component)?)?)),
        Some(World::Allocation) => Some(Linked::Allocation(Allocation::new(linker.instantiate_pre(component)?)?)),
        Some(World::Ranking) => Some(Linked::Ranking(Ranking::new(linker.instantiate_pre(component)?)?)),
        Some(World::Pricing) => Some(Linked::Pricing(Pricing::new(linker.instantiate_pre(component)?)?)),
        None => None,
    })
}

impl host::Host for CallState {
    fn log(&mut self, level: host::Level, text: String) {
        let level = match level {
            host::Level::Debug => call_state::Level::Debug,
            host::Level::Info => call_state::Level::Info,
            host::Level::Warn => call_state::Level::Warn,
            host::Level::Error => call_state::Level::Error,
        };
        self.keep(level, &text);
    }

    fn config(&mut self, name: String) -> Option<String> {
        self.setting(&name)
    }
}

fn refusal(error: Error) -> Failure {
    match error {
        Error::Refused(text) => Failure::new(Reason::Refused, text),
        Error::InvalidConfig(text) => Failure::new(Reason::InvalidConfig, text),
        Error::Internal(text) => Failure::new(Reason::Internal, text),
    }
}

/// Facts are within u32; the answer is checked against the true numbers in any case.
fn units(units: i64) -> u32 {
    u32::try_from(units.max(0)).unwrap_or(u32::MAX)
}
