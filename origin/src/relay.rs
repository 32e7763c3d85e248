//! The relay: outbox → feed, then the watermark.
//!
//! What this process commits is handed to its relay, if that leads, and is published at once. Rounds publish the rest
//! and keep the promise of the watermark: a round deletes what was published, keeps T, takes a snapshot of the outbox,
//! publishes every change in it that is not already on its way, waits until all of it is acknowledged, commits a
//! heartbeat that stores T and renews the lease, and only then sends the watermark to every partition. Sequence order
//! is not commit order, so there is no cursor; facts carry versions, so a repeat is harmless.

mod outgoing;
mod rounds;
mod claim;
mod lease;
mod lead;

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use self::lead::Lead;
use crate::{
    feed::{Feed, FeedError},
    handoff::Handoff,
    metrics::Metrics,
    store::{Store, StoreError},
};

/// A round at least this often, changes or not.
const BEAT: Duration = Duration::from_millis(100);
/// A round and its watermark at most this often, except for changes that only the outbox has.
const WATERMARK: Duration = Duration::from_millis(25);
/// How many changes are published and deleted at a time.
const PART: usize = 10_000;
/// How long a relay leads after its last heartbeat.
const LEASE: Duration = Duration::from_secs(1);
/// The first lease, because the feed's end is read before the first heartbeat.
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
            let led = match self.store.take_lease(holder, FIRST_LEASE).await {
                Ok(true) => self.lead(holder).await,
                Ok(false) => Ok(()),
                Err(error) => Err(error.into()),
            };
            if let Err(error) = led {
                tracing::warn!(%error, "a relay round failed; the outbox keeps what it had");
                self.metrics.round_failed();
            }
            tokio::time::sleep(BEAT).await;
        }
    }

    /// After any trouble it starts to lead again, because its sessions may then be on another copy of the database.
    async fn lead(&self, holder: Uuid) -> Result<(), RoundError> {
        self.set_leading(true);
        let ended = Lead::new(self, holder).run().await;
        self.set_leading(false);
        ended
    }

    fn set_leading(&self, leads: bool) {
        tracing::info!(leads, "the relay's lease changed hands");
        self.metrics.set_leading(leads);
        self.handoff.set_leading(leads);
        // Its own commits are handed to its own relay; others hear of them only when another leads.
        self.store.announce_commits(!leads);
    }
}
