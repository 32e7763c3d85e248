//! How much of the node one caller may use at once, so that the rest is left to others.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use onhand_http::share;
use onhand_wire::{Code, Problem};

use super::Caller;
use crate::metrics::Metrics;

pub(crate) type Share = share::Share<Caller>;

/// The size of a share, and the message for a caller that wants more.
pub(crate) struct ShareLimit {
    /// Its name in the metric.
    pub(crate) name: &'static str,
    /// 0 means no limit.
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

    /// 429, for a caller that asks for more than its share.
    pub(crate) fn refused(&self, by_address: bool) -> Problem {
        self.metrics.rate_limited(self.name);
        if by_address && !self.warned.swap(true, Ordering::Relaxed) {
            let limit = self.name;
            tracing::warn!(
                limit,
                "one address has used up its share; if it is your proxy, set edge.limits.trusted_proxies"
            );
        }
        Problem::new(Code::RateLimited, (self.explain)(self.most)).with("limit", self.most)
    }
}

/// The shares of one resource.
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
    /// 429 if the caller has no share left.
    pub(crate) fn take(&self, caller: Caller) -> Result<Share, Problem> {
        let by_address = caller.is_address();
        self.shares.take(caller, 1).ok_or_else(|| self.limit.refused(by_address))
    }
}
