//! Lists for operators: what is low, what is stuck, what is held most.

use std::time::Duration;

use async_trait::async_trait;
use onhand_wire::{Sku, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use super::Result;
use crate::record::ReservationRecord;

/// A row at or below its threshold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct LowStock {
    pub sku: String,
    pub location: String,
    pub available: i64,
    pub threshold: i64,
    /// When it fell to the threshold.
    pub since: Timestamp,
}

#[async_trait]
pub trait StockLists: Send + Sync {
    /// SKUs that are sold, those with most units in open reservations first, then others by name.
    async fn most_held(&self, limit: usize) -> Result<Vec<Sku>>;
    /// In order of SKU and location, beyond `after`.
    async fn low_stock(&self, after: Option<(String, String)>, limit: usize) -> Result<Vec<LowStock>>;
    async fn low_stock_items(&self) -> Result<i64>;
    /// Held past the deadline, or confirmed longer than `after` ago and not shipped; by id, beyond `beyond`.
    async fn stuck(&self, stuck_after: Duration, beyond: Option<Uuid>, limit: usize) -> Result<Vec<ReservationRecord>>;
}
