//! What one caller may hold of the node at once, so that the rest is left to others.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use onhand_http::share;
use onhand_wire::{Code, Problem};

use super::Caller;
use crate::metrics::Metrics;

pub(crate) type Share = share::Share<Caller>;

/// How much it is, and what is said to who wants more.
pub(crate) struct ShareLimit {
    /// What the metric calls it.
    pub(crate) name: &'static str,
    /// 0: no limit.
    pub(crate) most: usize,
    /// Says what a caller may do instead.
    pub(crate) explain: fn(usize) -> String,
    pub(crate) metrics: Arc<Metrics>,
    warned: AtomicBool,
}

impl ShareLimit {
    pub(crate) fn new(name: &'static str, most: usize, explain: fn(usize) -> String, metrics: Arc<Metrics>) -> Self {
        Self { name, most, explain, metrics, warned: AtomicBool::new(false) }
    }

    /// 429, for a caller of whom that is more than its share.
    pub(crate) fn refused(&self, by_address: bool) -> Problem {
        self.metrics.rate_limited(self.name);
        if by_address && !self.warned.swap(true, Ordering::Relaxed) {
            let limit = self.name;
            tracing::warn!(
                limit,
                "one address holds its whole share; if that is a proxy of yours, say so in edge.limits.trusted_proxies"
            );
        }
        Problem::new(Code::RateLimited, (self.explain)(self.most)).with("limit", self.most)
    }
}

/// The shares of one thing.
pub(crate) struct Shares {
    limit: ShareLimit,
    shares: Arc<share::Shares<Caller>>,
}

impl Shares {
    pub(crate) fn new(limit: ShareLimit) -> Self {
        let shares = share::Shares::new(limit.most);
        Self { limit, shares }
    }

    /// # Errors
    /// 429, where that is more than the caller has left.
    pub(crate) fn take(&self, caller: Caller) -> Result<Share, Problem> {
        let by_address = caller.is_address();
        self.shares.take(caller, 1).ok_or_else(|| self.limit.refused(by_address))
    }
}
