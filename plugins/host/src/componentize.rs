//! A core module, as compilers make it, becomes a component.

use wit_component::ComponentEncoder;

/// Why a core module can't become a component.
#[derive(Debug, thiserror::Error)]
#[error("not a rule's core module: {0}")]
pub struct ComponentizeError(String);

/// Wraps a core module that a guest SDK was compiled into.
///
/// # Errors
/// If it is no valid module, or carries no description of its world (the SDK's `register!` puts it there).
pub fn componentize(module: &[u8]) -> Result<Vec<u8>, ComponentizeError> {
    let encode = || ComponentEncoder::default().validate(true).module(module)?.encode();
    encode().map_err(|error| ComponentizeError(format!("{error:#}")))
}
