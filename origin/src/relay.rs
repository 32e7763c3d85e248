//! The relay of one feed: outbox → feed, then the watermark. Each region's feed has one of its own, and they share
//! nothing: a feed that is slow or dead costs the others nothing.
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
mod fill;
mod lead;

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use self::lead::Lead;
use crate::{
    feed::{Feed, FeedError, Feeds},
    handoff::Handoff,
    metrics::FeedMetrics,
    store::{Backlog, Store, StoreError},
};

/// A round at least this often, changes or not.
const BEAT: Duration = Duration::from_millis(100);
/// A round and its watermark at most this often, except for changes that only the outbox has.
const WATERMARK: Duration = Duration::from_millis(25);
/// Between looks at a database that cannot be reached, or belongs to another region.
const AWAY: Duration = Duration::from_millis(250);
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
    /// The region that it is for.
    pub name: String,
    pub store: Arc<dyn Store>,
    pub backlog: Arc<dyn Backlog>,
    pub feed: Arc<dyn Feed>,
    /// All that there are: any of them may know of more than the database.
    pub feeds: Feeds,
    /// What this process has committed.
    pub handoff: Arc<Handoff>,
    pub metrics: FeedMetrics,
}

impl Relay {
    /// Runs until it is dropped.
    pub async fn run(self) {
        let holder = Uuid::new_v4();
        let mut last = String::new();
        loop {
            let tried = self.try_to_lead(holder).await;
            let away = matches!(tried, Err(RoundError::Store(StoreError::Unreachable(_))));
            if let Err(error) = tried {
                let error = error.to_string();
                // The origins of a region that waits would say it for months.
                if error != last {
                    tracing::warn!(feed = self.name, error, "a relay round failed; the outbox keeps what it had");
                }
                self.metrics.round_failed();
                last = error;
            } else {
                last.clear();
            }
            tokio::time::sleep(if away { AWAY } else { BEAT }).await;
        }
    }

    async fn try_to_lead(&self, holder: Uuid) -> Result<(), RoundError> {
        // Nothing is kept for a feed that was left out until it can be reached.
        self.feed.partitions().await?;
        let entered = self.backlog.enter().await?;
        if !self.backlog.take_lease(holder, FIRST_LEASE).await? {
            return Ok(());
        }
        self.set_leading(true);
        // After any trouble it leads anew: its sessions may then be on another copy of the database.
        let ended = Lead::new(self, holder, entered).run().await;
        self.set_leading(false);
        ended
    }

    fn set_leading(&self, leads: bool) {
        tracing::info!(feed = self.name, leads, "the relay's lease changed hands");
        self.metrics.set_leading(leads);
        self.handoff.set_leading(leads);
        // Its own commits are handed to its own relay; others hear of them only when another leads.
        self.backlog.set_leading(leads);
    }
}

/// Between looks at the feeds that have fallen silent.
const SILENCE: Duration = Duration::from_secs(1);

/// Leaves out feeds that have acknowledged nothing for too long, while another has, so that a region that is lost does
/// not fill the database. Each origin looks: whoever led the silent one may be lost with it.
pub async fn leave_out_silent(store: Arc<dyn Store>, patience: Duration) {
    loop {
        tokio::time::sleep(SILENCE).await;
        match store.leave_out_silent(patience).await {
            Ok(silent) => silent.iter().for_each(|feed| {
                tracing::error!(
                    feed,
                    "the feed acknowledged nothing for regions.feed_patience; nothing is kept for it"
                );
            }),
            Err(error) => tracing::debug!(%error, "feeds could not be looked at"),
        }
    }
}
