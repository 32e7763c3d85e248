//! The streams that are open, and their end when the node shuts down.

use std::sync::Arc;

use onhand_wire::{Code, Problem};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::{
    admission::{Caller, Share, ShareLimit, Shares},
    metrics::Metrics,
};

pub(crate) struct OpenStreams {
    places: Arc<Semaphore>,
    most: usize,
    shares: Shares,
    ending: watch::Sender<bool>,
    metrics: Arc<Metrics>,
}

impl OpenStreams {
    /// `most`: streams open at once; `per_caller`: how many of these one caller may have.
    pub(crate) fn new(most: usize, per_caller: usize, metrics: Arc<Metrics>) -> Self {
        let most = most.min(Semaphore::MAX_PERMITS);
        let right = |most| format!("one caller may have {most} streams open here; one stream may watch several SKUs");
        let shares = Shares::new(ShareLimit::new("streams", per_caller, right, metrics.clone()));
        Self { places: Arc::new(Semaphore::new(most)), most, shares, ending: watch::Sender::new(false), metrics }
    }

    /// Takes a place of the caller's share.
    ///
    /// # Errors
    /// 429 if its share is used up, 503 if all places are taken.
    pub(crate) fn enter(&self, caller: Caller) -> Result<OpenStream, Problem> {
        let share = self.shares.take(caller)?;
        let permit = self.places.clone().try_acquire_owned().map_err(|_| self.full())?;
        self.metrics.stream_opened();
        let (ending, metrics) = (self.ending.subscribe(), self.metrics.clone());
        Ok(OpenStream { ending, reason: "left", metrics, share, _permit: permit })
    }

    fn full(&self) -> Problem {
        let most = self.most;
        Problem::new(Code::Overloaded, format!("this node has {most} streams open, its limit; try another or later"))
            .with("limit", u64::try_from(most).unwrap_or(u64::MAX))
    }

    /// Ends every stream, now and from now on.
    pub(crate) fn end(&self) {
        self.ending.send_replace(true);
    }
}

/// One stream's place; it is free again when this is dropped.
pub(crate) struct OpenStream {
    ending: watch::Receiver<bool>,
    /// Why the stream ended; if the node did not end it, its reader left.
    pub(crate) reason: &'static str,
    metrics: Arc<Metrics>,
    share: Share,
    _permit: OwnedSemaphorePermit,
}

impl OpenStream {
    /// Whose stream it is.
    pub(crate) fn caller(&self) -> &Caller {
        self.share.caller()
    }

    pub(crate) fn must_end(&self) -> bool {
        *self.ending.borrow()
    }

    /// Resolves when the node shuts down.
    pub(crate) async fn ends(&mut self) {
        let _the_node_is_gone_too = self.ending.wait_for(|ending| *ending).await;
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.metrics.stream_ended(self.reason);
    }
}
