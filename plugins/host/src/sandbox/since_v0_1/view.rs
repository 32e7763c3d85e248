//! The `view` world.

use wasmtime::{Store, component::InstancePre};

use super::{
    refusal, units,
    view_world::{
        ViewPre,
        exports::onhand::rules::view_rule::{LocationStock, Request, Shown, Stock},
    },
};
use crate::{
    sandbox::{call_state::CallState, engine::failure},
    world::{
        fault::Failure,
        view::{AnsweredPart, Presentation, ViewInput, ViewLocation},
    },
};

pub(super) const EXPORT: &str = "onhand:rules/view-rule@0.1.0";

#[derive(Clone)]
pub(crate) struct View(ViewPre<CallState>);

impl View {
    pub(super) fn new(component: InstancePre<CallState>) -> wasmtime::Result<Self> {
        ViewPre::new(component).map(Self)
    }

    pub(crate) fn view(&self, store: &mut Store<CallState>, input: &ViewInput) -> Result<Presentation, Failure> {
        let request = Request { channel: input.channel.as_ref().map(|id| id.as_str()), name: input.name.as_deref() };
        let locations: Vec<LocationStock<'_>> = input.locations.iter().map(location).collect();
        let stock = Stock { sku: input.sku.as_str(), locations: &locations };
        let rule = self.0.instantiate(&mut *store).map_err(|error| failure(&error, store.data()))?;
        let called = rule.onhand_rules_view_rule().call_view(&mut *store, request, stock);
        let answer = called.map_err(|error| failure(&error, store.data()))?.map_err(refusal)?;
        let answered: Vec<AnsweredPart> = answer.locations.iter().map(shown).collect();
        input.check(&answered, answer.label)
    }
}

fn location(at: &ViewLocation) -> LocationStock<'_> {
    LocationStock {
        location: at.location.as_str(),
        available: units(at.available),
        backorderable: units(at.backorderable),
        low_stock_at: units(at.low_stock_at),
        pickup: at.pickup,
    }
}

fn shown(part: &Shown) -> AnsweredPart {
    AnsweredPart { location: part.location, available: part.available, backorderable: part.backorderable }
}
