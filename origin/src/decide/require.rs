//! What a command names must be there.

use onhand_wire::{Item, Location, LocationId, Sku};

use super::Rejection;
use crate::state::BatchState;

pub(super) fn item<'a>(state: &'a BatchState, sku: &Sku) -> Result<&'a Item, Rejection> {
    state.item(sku).ok_or_else(|| Rejection::UnknownSku(sku.clone()))
}

pub(super) fn location<'a>(state: &'a BatchState, location: &LocationId) -> Result<&'a Location, Rejection> {
    state.topology.locations.get(location).ok_or_else(|| Rejection::UnknownLocation(location.clone()))
}
