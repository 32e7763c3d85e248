//! Turns a core module, as compilers make it, into a component.

use wit_component::{ComponentEncoder, DecodedWasm};

use crate::{
    sandbox::{fault::ComponentFault, since_v0_1::EXPORTS},
    world::World,
};

/// Why a core module can't become a component.
#[derive(Debug, thiserror::Error)]
#[error("not a rule's core module: {0}")]
pub struct ComponentizeError(String);

/// Wraps a core module that contains a guest SDK.
///
/// # Errors
/// If it is not a valid module, or has no description of its world (the SDK's `register!` adds it).
pub fn componentize(module: &[u8]) -> Result<Vec<u8>, ComponentizeError> {
    let encode = || ComponentEncoder::default().validate(true).module(module)?.encode();
    encode().map_err(|error| ComponentizeError(format!("{error:#}")))
}

impl World {
    /// The world of a component, by its exports; nothing is compiled.
    ///
    /// # Errors
    /// If it is not a component of a world that this host runs.
    pub(crate) fn exported_by(component: &[u8]) -> Result<Self, ComponentFault> {
        if component.starts_with(b"\0asm\x01\0\0\0") {
            return Err(ComponentFault::CoreModule);
        }
        let decoded =
            wit_component::decode(component).map_err(|error| ComponentFault::Invalid(format!("{error:#}")))?;
        let DecodedWasm::Component(resolve, world) = decoded else { return Err(ComponentFault::World(String::new())) };
        let exports: Vec<String> =
            resolve.worlds[world].exports.keys().map(|name| resolve.name_world_key(name)).collect();
        let found = EXPORTS.into_iter().find(|(name, _)| exports.iter().any(|export| export == name));
        found.map(|(_, world)| world).ok_or_else(|| ComponentFault::World(exports.join(", ")))
    }
}
