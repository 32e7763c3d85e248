//! Restock notifications: deliveries that wait, and their targets.

use std::time::Duration;

use async_trait::async_trait;
use onhand_wire::Timestamp;
use uuid::Uuid;

use super::Result;

/// The target that is not a webhook.
pub const TOPIC: &str = "topic";

/// A crossing to be delivered to one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The same in every attempt and to every target.
    pub notification: Uuid,
    /// [`TOPIC`], or a webhook's URL.
    pub target: String,
    /// Including this one.
    pub attempts: i32,
    /// The time of the first attempt.
    pub since: Timestamp,
    pub event: String,
    pub sku: String,
    pub location: String,
    pub at: Timestamp,
    pub seq: u64,
    pub available: i64,
    pub threshold: i64,
}

/// The result of an attempt.
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

/// Functions that write do so in a transaction of their own, never with a batch's locks held.
#[async_trait]
pub trait Notifications: Send + Sync {
    /// Makes a delivery for each target for up to `limit` crossings that have none yet; returns the number of
    /// crossings.
    async fn make_out_deliveries(&self, targets: &[String], limit: usize) -> Result<usize>;
    /// Takes a target's deliveries that are due; nobody else gets them for as long as `lease`.
    async fn take_deliveries(&self, target: &str, limit: usize, lease: Duration) -> Result<Vec<Delivery>>;
    /// Gives up deliveries that are older than `age` and not for one of these targets, because theirs are no longer
    /// configured. Returns how many.
    async fn give_up_others(&self, targets: &[String], age: Duration) -> Result<usize>;
    async fn settle_deliveries(&self, attempts: &[(Delivery, Attempt)]) -> Result<()>;
    /// Deletes notifications whose deliveries are all acknowledged, and those that failed longer than `kept` ago.
    async fn forget_notifications(&self, kept: Duration) -> Result<()>;
    async fn undelivered(&self) -> Result<Undelivered>;
}
