//! Rate limits: how many requests a caller may make in a window that begins with its first one.
//!
//! The node counts by itself and, if there is a Redis, also asks for the region's count; the greater one applies. So a
//! node that loses Redis goes on from what it knows, and a caller that has used up its window is refused until the end
//! of it without a round trip.

use std::sync::Arc;

use http::Method;
use onhand_http::rate::{Charge, RateLimit};

use super::{Asking, Caller, RegionCounts};
use crate::{config::LimitsConfig, metrics::Metrics};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Orders,
    Lookups,
    Reservations,
}

impl Kind {
    fn of(method: &Method, path: &str) -> Option<Self> {
        let under = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if under("/v1/availability") || path == "/v1/stream" || path == "/v1/quotes" {
            Some(Self::Lookups)
        } else if under("/v1/reservations") {
            Some(Self::Reservations)
        } else {
            (path == "/v1/orders" && method == Method::POST).then_some(Self::Orders)
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Lookups => "lookups",
            Self::Reservations => "reservations",
        }
    }
}

pub(crate) struct RateLimits {
    /// Only limits that are set.
    limits: Vec<(Kind, RateLimit)>,
    region: Option<RegionCounts>,
    metrics: Arc<Metrics>,
}

impl RateLimits {
    pub(crate) fn new(config: &LimitsConfig, region: Option<RegionCounts>, metrics: Arc<Metrics>) -> Self {
        let all =
            [(Kind::Orders, config.orders), (Kind::Lookups, config.lookups), (Kind::Reservations, config.reservations)];
        let set = |(kind, rate)| Some((kind, RateLimit::new(rate, config.callers)?));
        Self { limits: all.into_iter().filter_map(set).collect(), region, metrics }
    }

    /// Counts one request against its caller's limits. `None` if nothing limits it, or if it will be refused anyway
    /// because it has no valid token.
    pub(crate) async fn charge(&self, asking: &Asking<'_>, method: &Method, path: &str) -> Option<Charge> {
        if self.limits.is_empty() {
            return None;
        }
        let kind = Kind::of(method, path)?;
        let (_, limit) = self.limits.iter().find(|(of, _)| *of == kind)?;
        let anonymous = kind == Kind::Lookups && asking.auth.public_reads;
        let caller = if anonymous { asking.caller() } else { asking.subject()? };
        let charge = self.take(kind, limit, &caller).await;
        if charge.is_refused() {
            self.metrics.rate_limited(kind.as_str());
        }
        Some(charge)
    }

    async fn take(&self, kind: Kind, limit: &RateLimit, Caller(caller): &Caller) -> Charge {
        let charge = limit.take(caller);
        let Some(region) = self.region.as_ref().filter(|_| !charge.is_refused()) else { return charge };
        let key = [b"ratelimit:", kind.as_str().as_bytes(), b":", &caller[..]].concat();
        let Some(count) = region.count(&key, limit.window()).await else {
            self.metrics.rate_limit_local();
            return charge;
        };
        limit.learn(caller, count.requests, count.left)
    }
}
