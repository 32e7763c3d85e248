//! Rows to be reconciled, as a command carries them.

use onhand_wire::{LocationId, Quantity, Sku};

/// A row to look at again, and what was counted there, if it was.
#[derive(Debug, Clone)]
pub struct Correction {
    pub sku: Sku,
    pub location: LocationId,
    pub count: Option<Quantity>,
}
