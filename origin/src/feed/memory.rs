//! The feed inside one process.

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use onhand_wire::memory_log::MemoryLog;

use super::{Feed, FeedEnd, FeedError, FeedRecord};

pub struct MemoryFeed(pub MemoryLog);

#[async_trait]
impl Feed for MemoryFeed {
    async fn partitions(&self) -> Result<i32, FeedError> {
        Ok(self.0.partitions())
    }

    /// It begins and ends with the process, like the database in memory of `onhand dev`.
    async fn end(&self) -> Result<FeedEnd, FeedError> {
        Ok(FeedEnd::Empty)
    }

    fn publish(&self, records: Vec<FeedRecord>) -> BoxFuture<'static, Result<(), FeedError>> {
        self.0.append(records.into_iter().map(|record| (record.partition, record.value)));
        Box::pin(std::future::ready(Ok(())))
    }

    fn healthy(&self) -> Option<bool> {
        None
    }
}
