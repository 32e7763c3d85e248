//! The relay: outbox → feed, then the watermark.
//!
//! A round reads T, takes its snapshot, publishes every pending change, waits for the
//! acknowledgement, deletes what it published, commits a heartbeat that stores T and renews the
//! lease, and only then sends the watermark to every partition. Sequence order is not commit
//! order, so there is no cursor; facts carry versions, so a repeat is harmless.
//!
//! Under load a round that follows its predecessor closely leaves heartbeat and watermark to a
//! later one, and neither they nor the deletion hold up the rounds that follow: facts go out at
//! once, and nobody pays a commit and a record in every partition for a moment that the next
//! watermark covers as well.

mod end;
mod kafka;
mod memory;

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use onhand_wire::event::{Change, Watermark};
use tokio::{sync::Notify, task::JoinHandle};
use uuid::Uuid;

pub(crate) use self::kafka::make as make_topic;
pub use self::{
    kafka::{KafkaFeed, probe},
    memory::MemoryFeed,
};
use crate::{
    metrics::Metrics,
    store::{FeedEnd, Pending, Round, Store, StoreError},
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

#[derive(Clone)]
pub struct Relay {
    pub store: Arc<dyn Store>,
    pub feed: Arc<dyn Feed>,
    /// Told after each commit of this process.
    pub committed: Arc<Notify>,
    pub metrics: Metrics,
}

/// What a leading relay carries from round to round.
struct Lead {
    /// When the last heartbeat began.
    beat_at: Instant,
    /// A heartbeat and its watermark on their way, beside the rounds that follow; whether it still leads.
    beat: Option<JoinHandle<Result<bool, RoundError>>>,
    /// Whether it was asked if the feed knows of more than this copy of the database: once, before
    /// the first record.
    settled: bool,
    /// Published and acknowledged, and perhaps still in the outbox.
    published: Vec<Pending>,
}

impl Relay {
    /// Runs until it is dropped.
    pub async fn run(self) {
        let holder = Uuid::new_v4();
        let mut lead = None;
        loop {
            let leading = lead.is_some();
            let turned = match &mut lead {
                Some(led) => self.round(holder, led).await,
                None => self.take_the_lead(holder, &mut lead).await,
            };
            match turned {
                Ok(true) => {}
                Ok(false) => lead = None,
                Err(error) => {
                    tracing::warn!(%error, "a relay round failed; the outbox keeps what it had");
                    self.metrics.round_failed();
                    // Its sessions may be on another copy next time: it begins anew, the lease is its own.
                    lead = None;
                    tokio::time::sleep(BEAT).await;
                }
            }
            let leads = lead.is_some();
            if leads != leading {
                tracing::info!(leads, "the relay's lease changed hands");
            }
            self.metrics.leading(leads);
            // Its own commits wake its own relay; others hear of them only when another leads.
            self.store.announce_commits(!leads);
            let young = lead.as_ref().is_some_and(|lead| lead.beat_at.elapsed() < WATERMARK);
            tokio::select! {
                () = self.committed.notified(), if leads => {}
                () = self.store.changed_elsewhere(), if leads => {}
                () = tokio::time::sleep(if young { WATERMARK } else { BEAT }) => {}
            }
        }
    }

    async fn take_the_lead(&self, holder: Uuid, lead: &mut Option<Lead>) -> Result<bool, RoundError> {
        let led = self.store.heartbeat(holder, None, LEASE).await?.is_some();
        // Long ago, so that the first round ends with one.
        let beat_at = Instant::now().checked_sub(BEAT).unwrap_or_else(Instant::now);
        *lead = led.then(|| Lead { beat_at, beat: None, settled: false, published: Vec::new() });
        Ok(led)
    }

    /// Publishes what its snapshot shows; false if it no longer leads.
    async fn round(&self, holder: Uuid, lead: &mut Lead) -> Result<bool, RoundError> {
        if let Some(ended) = lead.beat.take_if(|beat| beat.is_finished())
            && !ended.await.map_err(|error| FeedError(error.to_string()))??
        {
            return Ok(false);
        }
        let started = Instant::now();
        let partitions = self.feed.partitions().await?;
        if !lead.settled {
            if terms::settle(&self.store, &self.feed).await? == FeedEnd::Unreachable {
                return Err(FeedError("its end cannot be read".to_owned()).into());
            }
            lead.settled = true;
        }
        let mut round = match self.store.round().await {
            Err(StoreError::AnotherCopy) => {
                lead.settled = false;
                return Ok(true);
            }
            round => round?,
        };
        forget_published(&mut round.pending, &lead.published);
        self.metrics.outbox(round.pending.len());
        self.publish(partitions, &mut round, &mut lead.published).await?;
        self.metrics.published(lead.published.len(), started.elapsed());
        if lead.beat.is_none() && lead.beat_at.elapsed() >= WATERMARK {
            lead.beat_at = Instant::now();
            lead.beat = Some(tokio::spawn(self.clone().beat(holder, round, partitions, started)));
        }
        Ok(true)
    }

    /// Deletes what the round before published while this one's records are on their way. In parts, so
    /// that an outbox of any length drains: what was acknowledged is not sent again.
    async fn publish(
        &self,
        partitions: i32,
        round: &mut Round,
        published: &mut Vec<Pending>,
    ) -> Result<(), RoundError> {
        let mut rest = std::mem::take(&mut round.pending);
        loop {
            let later = if rest.len() > PART { rest.split_off(PART) } else { Vec::new() };
            let records = rest.iter().map(|pending| record(&pending.change, pending.change.partition(partitions)));
            let (sent, deleted) = tokio::join!(self.feed.publish(records.collect()), self.store.published(published));
            sent?;
            *published = rest;
            deleted?;
            if later.is_empty() {
                return Ok(());
            }
            rest = later;
        }
    }

    /// Stores T and renews the lease, then tells every partition: the round's records are acknowledged.
    async fn beat(self, holder: Uuid, round: Round, partitions: i32, started: Instant) -> Result<bool, RoundError> {
        let Some(s) = self.store.heartbeat(holder, Some(round.t), LEASE).await? else {
            return Ok(false);
        };
        self.feed.publish(watermarks(&round, s, partitions)).await?;
        self.metrics.watermark(started.elapsed());
        Ok(true)
    }
}

/// Leaves out what was acknowledged in the round before, at the same version.
fn forget_published(pending: &mut Vec<Pending>, published: &[Pending]) {
    let known: HashSet<_> = published.iter().map(|row| (row.kind, &row.sku, &row.location, row.seq)).collect();
    pending.retain(|row| !known.contains(&(row.kind, &row.sku, &row.location, row.seq)));
}

fn record(change: &Change, partition: i32) -> Record {
    Record { partition, key: change.key(), value: change.encode() }
}

fn watermarks(round: &Round, s: onhand_wire::Timestamp, partitions: i32) -> Vec<Record> {
    let watermark = Watermark { t: round.t, s, term: round.term, good_since: round.good_since, partitions };
    (0..partitions).map(|partition| record(&Change::Watermark(watermark), partition)).collect()
}
