//! How many streams are open, and their end when the node shuts down.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::metrics::Metrics;

pub(crate) struct Streams {
    places: Arc<Semaphore>,
    most: usize,
    ending: watch::Sender<bool>,
}

impl Streams {
    /// `most`: streams open at once.
    pub(crate) fn new(most: usize) -> Self {
        let most = most.min(Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(most)), most, ending: watch::Sender::new(false) }
    }

    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// None: all places are taken.
    pub(crate) fn enter(&self, metrics: &Arc<Metrics>) -> Option<Place> {
        let permit = self.places.clone().try_acquire_owned().ok()?;
        metrics.stream_opened();
        Some(Place { ending: self.ending.subscribe(), reason: "left", metrics: metrics.clone(), _permit: permit })
    }

    /// Every stream ends, now and from now on.
    pub(crate) fn end(&self) {
        self.ending.send_replace(true);
    }
}

/// One stream's place; dropped, it is free again.
pub(crate) struct Place {
    ending: watch::Receiver<bool>,
    /// Why the stream ended; unless the node ended it, its reader left.
    pub(crate) reason: &'static str,
    metrics: Arc<Metrics>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    pub(crate) fn is_ending(&self) -> bool {
        *self.ending.borrow()
    }

    /// Resolves when the node shuts down.
    pub(crate) async fn ends(&mut self) {
        let _the_node_is_gone_too = self.ending.wait_for(|ending| *ending).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.metrics.stream_ended(self.reason);
    }
}
