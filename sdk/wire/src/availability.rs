//! The answers to lookups.

use serde::{Deserialize, Serialize};

use crate::{LocationId, RestockAt, Sku};

/// Ordered from worst to best: a SKU's status is the best of its locations'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    OutOfStock,
    /// Nothing is available, but more may be held.
    Backorder,
    /// 0 < available ≤ low_stock_at.
    LowStock,
    InStock,
}

/// One location's part. Whole units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtLocation {
    pub location: LocationId,
    pub available: i64,
    /// What may be held beyond `available`.
    pub backorderable: i64,
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restock_at: Option<RestockAt>,
    pub version: String,
}

/// One SKU, as one channel sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Availability {
    pub sku: Sku,
    pub available: i64,
    pub status: Status,
    /// Shown only where the item is not sold: then there is none of it to be had.
    #[serde(default = "yes", skip_serializing_if = "sold")]
    pub active: bool,
    /// Only when the caller asked for a quantity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sellable: Option<bool>,
    /// What a `view` rule shows instead of the number, such as `10+`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restock_at: Option<RestockAt>,
    pub locations: Vec<AtLocation>,
}

fn yes() -> bool {
    true
}

fn sold(active: &bool) -> bool {
    *active
}

/// The answer to a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    pub items: Vec<Availability>,
    pub unknown: Vec<Sku>,
}
