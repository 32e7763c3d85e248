//! The sandbox: compiles a component within limits, links it, and makes single calls, each in a store of its own with a
//! deadline and a cap on its memory.

/// Why a component cannot be run here.
pub(crate) mod fault;
/// The engine, its clock, and the store of one call.
pub(crate) mod engine;
/// What the store of one call holds.
pub(crate) mod call_state;
/// The empty WASI.
mod wasi;
/// The interface `onhand:rules@0.1`.
pub(crate) mod since_v0_1;

/// From a core module to a component, and the world of a component.
pub(crate) mod componentize;
/// Compiling within limits of time and memory.
pub(crate) mod compile;
/// From a component's bytes to functions that can be called.
pub(crate) mod link;
