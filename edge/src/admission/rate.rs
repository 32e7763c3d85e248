//! Rate limits: how many requests a caller may make in a window that begins with its first one.
//!
//! The node counts by itself and, if there is a Redis, also asks for the region's count; the greater one applies. So a
//! node that loses Redis goes on from what it knows, and a caller that has used up its window is refused until the end
//! of it without a round trip.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use moka::{policy::EvictionPolicy, sync::Cache};
use onhand_wire::{Code, Problem};

use super::{Asking, Caller, RegionCounts, region_counts::RegionCount};
use crate::{
    config::{LimitsConfig, RateConfig},
    metrics::Metrics,
};

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

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

struct RateLimit {
    kind: Kind,
    requests: u32,
    window: Duration,
    policy: HeaderValue,
    callers: Cache<Caller, Arc<Mutex<Window>>>,
}

/// What a caller has used, as this node knows it.
struct Window {
    ends: Instant,
    requests: u32,
}

/// The limits that one request was counted against.
pub(crate) struct Charge {
    policy: HeaderValue,
    remaining: u32,
    resets_in: Duration,
    refused: bool,
}

pub(crate) struct RateLimits {
    /// Only limits that are set.
    limits: Vec<RateLimit>,
    region: Option<RegionCounts>,
    metrics: Arc<Metrics>,
}

impl RateLimits {
    pub(crate) fn new(config: &LimitsConfig, region: Option<RegionCounts>, metrics: Arc<Metrics>) -> Self {
        let all =
            [(Kind::Orders, config.orders), (Kind::Lookups, config.lookups), (Kind::Reservations, config.reservations)];
        let set = all.into_iter().filter(|(_, rate)| rate.max_requests > 0);
        let limits = set.map(|(kind, rate)| RateLimit::new(kind, rate, config.callers)).collect();
        Self { limits, region, metrics }
    }

    /// Counts one request against its caller's limits. `None` if nothing limits it, or if it will be refused anyway
    /// because it has no valid token.
    pub(crate) async fn charge(&self, asking: &Asking<'_>, method: &Method, path: &str) -> Option<Charge> {
        if self.limits.is_empty() {
            return None;
        }
        let kind = Kind::of(method, path)?;
        let limit = self.limits.iter().find(|limit| limit.kind == kind)?;
        let anonymous = kind == Kind::Lookups && asking.auth.public_reads;
        let caller = if anonymous { asking.caller() } else { asking.subject()? };
        let charge = limit.charge(caller, self.region.as_ref(), &self.metrics).await;
        if charge.refused {
            self.metrics.rate_limited(kind.as_str());
        }
        Some(charge)
    }
}

impl RateLimit {
    fn new(kind: Kind, rate: RateConfig, callers: u64) -> Self {
        let policy = format!("\"default\";q={};w={}", rate.max_requests, rate.window.0.as_secs());
        let callers = Cache::builder()
            .max_capacity(callers)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(rate.window.0)
            .build();
        let policy = HeaderValue::try_from(policy).expect("digits are ASCII");
        Self { kind, requests: rate.max_requests, window: rate.window.0, policy, callers }
    }

    async fn charge(&self, caller: Caller, region: Option<&RegionCounts>, metrics: &Metrics) -> Charge {
        let key = [b"ratelimit:", self.kind.as_str().as_bytes(), b":", &caller.0[..]].concat();
        let fresh = || Arc::new(Mutex::new(Window { ends: Instant::now() + self.window, requests: 0 }));
        let window = self.callers.get_with(caller, fresh);
        let lock = || window.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if !lock().take(now, self) {
            return self.charge_of(&lock(), now, true);
        }
        let Some(region) = region else { return self.charge_of(&lock(), now, false) };
        match region.count(&key, self.window).await {
            Some(count) => {
                let mut window = lock();
                window.learn(count, Instant::now());
                self.charge_of(&window, Instant::now(), count.requests > self.requests)
            }
            None => {
                metrics.rate_limit_local();
                self.charge_of(&lock(), now, false)
            }
        }
    }

    fn charge_of(&self, window: &Window, now: Instant, refused: bool) -> Charge {
        Charge {
            policy: self.policy.clone(),
            remaining: self.requests.saturating_sub(window.requests),
            resets_in: window.ends.saturating_duration_since(now),
            refused,
        }
    }
}

impl Window {
    /// Counts one more, if there is one left.
    fn take(&mut self, now: Instant, limit: &RateLimit) -> bool {
        if now >= self.ends {
            *self = Self { ends: now + limit.window, requests: 0 };
        }
        let left = self.requests < limit.requests;
        self.requests += u32::from(left);
        left
    }

    /// If the region's count is lower, it was lost, so the node keeps its own.
    fn learn(&mut self, count: RegionCount, now: Instant) {
        if count.requests >= self.requests {
            *self = Self { ends: now + count.left, requests: count.requests };
        }
    }
}

impl Charge {
    /// The refusal, if a limit was reached.
    pub(crate) fn refusal(&self) -> Option<(Problem, u64)> {
        let seconds = self.seconds();
        let problem = || Problem::new(Code::RateLimited, format!("try again in {seconds} s, or more slowly"));
        self.refused.then(|| (problem(), seconds))
    }

    /// Rounded up, so that a caller that waits this long is not refused again.
    fn seconds(&self) -> u64 {
        u64::try_from(self.resets_in.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1)
    }

    pub(crate) fn show(self, headers: &mut HeaderMap) {
        let left = format!("\"default\";r={};t={}", self.remaining, self.seconds());
        headers.insert(RATELIMIT, HeaderValue::try_from(left).expect("digits are ASCII"));
        headers.insert(POLICY, self.policy);
    }
}
