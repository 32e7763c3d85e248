//! Rate limits: how many requests a caller may make in a window that begins with its first one.
//!
//! This is what one process counts. Who shares a count with others tells it by [`RateLimit::learn`].

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderName, HeaderValue};
use moka::{policy::EvictionPolicy, sync::Cache};
use onhand_wire::{Code, Problem};
use serde::{Deserialize, Serialize};

use crate::setting::Span;

/// What is left of a limit, and what it is: as answers carry them.
pub const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// A caller's rate limit; beyond it, calls are answered 429 rate_limited until its window ends.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateConfig {
    /// Requests in a window; 0 means no limit.
    pub max_requests: u32,
    /// A window begins with a caller's first request, and the next one after it has ended; 1s or more.
    pub window: Span,
}

impl Default for RateConfig {
    fn default() -> Self {
        Self { max_requests: 0, window: Span::s(60) }
    }
}

impl RateConfig {
    /// The table's: 60 in a minute.
    pub fn of_orders() -> Self {
        Self { max_requests: 60, ..Self::default() }
    }

    /// What is wrong with it; `key` is its own.
    pub fn fault(&self, key: &str) -> Option<String> {
        (self.window < Span::s(1)).then(|| format!("{key}.window: must be 1s or more"))
    }
}

/// What callers have used of one limit, as this process knows it.
pub struct RateLimit {
    requests: u32,
    window: Duration,
    policy: HeaderValue,
    callers: Cache<Box<[u8]>, Arc<Mutex<Window>>>,
}

struct Window {
    ends: Instant,
    requests: u32,
}

/// The limit that one request was counted against.
#[derive(Debug, Clone)]
pub struct Charge {
    policy: HeaderValue,
    limit: u32,
    remaining: u32,
    resets_in: Duration,
    refused: bool,
}

impl RateLimit {
    /// None where there is no limit. `callers`: how many are remembered; beyond, those not seen for longest are
    /// forgotten.
    pub fn new(rate: RateConfig, callers: u64) -> Option<Self> {
        if rate.max_requests == 0 {
            return None;
        }
        let policy = format!("\"default\";q={};w={}", rate.max_requests, rate.window.0.as_secs());
        let callers = Cache::builder()
            .max_capacity(callers)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(rate.window.0)
            .build();
        let policy = HeaderValue::try_from(policy).expect("digits are ASCII");
        Some(Self { requests: rate.max_requests, window: rate.window.0, policy, callers })
    }

    pub fn window(&self) -> Duration {
        self.window
    }

    /// Counts one request of this caller, if it has one left.
    pub fn take(&self, caller: &[u8]) -> Charge {
        let (window, now) = (self.of(caller), Instant::now());
        let mut window = lock(&window);
        if now >= window.ends {
            *window = Window { ends: now + self.window, requests: 0 };
        }
        let left = window.requests < self.requests;
        window.requests += u32::from(left);
        self.charge(&window, now, !left)
    }

    /// The same, as others have counted: `requests` so far with this one, in a window that ends in `left`. A lower count
    /// than this process's own was lost, so that its own goes on.
    pub fn learn(&self, caller: &[u8], requests: u32, left: Duration) -> Charge {
        let (window, now) = (self.of(caller), Instant::now());
        let mut window = lock(&window);
        if requests >= window.requests {
            *window = Window { ends: now + left, requests };
        }
        self.charge(&window, now, requests > self.requests)
    }

    fn of(&self, caller: &[u8]) -> Arc<Mutex<Window>> {
        let fresh = || Arc::new(Mutex::new(Window { ends: Instant::now() + self.window, requests: 0 }));
        self.callers.get(caller).unwrap_or_else(|| self.callers.get_with(caller.into(), fresh))
    }

    fn charge(&self, window: &Window, now: Instant, refused: bool) -> Charge {
        Charge {
            policy: self.policy.clone(),
            limit: self.requests,
            remaining: self.requests.saturating_sub(window.requests),
            resets_in: window.ends.saturating_duration_since(now),
            refused,
        }
    }
}

fn lock(window: &Mutex<Window>) -> MutexGuard<'_, Window> {
    window.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Charge {
    pub fn is_refused(&self) -> bool {
        self.refused
    }

    /// The refusal, if the limit was reached, and the seconds until the window ends.
    pub fn refusal(&self) -> Option<(Problem, u64)> {
        let seconds = self.seconds();
        let detail = || format!("try again in {seconds} s, or more slowly");
        self.refused.then(|| (Problem::new(Code::RateLimited, detail()).with("limit", self.limit), seconds))
    }

    /// Rounded up, so that a caller that waits this long is not refused again.
    fn seconds(&self) -> u64 {
        u64::try_from(self.resets_in.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1)
    }

    pub fn show(self, headers: &mut HeaderMap) {
        let left = format!("\"default\";r={};t={}", self.remaining, self.seconds());
        headers.insert(RATELIMIT, HeaderValue::try_from(left).expect("digits are ASCII"));
        headers.insert(POLICY, self.policy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(requests: u32) -> RateLimit {
        RateLimit::new(RateConfig { max_requests: requests, ..RateConfig::default() }, 10).unwrap()
    }

    #[test]
    fn each_caller_has_a_window_of_its_own() {
        let limit = limit(2);
        assert!(!limit.take(b"a").is_refused() && !limit.take(b"a").is_refused() && limit.take(b"a").is_refused());
        assert!(!limit.take(b"b").is_refused());
        let mut headers = HeaderMap::new();
        limit.take(b"a").show(&mut headers);
        assert!(headers["ratelimit"].to_str().unwrap().starts_with("\"default\";r=0;t="), "{headers:?}");
        assert_eq!(headers["ratelimit-policy"], "\"default\";q=2;w=60");
        let (problem, seconds) = limit.take(b"a").refusal().unwrap();
        assert!(problem.members["limit"] == 2 && (1..=60).contains(&seconds));
        assert!(RateLimit::new(RateConfig::default(), 10).is_none(), "0 is no limit");
    }

    #[test]
    fn the_greater_count_applies() {
        let limit = limit(5);
        limit.take(b"a");
        assert!(!limit.learn(b"a", 5, Duration::from_secs(9)).is_refused());
        assert!(limit.take(b"a").is_refused(), "the others' count stays known");
        limit.take(b"b");
        limit.take(b"b");
        assert!(!limit.learn(b"b", 1, Duration::from_secs(9)).is_refused());
        assert_eq!(limit.take(b"b").remaining, 2, "a count that was lost does not give requests back");
    }
}
