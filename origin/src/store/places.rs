//! What depends on a location or a channel, and names that would be refused today.

use async_trait::async_trait;
use onhand_wire::{ChannelId, LocationId, Sku};

use super::Result;
use crate::record::LocationUse;

#[async_trait]
pub trait Places: Send + Sync {
    /// What lies at a location and is held there.
    async fn location_use(&self, location: &LocationId) -> Result<LocationUse>;
    /// Open holds that were made for a channel.
    async fn holds_for(&self, channel: &ChannelId) -> Result<i64>;
    /// Returns once every batch that was under way has ended: those that begin from now on see what was committed.
    async fn pass_batches(&self) -> Result<()>;
    /// The items whose names nobody could give today ([`Sku::check_spelling`]).
    async fn misspelt(&self) -> Result<Vec<Sku>>;
}
