//! Announcements of pushed releases: the table `rules` says which rules' state is missing in the topic; each is sent
//! until it is acknowledged.
//!
//! 1. A change of a rule commits its new state as unannounced.
//! 2. A check takes what is unannounced, under a lease that lasts longer than the sending, so what is sent later is
//!    newer.
//! 3. An acknowledged state is settled if it is still the current one; a newer one is due at once.
//!
//! When it starts, an origin announces all of them again, so that a lost topic is filled again.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use onhand_wire::{memory_log::MemoryLog, release::Manifest};
use tokio::sync::Notify;

use crate::{
    metrics::Metrics,
    store::{Store, StoreError},
    topic::{ACKNOWLEDGED_WITHIN, Topic},
};

/// The time between checks, which also find what another replica accepted but could not send.
const EVERY: Duration = Duration::from_secs(1);
/// Before a record that failed is sent again.
const PAUSE: Duration = Duration::from_secs(1);
/// Making the topic, queueing and sending may each take this long, and a busy machine needs a little longer.
const LEASE: Duration = Duration::from_secs(4 * ACKNOWLEDGED_WITHIN.as_secs());

/// Where releases are announced.
pub(crate) enum Announced {
    Kafka(Topic),
    Memory(MemoryLog),
}

pub(crate) struct Announcer {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) to: Announced,
    pub(crate) metrics: Metrics,
    pub(crate) due: Notify,
}

impl Announcer {
    /// Runs until it is dropped.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut all = false;
        loop {
            if let Err(error) = self.look(&mut all).await {
                tracing::warn!(%error, "releases to announce could not be read");
            }
            let _woken_or_time = tokio::time::timeout(EVERY, self.due.notified()).await;
        }
    }

    /// Something was committed: check at once.
    pub(crate) fn wake(&self) {
        self.due.notify_one();
    }

    async fn look(&self, all: &mut bool) -> Result<(), StoreError> {
        if !*all {
            self.store.announce_all().await?;
            *all = true;
        }
        let taken = self.store.take_unannounced(LEASE).await?;
        // All at the same time: one after the other, the last lease would end before its record is sent.
        let sent = join_all(taken.iter().map(|manifest| self.send(manifest))).await;
        for (Manifest { rule, seq, .. }, sent) in taken.iter().zip(sent) {
            match sent {
                Ok(()) => {
                    tracing::info!(rule, seq, "a rule's releases are announced");
                    self.store.settle_announcement(rule, Some(*seq), Duration::ZERO).await?;
                }
                Err(error) => {
                    tracing::warn!(rule, seq, error, "a rule's releases could not be announced; trying again");
                    self.store.settle_announcement(rule, None, PAUSE).await?;
                }
            }
        }
        self.metrics.unannounced(self.store.unannounced().await?);
        Ok(())
    }

    async fn send(&self, manifest: &Manifest) -> Result<(), String> {
        match &self.to {
            Announced::Kafka(topic) => topic.send(&manifest.rule, &manifest.encode()).await,
            Announced::Memory(log) => {
                log.append([(0, manifest.encode())]);
                Ok(())
            }
        }
    }
}
