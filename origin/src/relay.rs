//! The relay: outbox → feed, then the watermark.
//!
//! A round reads T, takes its snapshot, publishes every pending change, waits for the
//! acknowledgement, deletes what it published, commits a heartbeat that stores T and renews the
//! lease, and only then sends the watermark to every partition. Sequence order is not commit
//! order, so there is no cursor; facts carry versions, so a repeat is harmless.
//!
//! Under load a round that follows its predecessor closely leaves heartbeat and watermark to a
//! later one: facts go out at once, and nobody pays a commit and a record in every partition for
//! a moment that the next watermark covers as well.

mod end;
mod kafka;
mod memory;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use onhand_wire::event::{Change, Watermark};
use tokio::sync::Notify;
use uuid::Uuid;

pub use self::{
    kafka::{KafkaFeed, probe},
    memory::MemoryFeed,
};
use crate::{
    metrics::Metrics,
    store::{FeedEnd, Round, Store, StoreError},
    terms,
};

/// A round at least this often, changes or not.
const BEAT: Duration = Duration::from_millis(100);
/// A watermark no more often than this.
const WATERMARK: Duration = Duration::from_millis(25);
/// Changes published and deleted in one go.
const PART: usize = 10_000;
/// How long a relay leads after its last heartbeat.
const LEASE: Duration = Duration::from_secs(1);

/// Where changes are published.
#[async_trait]
pub trait Feed: Send + Sync {
    /// Partitions of the topic; connects, and makes the topic, where that is still to be done.
    async fn partitions(&self) -> Result<i32, FeedError>;
    /// What the last watermark says; looks at every partition.
    async fn end(&self) -> Result<FeedEnd, FeedError>;
    /// Resolves when every record is acknowledged.
    async fn publish(&self, records: Vec<Record>) -> Result<(), FeedError>;
    /// Whether the last attempt worked; `None` when there is nothing outside to reach.
    fn healthy(&self) -> Option<bool>;
}

#[derive(Debug)]
pub struct Record {
    pub partition: i32,
    pub key: String,
    pub value: Vec<u8>,
}

#[derive(Debug, thiserror::Error)]
#[error("the feed: {0}")]
pub struct FeedError(pub String);

#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Feed(#[from] FeedError),
}

pub struct Relay {
    pub store: Arc<dyn Store>,
    pub feed: Arc<dyn Feed>,
    /// Told after each commit of this process.
    pub committed: Arc<Notify>,
    pub metrics: Metrics,
}

impl Relay {
    /// Runs until it is dropped.
    pub async fn run(self) {
        let holder = Uuid::new_v4();
        let mut last_watermark = None;
        let mut settled = false;
        loop {
            let leading = last_watermark.is_some();
            match self.turn(holder, last_watermark, &mut settled).await {
                Ok(watermark) => last_watermark = watermark,
                Err(error) => {
                    tracing::warn!(%error, "a relay round failed; the outbox keeps what it had");
                    self.metrics.round_failed();
                    tokio::time::sleep(BEAT).await;
                }
            }
            let leads = last_watermark.is_some();
            if leads != leading {
                tracing::info!(leads, "the relay's lease changed hands");
            }
            self.metrics.leading(leads);
            // Its own commits wake its own relay; others hear of them only when another leads.
            self.store.announce_commits(!leads);
            let wait = last_watermark.filter(|last| last.elapsed() < WATERMARK).map_or(BEAT, |_| WATERMARK);
            tokio::select! {
                () = self.committed.notified(), if leads => {}
                () = self.store.changed_elsewhere(), if leads => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// A round if it leads, else a try for the lease. Answers when its last watermark went out, if it leads.
    async fn turn(
        &self,
        holder: Uuid,
        last_watermark: Option<Instant>,
        settled: &mut bool,
    ) -> Result<Option<Instant>, RoundError> {
        let Some(last) = last_watermark else {
            let led = self.store.heartbeat(holder, None, LEASE).await?;
            // Long ago, so that the first round ends with one.
            return Ok(led.map(|_| Instant::now().checked_sub(BEAT).unwrap_or_else(Instant::now)));
        };
        let started = Instant::now();
        let partitions = self.feed.partitions().await?;
        if !*settled {
            // Once, before the first record: the feed may know of more than this copy of the database.
            terms::settle(&self.store, &self.feed).await?;
            *settled = true;
        }
        let round = match self.store.round().await {
            Err(StoreError::AnotherCopy) => {
                *settled = false;
                return Ok(Some(last));
            }
            round => round?,
        };
        self.metrics.outbox(round.pending.len());
        // In parts, so that an outbox of any length drains: what was acknowledged is not sent again.
        for part in round.pending.chunks(PART) {
            let records = part.iter().map(|pending| record(&pending.change, pending.change.partition(partitions)));
            self.feed.publish(records.collect()).await?;
            self.store.published(part).await?;
        }
        self.metrics.published(round.pending.len(), started.elapsed());
        if last.elapsed() < WATERMARK {
            return Ok(Some(last));
        }
        let Some(s) = self.store.heartbeat(holder, Some(round.t), LEASE).await? else {
            return Ok(None);
        };
        self.feed.publish(watermarks(&round, s, partitions)).await?;
        self.metrics.watermark(started.elapsed());
        Ok(Some(Instant::now()))
    }
}

fn record(change: &Change, partition: i32) -> Record {
    Record { partition, key: change.key(), value: change.encode() }
}

fn watermarks(round: &Round, s: onhand_wire::Timestamp, partitions: i32) -> Vec<Record> {
    let watermark = Watermark { t: round.t, s, term: round.term, good_since: round.good_since, partitions };
    (0..partitions).map(|partition| record(&Change::Watermark(watermark), partition)).collect()
}
