//! Counts, adjustments, transfers, selling policy and their ledger, at an origin.

use onhand_wire::{
    Fact, LocationId, Sku, Timestamp,
    page::Page,
    request::{Adjust, Policy, SetStock, Transfer},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{Call, Client, ask::encode};

/// The rows that a call changed, as they are now.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Changed {
    pub sku: Sku,
    pub facts: Vec<Fact>,
}

/// Whole units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    pub on_hand: i64,
    pub reserved: i64,
}

/// One change of one SKU at one location.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LedgerLine {
    pub id: i64,
    pub time: Timestamp,
    /// A token's subject.
    pub actor: String,
    pub kind: String,
    pub reason: Option<String>,
    pub sku: String,
    pub location: String,
    pub before: Level,
    pub after: Level,
    pub reservation: Option<Uuid>,
    pub correlation: String,
    /// Present if the line changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Value>,
}

impl Client {
    /// Sets what is on hand. Needs a token of scope admin.
    pub fn set_stock(&self, sku: &Sku, stock: &SetStock) -> Call<Changed> {
        self.puts(of(sku, "stock"), stock)
    }

    /// Changes what is on hand.
    pub fn adjust(&self, sku: &Sku, adjust: &Adjust) -> Call<Changed> {
        self.posts(of(sku, "adjustments"), adjust)
    }

    /// Moves available stock from one location to another: both sides or neither.
    pub fn transfer(&self, transfer: &Transfer) -> Call<Changed> {
        self.posts("/inventory/transfers", transfer)
    }

    /// Merges into one location's selling policy, or into all of the SKU's.
    pub fn set_policy(&self, sku: &Sku, policy: &Policy) -> Call<Changed> {
        self.puts(of(sku, "policy"), policy)
    }

    /// Newest first.
    pub fn ledger(&self, sku: &Sku, location: Option<&LocationId>) -> Call<Page<LedgerLine>> {
        let mut call = self.gets(of(sku, "ledger"));
        call.ask.with("location", location);
        call
    }
}

fn of(sku: &Sku, what: &str) -> String {
    format!("/inventory/products/{}/{what}", encode(sku.as_str()))
}
