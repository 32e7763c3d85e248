//! Why a component cannot be run here.

#[derive(Debug, thiserror::Error)]
pub enum ComponentFault {
    #[error("a core module, not a component; `onhand rule build` wraps one")]
    CoreModule,
    /// It is truncated, not WebAssembly at all, or over a limit of the sandbox.
    #[error("not a valid component: {0}")]
    Invalid(String),
    #[error("can't be compiled: {0}")]
    Compile(String),
    #[error(
        "its exports [{0}] are not a world that this host runs (onhand:rules@0.1: view, allocation, ranking, pricing)"
    )]
    World(String),
    #[error("can't be linked: {0}")]
    Link(String),
}
