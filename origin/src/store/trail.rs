//! What the trail needs of a store, besides the lines that batches write.

use std::time::Duration;

use async_trait::async_trait;

use super::Result;
use crate::trail::{Entry, Line, Query};

#[async_trait]
pub trait Trail: Send + Sync {
    /// A line by itself, in a commit of its own.
    async fn record(&self, line: &Line) -> Result<()>;
    /// Newest first.
    async fn trail(&self, query: &Query) -> Result<Vec<Entry>>;
    /// Forgets lines older than `age`, which is 30 days at least; how many.
    async fn forget_trail(&self, age: Duration) -> Result<u64>;
}
