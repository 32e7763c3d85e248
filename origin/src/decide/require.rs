//! What a command names must be there.

use onhand_wire::{Item, Location, LocationId, Sku};

use super::Rejection;
use crate::state::BatchState;

pub(super) fn item<'a>(state: &'a BatchState, sku: &Sku) -> Result<&'a Item, Rejection> {
    state.item(sku).ok_or_else(|| Rejection::UnknownSku(sku.clone()))
}

/// What is there already keeps its name, whatever the rules were when it was made.
pub(super) fn spelling(state: &BatchState, sku: &Sku) -> Result<(), Rejection> {
    if state.item(sku).is_some() {
        return Ok(());
    }
    sku.check_spelling().map_err(|right| Rejection::Misspelt(sku.clone(), right))
}

pub(super) fn location<'a>(state: &'a BatchState, location: &LocationId) -> Result<&'a Location, Rejection> {
    state.topology.locations.get(location).ok_or_else(|| Rejection::UnknownLocation(location.clone()))
}
