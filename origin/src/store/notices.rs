//! Notices of orders' decisions: rows that the decisions' own commits make, one for each target.

use std::time::Duration;

use async_trait::async_trait;
use onhand_wire::Timestamp;
use uuid::Uuid;

use super::{Result, notifications::Attempt};

/// A decision that one target is to be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub order: Uuid,
    /// When the order came to this state: an order that is replayed is decided again.
    pub at: Timestamp,
    /// A webhook's URL.
    pub target: String,
    pub state: String,
    pub reason: Option<String>,
    pub reservation: Option<Uuid>,
    pub order_ref: Option<String>,
    pub subject: String,
    /// Including this one.
    pub attempts: i32,
}

/// Functions that write do so in a transaction of their own.
#[async_trait]
pub trait Notices: Send + Sync {
    /// From now on, decisions make notices for these targets, and for no others.
    async fn notify_of_orders(&self, targets: &[String]) -> Result<()>;
    /// Takes a target's notices that are due, the oldest first; nobody else gets them for as long as `lease`.
    async fn take_notices(&self, target: &str, limit: usize, lease: Duration) -> Result<Vec<Notice>>;
    async fn settle_notices(&self, attempts: &[(Notice, Attempt)]) -> Result<()>;
    /// Gives up those that are older than `age` and for none of these targets; how many.
    async fn give_up_other_notices(&self, targets: &[String], age: Duration) -> Result<usize>;
    /// Deletes those that were given up longer than `kept` ago.
    async fn forget_notices(&self, kept: Duration) -> Result<()>;
    /// Those that wait, and those that were given up.
    async fn undelivered_notices(&self) -> Result<super::notifications::Undelivered>;
}
