//! Rows of an import, as a command carries them.

use std::collections::BTreeMap;

use onhand_wire::{LocationId, Money, Sku, request::Policy};

/// What a spreadsheet may have made of a SKU. A SKU that is in the catalogue is itself, whatever it looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suspect {
    /// It looks like no SKU that anybody would give; the text says what is the matter.
    Always(String),
    /// All digits: it may have lost the zeros that it began with.
    LostZeros,
}

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
    /// As it should be spelt.
    pub sku: Sku,
    /// As the file spells it, where that is another name: if there is an item of that name, it is that one.
    pub written: Option<Sku>,
    /// What it looks like, if it is not there.
    pub suspect: Option<Suspect>,
    pub location: LocationId,
    /// On hand, or the change of it.
    pub quantity: i64,
    pub name: Option<String>,
    pub brand: Option<String>,
    pub price: Option<Money>,
    pub active: Option<bool>,
    pub attributes: Option<BTreeMap<String, String>>,
    pub policy: Policy,
    pub mode: ImportMode,
    pub create: bool,
}
