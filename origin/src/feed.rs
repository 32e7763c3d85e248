//! Where changes are published: Kafka, or a log inside one process.

mod delivery;
mod end;
mod kafka;
mod memory;
mod probe;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use onhand_wire::Timestamp;

pub use self::{kafka::KafkaFeed, memory::MemoryFeed, probe::probe};

#[async_trait]
pub trait Feed: Send + Sync {
    /// The partitions of the topic. Connects and creates the topic if that has not been done.
    async fn partitions(&self) -> Result<i32, FeedError>;
    /// What the last watermark of all partitions says.
    async fn end(&self) -> Result<FeedEnd, FeedError>;
    /// Queues the records before it returns, so the caller decides their order; resolves when every one is
    /// acknowledged.
    fn publish(&self, records: Vec<FeedRecord>) -> BoxFuture<'static, Result<(), FeedError>>;
    /// Whether the last attempt worked; `None` when there is nothing outside to reach.
    fn healthy(&self) -> Option<bool>;
}

#[derive(Debug)]
pub struct FeedRecord {
    pub partition: i32,
    pub key: String,
    pub value: Vec<u8>,
}

/// What the feed's end says about the history that wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedEnd {
    /// Its last watermark: the highest term, then the latest T.
    At {
        term: u16,
        t: Timestamp,
    },
    /// Nobody has written a watermark yet.
    Empty,
    Unreachable,
}

#[derive(Debug, thiserror::Error)]
#[error("the feed: {0}")]
pub struct FeedError(pub String);

/// Every region's, this origin's own first.
pub type Feeds = Arc<[Arc<dyn Feed>]>;

/// How long the feeds' ends may take to be found: writes wait for it, and their own deadline is 5 s.
const LOOK: Duration = Duration::from_secs(3);
/// How much longer the others are waited for once one has told its end: one of them may be lost with its region.
const OTHERS: Duration = Duration::from_millis(500);
const AGAIN: Duration = Duration::from_millis(200);

/// The highest end of the feeds that can be read in a time that writes can wait. What the database stored before any
/// watermark was sent makes up for one that cannot.
pub(crate) async fn find_end(feeds: &Feeds) -> FeedEnd {
    let mut reading: FuturesUnordered<_> = feeds.iter().map(read_end).collect();
    let (mut highest, mut until) = (FeedEnd::Unreachable, Instant::now() + LOOK);
    while let Ok(Some(end)) = tokio::time::timeout_at(until.into(), reading.next()).await {
        highest = highest.higher(end);
        until = until.min(Instant::now() + OTHERS);
    }
    highest
}

/// A topic that was just created, or a broker that was just started, answers only after a moment.
async fn read_end(feed: &Arc<dyn Feed>) -> FeedEnd {
    loop {
        match feed.end().await {
            Ok(end) => return end,
            Err(error) => tracing::warn!(%error, "the feed's end cannot be read yet"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

impl FeedEnd {
    /// What both together say.
    fn higher(self, other: Self) -> Self {
        match (self, other) {
            (Self::At { term, t }, Self::At { term: other_term, t: other_t }) if (other_term, other_t) < (term, t) => {
                self
            }
            (_, Self::At { .. }) | (Self::Unreachable, Self::Empty) => other,
            _ => self,
        }
    }
}
