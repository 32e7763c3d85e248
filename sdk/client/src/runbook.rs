//! The runbook's lists and remedies, at an origin.

use onhand_wire::{LocationId, Quantity, Sku, Timestamp, page::Page, reservation::State};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Call, Client, Level};

/// A row with no more available than its `low_stock_at`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LowStock {
    pub sku: Sku,
    pub location: LocationId,
    pub available: i64,
    pub threshold: i64,
    pub since: Timestamp,
}

/// A reservation that should have made progress by now.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Stuck {
    pub id: Uuid,
    pub state: State,
    /// `not_swept` or `not_shipped`.
    pub reason: String,
    pub expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub confirmed_at: Option<Timestamp>,
    pub order_ref: Option<String>,
    /// Units that are still open.
    pub units: i64,
    pub lines: Vec<OpenLine>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct OpenLine {
    pub line: u32,
    pub sku: Sku,
    pub location: LocationId,
    pub open: i64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Released {
    pub released: u64,
    /// The first 10,000.
    pub ids: Vec<Uuid>,
}

/// Restock notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Notified {
    pub sent: u64,
    pub pending: u64,
    /// Given up in the last seven days.
    pub failed: u64,
}

/// A count at one location.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Count {
    pub sku: Sku,
    pub location: LocationId,
    pub on_hand: Quantity,
}

/// How counts, open reservations and the ledger compare with the rows.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Reconciled {
    pub mode: String,
    /// Rows that were compared.
    pub checked: u64,
    /// How many counts were compared; `None` if there were no counts.
    pub counts: Option<u64>,
    /// The first 500 of each comparison.
    pub differences: Vec<Difference>,
    pub unknown: Listed,
    /// Present after an apply.
    #[serde(default)]
    pub corrected: Option<Listed>,
    #[serde(default)]
    pub note: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// `counts`, `reservations` or `ledger`.
    pub comparison: String,
    pub sku: String,
    pub location: String,
    pub expected: Level,
    pub found: Level,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Listed {
    pub total: u64,
    /// The first 500.
    pub items: Vec<Value>,
}

impl Client {
    pub fn low_stock(&self) -> Call<Page<LowStock>> {
        self.gets("/internal/api/inventory/low-stock")
    }

    pub fn stuck_reservations(&self) -> Call<Page<Stuck>> {
        self.gets("/internal/api/inventory/stuck-reservations")
    }

    /// Sweeps all holds whose deadline has passed.
    pub fn release_expired(&self) -> Call<Released> {
        self.posts("/internal/api/inventory/release-expired-reservations", &json!({}))
    }

    /// Sends the restock notifications that are due.
    pub fn notify_restocks(&self) -> Call<Notified> {
        self.posts("/internal/api/inventory/trigger-restock-notifications", &json!({}))
    }

    /// Compares and changes nothing. Without counts, the origin asks the warehouse system if one is configured.
    pub fn reconcile(&self, counts: Option<&[Count]>) -> Call<Reconciled> {
        self.looks("/internal/api/inventory/reconcile", &reconcile("report", counts))
    }

    /// Corrects every wrong row. Needs a token of scope admin.
    pub fn reconcile_and_apply(&self, counts: Option<&[Count]>) -> Call<Reconciled> {
        self.posts("/internal/api/inventory/reconcile", &reconcile("apply", counts))
    }
}

fn reconcile(mode: &str, counts: Option<&[Count]>) -> Value {
    match counts {
        Some(counts) => json!({"mode": mode, "counts": counts}),
        None => json!({"mode": mode}),
    }
}
