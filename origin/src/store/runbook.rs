//! What the runbook's pages and the restock notifications need of a store.

use std::time::Duration;

use async_trait::async_trait;
use onhand_wire::{Sku, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use super::Result;
use crate::record::Record;

/// A row at or below its threshold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct LowStock {
    pub sku: String,
    pub location: String,
    pub available: i64,
    pub threshold: i64,
    /// When it came to be so.
    pub since: Timestamp,
}

/// The target that is not a webhook.
pub const TOPIC: &str = "topic";

/// A crossing that one target is to be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The same in every attempt and to every target.
    pub notification: Uuid,
    /// [`TOPIC`], or a webhook's URL.
    pub target: String,
    /// This one included.
    pub attempts: i32,
    /// Since when somebody has been trying.
    pub since: Timestamp,
    pub event: String,
    pub sku: String,
    pub location: String,
    pub at: Timestamp,
    pub seq: u64,
    pub available: i64,
    pub threshold: i64,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    Acknowledged,
    /// Try again after this long.
    Again(Duration),
    GivenUp,
}

/// Deliveries that wait, and those that were given up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Undelivered {
    pub pending: i64,
    pub failed: i64,
}

/// The pool that reads go through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Connections {
    pub max: usize,
    pub active: usize,
    pub idle: usize,
    /// Calls that wait for one.
    pub pending: usize,
}

/// Functions that write do so in a transaction of their own, never with a batch's locks held.
#[async_trait]
pub trait Runbook: Send + Sync {
    /// SKUs that are sold, those with most units in open reservations first, then others by name.
    async fn most_held(&self, limit: usize) -> Result<Vec<Sku>>;
    /// In order of SKU and location, beyond `after`.
    async fn low_stock(&self, after: Option<(String, String)>, limit: usize) -> Result<Vec<LowStock>>;
    async fn low_stock_items(&self) -> Result<i64>;
    /// Held past the deadline, or confirmed longer than `after` ago and not shipped; by id, beyond `beyond`.
    async fn stuck(&self, stuck_after: Duration, beyond: Option<Uuid>, limit: usize) -> Result<Vec<Record>>;

    /// Makes out a delivery to each target for up to `limit` crossings that have none yet; how many crossings.
    async fn tell(&self, targets: &[String], limit: usize) -> Result<usize>;
    /// Takes a target's deliveries that are due; nobody else gets them for as long as `lease`.
    async fn take_deliveries(&self, target: &str, limit: usize, lease: Duration) -> Result<Vec<Delivery>>;
    /// Gives up what is older than `age` and of none of these targets: they are configured away. How many.
    async fn give_up_others(&self, targets: &[String], age: Duration) -> Result<usize>;
    async fn settle_deliveries(&self, attempts: &[(Delivery, Attempt)]) -> Result<()>;
    /// Forgets notifications whose deliveries are all acknowledged, and what failed longer than `kept` ago.
    async fn forget_notifications(&self, kept: Duration) -> Result<()>;
    async fn undelivered(&self) -> Result<Undelivered>;

    /// Closes every connection once its work under way is done; how many. Later work opens new ones.
    async fn restart_connections(&self) -> Result<usize>;
    /// `None` where there is no pool.
    fn connections(&self) -> Option<Connections>;
}
