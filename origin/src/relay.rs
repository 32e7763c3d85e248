//! The relay: outbox → feed, then the watermark.
//!
//! What this process commits is handed to its relay, if that leads, and leaves at once. Rounds see to
//! the rest, and to the promise: a round deletes what was published, keeps T, takes a snapshot of
//! the outbox, publishes every change of it that is not on its way already, waits until all of it
//! is acknowledged, commits a heartbeat that stores T and renews the lease, and only then sends the
//! watermark to every partition. Sequence order is not commit order, so there is no cursor; facts
//! carry versions, so a repeat is harmless.

mod lead;
mod early;

use std::{sync::Arc, time::Duration};

use onhand_wire::{
    Timestamp,
    event::{Change, Watermark},
};
use uuid::Uuid;

use self::lead::{Lead, Read};
use crate::{
    feed::{Feed, FeedError, FeedRecord},
    handoff::Handoff,
    metrics::Metrics,
    store::{Round, Store, StoreError},
};

/// A round at least this often, changes or not.
const BEAT: Duration = Duration::from_millis(100);
/// A round, and its watermark, no more often than this, but for what only the outbox has.
const WATERMARK: Duration = Duration::from_millis(25);
/// Changes published and deleted in one go.
const PART: usize = 10_000;
/// How long a relay leads after its last heartbeat.
const LEASE: Duration = Duration::from_secs(1);
/// The first lease: looking at the feed's end comes before the first heartbeat.
const FIRST_LEASE: Duration = Duration::from_secs(6);

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
    /// What this process has committed.
    pub handoff: Arc<Handoff>,
    pub metrics: Metrics,
}

impl Relay {
    /// Runs until it is dropped.
    pub async fn run(self) {
        let holder = Uuid::new_v4();
        loop {
            let led = match self.store.heartbeat(holder, None, FIRST_LEASE).await {
                Ok(Some(_)) => self.lead(holder).await,
                Ok(None) => Ok(()),
                Err(error) => Err(error.into()),
            };
            if let Err(error) = led {
                tracing::warn!(%error, "a relay round failed; the outbox keeps what it had");
                self.metrics.round_failed();
            }
            tokio::time::sleep(BEAT).await;
        }
    }

    /// After any trouble it leads anew: its sessions may then be on another copy of the database.
    async fn lead(&self, holder: Uuid) -> Result<(), RoundError> {
        self.leads(true);
        let ended = Lead::new(self, holder).run().await;
        self.leads(false);
        ended
    }

    fn leads(&self, leads: bool) {
        tracing::info!(leads, "the relay's lease changed hands");
        self.metrics.leading(leads);
        self.handoff.leads(leads);
        // Its own commits are handed to its own relay; others hear of them only when another leads.
        self.store.announce_commits(!leads);
    }

    /// Renews the lease and says nothing of T; whether it still leads.
    async fn renew(self, holder: Uuid) -> Result<bool, RoundError> {
        Ok(self.store.heartbeat(holder, Some(Timestamp::default()), LEASE).await?.is_some())
    }

    /// Stores T and renews the lease, then tells every partition: the round's records are acknowledged.
    async fn beat(self, holder: Uuid, read: Read) -> Result<bool, RoundError> {
        let Some(s) = self.store.heartbeat(holder, Some(read.round.t), LEASE).await? else {
            return Ok(false);
        };
        self.feed.publish(watermarks(&read.round, s, read.partitions)).await?;
        self.metrics.watermark(read.started.elapsed());
        Ok(true)
    }
}

fn watermarks(round: &Round, s: Timestamp, partitions: i32) -> Vec<FeedRecord> {
    let t = early::claimed(round.t);
    let watermark = Watermark { t, s, term: round.term, good_since: round.good_since, partitions };
    let change = Change::Watermark(watermark);
    (0..partitions).map(|partition| FeedRecord { partition, key: change.key(), value: change.encode() }).collect()
}
