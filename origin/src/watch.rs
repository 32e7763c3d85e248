//! Looks every second at what the origin depends on, so that its page shows it without asking anybody.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use onhand_wire::{Fact, Sku, bulk::LoadFacts};

use crate::{
    feed::Feed,
    metrics::Metrics,
    store::{Standing, Store},
};

const LOOK: Duration = Duration::from_secs(1);
/// A database that does not answer within it counts as lost.
const PATIENCE: Duration = Duration::from_secs(3);
/// Looks between two at the watched SKUs.
const LEVELS_EVERY: u32 = 5;

pub(crate) struct Watch {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) feed: Arc<dyn Feed>,
    pub(crate) metrics: Metrics,
    /// Whose available units are shown.
    pub(crate) skus: Vec<Sku>,
}

impl Watch {
    /// Runs until it is dropped.
    pub(crate) async fn run(self) {
        for look in 0_u32.. {
            self.dependencies().await;
            self.backlog().await;
            if look.is_multiple_of(LEVELS_EVERY) && !self.skus.is_empty() {
                self.levels().await;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn dependencies(&self) {
        let standing = tokio::time::timeout(PATIENCE, self.store.standing()).await;
        let standing = standing.ok().and_then(Result::ok);
        let waits = self.waits(standing.as_ref()).await;
        // A database that follows another region's answers, too.
        self.metrics.depends(standing.is_some() || waits, self.feed.healthy().unwrap_or(true));
        self.metrics.region(waits, standing.as_ref().is_some_and(|standing| standing.alone));
        if let Some(standing) = standing {
            self.metrics.standing(standing.term, standing.maintenance.is_some());
        }
    }

    async fn waits(&self, standing: Option<&Standing>) -> bool {
        if standing.is_some_and(|standing| standing.region.is_none()) {
            return false;
        }
        matches!(tokio::time::timeout(PATIENCE, self.store.waits()).await, Ok(Ok(true)))
    }

    async fn backlog(&self) {
        match self.store.unpublished().await {
            Ok((rows, oldest)) => {
                // A row's id says when its batch began.
                let made = oldest.and_then(|id| id.get_timestamp()).map(|made| made.to_unix());
                let made = made.map(|(seconds, nanos)| UNIX_EPOCH + Duration::new(seconds, nanos));
                let age = made.and_then(|made| made.elapsed().ok()).unwrap_or_default();
                self.metrics.backlog(rows, age);
            }
            Err(error) => tracing::debug!(%error, "the outbox could not be counted"),
        }
    }

    /// Of a SKU that is not in the catalogue nothing is shown.
    async fn levels(&self) {
        let load = LoadFacts { skus: self.skus.clone(), ..LoadFacts::default() };
        match self.store.load_facts(&load).await {
            Ok(loaded) => {
                for (sku, stock) in self.skus.iter().zip(&loaded.stocks).filter(|(_, stock)| stock.known()) {
                    let counts = stock.facts.iter().filter(|fact| !fact.deleted);
                    self.metrics.level(sku.as_str(), counts.map(Fact::available).sum());
                }
            }
            Err(error) => tracing::debug!(%error, "watched SKUs could not be read"),
        }
    }
}
