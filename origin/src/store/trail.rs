//! What the trail needs from a store, besides the lines that batches write.

use std::time::Duration;

use async_trait::async_trait;

use super::Result;
use crate::trail::{Entry, Line, Query};

#[async_trait]
pub trait Trail: Send + Sync {
    /// A single line, in a commit of its own.
    async fn record(&self, line: &Line) -> Result<()>;
    /// Newest first.
    async fn trail(&self, query: &Query) -> Result<Vec<Entry>>;
    /// Deletes lines older than `age`, which is at least 30 days; returns how many.
    async fn forget_trail(&self, age: Duration) -> Result<u64>;
}
