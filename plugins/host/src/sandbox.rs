//! The sandbox: compiles a component within bounds, links it, and makes single calls, each in a store of its own with a
//! deadline and a cap on its memory.

/// Why a component cannot be run here.
pub(crate) mod fault;
/// The engine, its clock, and the store of one call.
pub(crate) mod engine;
/// What the store of one call holds.
pub(crate) mod call_state;
/// The WASI that is empty.
mod wasi;
/// The interface `onhand:rules@0.1`.
pub(crate) mod since_v0_1;

/// From a core module to a component, and which world a component is of.
pub(crate) mod componentize;
/// Compiling within bounds of time and memory.
pub(crate) mod compile;
/// From a component's bytes to what can be called.
pub(crate) mod link;
