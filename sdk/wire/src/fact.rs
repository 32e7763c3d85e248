//! Facts and their one join: everything else builds on this idea.
//!
//! A fact is the full state of one SKU at one location at one version. Joining two facts keeps
//! the higher version, so every tier may receive facts late, twice or out of order and still
//! never moves backwards.

use serde::{Deserialize, Serialize};

use crate::{Item, LocationId, RestockAt, Sku, Timestamp, Version};

/// The state of one SKU at one location at one version. Quantities are whole units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Fact {
    pub sku: Sku,
    pub location: LocationId,
    /// Physically there; never below 0.
    #[serde(default)]
    pub on_hand: i64,
    /// Held or confirmed and not yet shipped.
    #[serde(default)]
    pub reserved: i64,
    /// Never sold.
    #[serde(default)]
    pub safety_stock: i64,
    /// How far below zero sales may go.
    #[serde(default)]
    pub backorder_limit: i64,
    /// Low stock at or below this many available; 0 means never.
    #[serde(default)]
    pub low_stock_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restock_at: Option<RestockAt>,
    pub version: Version,
    /// By the origin database's clock.
    #[serde(default)]
    pub changed_at: Timestamp,
    /// The item was deleted: the fact is ignored, but a join can tell it from a fact that never arrived.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
}

impl Fact {
    /// max(0, on hand − reserved − safety stock).
    pub fn available(&self) -> i64 {
        (self.on_hand - self.reserved - self.safety_stock).max(0)
    }

    /// How many more may be held, backorder included.
    pub fn holdable(&self) -> i64 {
        (self.on_hand - self.reserved - self.safety_stock + self.backorder_limit).max(0)
    }

    /// What may be held beyond `available`.
    pub fn backorderable(&self) -> i64 {
        self.holdable() - self.available()
    }
}

/// A value whose versions are totally ordered for its key.
pub trait Join: Sized {
    fn version(&self) -> Version;

    /// Keeps the higher version. Associative, commutative and idempotent, because one version
    /// of one key has one content.
    fn join(self, other: Self) -> Self {
        if other.version() > self.version() { other } else { self }
    }
}

impl Join for Fact {
    fn version(&self) -> Version {
        self.version
    }
}

/// Everything known about one SKU: its item, and a fact for each location, in location order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stock {
    #[serde(default)]
    pub item: Option<Item>,
    #[serde(default)]
    pub facts: Vec<Fact>,
}

impl Stock {
    /// Whether the origin knows the SKU: it has an item that was not deleted.
    pub fn known(&self) -> bool {
        self.item.as_ref().is_some_and(|item| !item.deleted)
    }

    pub fn fact(&self, location: &str) -> Option<&Fact> {
        let index = self.facts.binary_search_by(|fact| fact.location.as_str().cmp(location)).ok()?;
        Some(&self.facts[index])
    }

    /// The oldest term of anything in it; the highest possible term if it is empty.
    pub fn oldest_term(&self) -> u16 {
        let item = self.item.iter().map(|item| item.version.term());
        item.chain(self.facts.iter().map(|fact| fact.version.term())).min().unwrap_or(u16::MAX)
    }

    /// Removes everything from before this term.
    pub fn forget_before(&mut self, term: u16) {
        self.item.take_if(|item| item.version.term() < term);
        self.facts.retain(|fact| fact.version.term() >= term);
    }

    /// Joins one fact in; true if anything changed.
    pub fn join_fact(&mut self, fact: Fact) -> bool {
        match self.facts.binary_search_by(|held| held.location.cmp(&fact.location)) {
            Ok(index) if fact.version > self.facts[index].version => self.facts[index] = fact,
            Ok(_) => return false,
            Err(index) => self.facts.insert(index, fact),
        }
        true
    }

    /// Joins the item in; true if anything changed.
    pub fn join_item(&mut self, item: Item) -> bool {
        let newer = self.item.as_ref().is_none_or(|held| item.version > held.version);
        if newer {
            self.item = Some(item);
        }
        newer
    }

    /// Joins field by field; true if anything changed.
    pub fn join(&mut self, other: Self) -> bool {
        let item = other.item.is_some_and(|item| self.join_item(item));
        other.facts.into_iter().fold(item, |changed, fact| self.join_fact(fact) | changed)
    }
}
