//! Rows of an import, as a command carries them.

use onhand_wire::{LocationId, Money, Sku, request::Policy};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportMode {
    Set,
    Adjust,
}

/// One valid row.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportRow {
    /// The line in the file.
    pub row: u64,
    pub sku: Sku,
    pub location: LocationId,
    /// On hand, or the change of it.
    pub quantity: i64,
    pub name: Option<String>,
    pub brand: Option<String>,
    pub price: Option<Money>,
    pub policy: Policy,
    pub mode: ImportMode,
    pub create: bool,
}
