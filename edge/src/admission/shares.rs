//! What one caller may hold of the node at once, so that the rest is left to others.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use onhand_wire::{Code, Problem, share};

use super::Caller;
use crate::metrics::Metrics;

pub(crate) type Share = share::Share<Caller>;

/// The shares of one thing.
pub(crate) struct Shares {
    /// What the metric calls the limit.
    name: &'static str,
    /// What the caller may do, for one that has done more.
    right: fn(usize) -> String,
    shares: Arc<share::Shares<Caller>>,
    metrics: Arc<Metrics>,
    warned: AtomicBool,
}

impl Shares {
    /// `most`: what one caller may hold; 0: no limit.
    pub(crate) fn new(name: &'static str, most: usize, right: fn(usize) -> String, metrics: Arc<Metrics>) -> Self {
        Self { name, right, shares: share::Shares::new(most), metrics, warned: AtomicBool::new(false) }
    }

    /// Whether it matters who asks.
    pub(crate) fn limited(&self) -> bool {
        self.shares.most() > 0
    }

    /// # Errors
    /// 429, where that is more than the caller has left.
    pub(crate) fn take(&self, caller: Caller, places: usize) -> Result<Share, Problem> {
        let by_address = caller.is_address();
        self.shares.take(caller, places).ok_or_else(|| self.refused(by_address))
    }

    fn refused(&self, by_address: bool) -> Problem {
        self.metrics.rate_limited(self.name);
        if by_address && !self.warned.swap(true, Ordering::Relaxed) {
            let limit = self.name;
            tracing::warn!(
                limit,
                "one address holds its whole share; if that is a proxy of yours, say so in edge.limits.trusted_proxies"
            );
        }
        let most = self.shares.most();
        Problem::new(Code::RateLimited, (self.right)(most)).with("limit", most)
    }
}
