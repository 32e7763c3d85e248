//! From a component's bytes to functions that can be called. This is slow: cranelift runs here.

use wasmtime::{Engine, Store, component::Component};

use crate::{
    config::Config,
    sandbox::{
        call_state::CallState,
        compile,
        engine::PAGE,
        fault::ComponentFault,
        since_v0_1::{self, Linked},
    },
    world::{
        call::{RuleAnswer, RuleCall},
        fault::{Failure, Reason},
    },
};

/// A component, compiled and linked; settings and limits are not part of it.
#[derive(Clone)]
pub(crate) struct Linkage {
    pub(crate) linked: Linked,
    /// Bytes of memory that it starts with.
    pub(crate) memory: u64,
    /// Whether it has the empty WASI.
    pub(crate) wasi: bool,
}

impl Linkage {
    pub(crate) fn of(config: &Config, engine: &Engine, bytes: &[u8]) -> Result<Self, ComponentFault> {
        // The preamble: magic, then 1 for a module, or 13 and a layer for a component.
        if bytes.starts_with(b"\0asm\x01\0\0\0") {
            return Err(ComponentFault::CoreModule);
        }
        let component: Component = compile::component(config, engine, bytes)?;
        let pages = component.resources_required().and_then(|needs| needs.max_initial_memory_size).unwrap_or(0);
        let memory = pages.saturating_mul(PAGE as u64);
        let wasi = component.component_type().imports(engine).any(|(name, _)| name.starts_with("wasi:"));
        let linked = since_v0_1::link(&component).map_err(|error| ComponentFault::Link(format!("{error:#}")))?;
        let linked = linked.ok_or_else(|| {
            let exports: Vec<String> =
                component.component_type().exports(engine).map(|(name, _)| name.to_owned()).collect();
            ComponentFault::World(exports.join(", "))
        })?;
        Ok(Self { linked, memory, wasi })
    }
}

impl Linked {
    /// Calls the component in this store, and checks its answer.
    pub(crate) fn call(&self, store: &mut Store<CallState>, asked: RuleCall<'_>) -> Result<RuleAnswer, Failure> {
        match (self, asked) {
            (Self::View(world), RuleCall::View(input)) => world.view(store, input).map(RuleAnswer::View),
            (Self::Allocation(world), RuleCall::Allocation(input)) => {
                world.allocate(store, input).map(RuleAnswer::Allocation)
            }
            (Self::Allocation(world), RuleCall::Ranking(input)) => world.rank(store, input).map(RuleAnswer::Ranking),
            (Self::Ranking(world), RuleCall::Ranking(input)) => world.rank(store, input).map(RuleAnswer::Ranking),
            (Self::Pricing(world), RuleCall::Pricing(input)) => world.price(store, input).map(RuleAnswer::Pricing),
            (other, asked) => Err(Failure::new(
                Reason::Unknown,
                format!("a rule of the world {} is asked as one of {}", other.world(), asked.world()),
            )),
        }
    }
}
