//! Stops calls to something that keeps failing for a while, and then tries again carefully.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::setting::{Span, count_fault};

/// When calls are given up for a while.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerConfig {
    /// Calls in a row that must fail before it opens.
    pub failure_threshold: u32,
    /// Calls in a row that must succeed, half open, before it closes.
    pub success_threshold: u32,
    /// How long it stays open the first time; doubled each time it opens again.
    pub base_timeout: Span,
    /// The longest that it stays open.
    pub max_timeout: Span,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { failure_threshold: 5, success_threshold: 2, base_timeout: Span::s(30), max_timeout: Span::s(300) }
    }
}

impl BreakerConfig {
    /// What is wrong with it, as it stands in `section`.
    pub fn faults(&self, section: &str) -> Vec<String> {
        let mut faults = Vec::new();
        for (key, count) in
            [("failure_threshold", self.failure_threshold), ("success_threshold", self.success_threshold)]
        {
            faults.extend(count_fault(&format!("{section}.{key}"), count == 0));
        }
        if self.max_timeout < self.base_timeout {
            faults.push(format!("{section}.max_timeout: must be base_timeout or more"));
        }
        faults
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    Closed,
    Open,
    HalfOpen,
}

impl BreakerState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }

    /// As the metric shows it: 0 closed, 1 open, 2 half-open.
    pub fn as_number(self) -> i64 {
        self as i64
    }
}

struct Inner {
    state: BreakerState,
    failures: u32,
    successes: u32,
    timeout: Duration,
    until: Instant,
    /// Probes in a row that succeeded while it is open.
    good_probes: u32,
    /// Whether probes made it half open early.
    opened_by_probes: bool,
    /// Whether probes were wrong: until it has closed, only time counts.
    probes_misled: bool,
}

impl Inner {
    fn half_open(&mut self, by_probes: bool) {
        self.state = BreakerState::HalfOpen;
        self.successes = 0;
        self.opened_by_probes = by_probes;
    }
}

/// Closed until `failure_threshold` calls in a row fail; then open, for longer each time.
pub struct Breaker {
    /// What it protects, for the log.
    name: &'static str,
    config: BreakerConfig,
    inner: Mutex<Inner>,
}

impl Breaker {
    pub fn new(name: &'static str, config: BreakerConfig) -> Self {
        let inner = Inner {
            state: BreakerState::Closed,
            failures: 0,
            successes: 0,
            timeout: config.base_timeout.0,
            until: Instant::now(),
            good_probes: 0,
            opened_by_probes: false,
            probes_misled: false,
        };
        Self { name, config, inner: Mutex::new(inner) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn state(&self) -> BreakerState {
        self.lock().state
    }

    /// Whether a call may be made now; turns half open when it has been open for long enough.
    pub fn allows(&self, now: Instant) -> bool {
        let mut inner = self.lock();
        if inner.state == BreakerState::Open && now >= inner.until {
            inner.half_open(false);
        }
        inner.state != BreakerState::Open
    }

    /// How long it stays open; 0 when it is not open.
    pub fn open_for(&self, now: Instant) -> Duration {
        let inner = self.lock();
        if inner.state == BreakerState::Open { inner.until.saturating_duration_since(now) } else { Duration::ZERO }
    }

    /// A probe succeeded. After `success_threshold` of them in a row an open breaker turns half open before its time
    /// is over. If calls then fail, the probes misled it, and only time counts until it has closed.
    pub fn probe_succeeded(&self) {
        let mut inner = self.lock();
        if inner.state != BreakerState::Open || inner.probes_misled {
            return;
        }
        inner.good_probes += 1;
        if inner.good_probes >= self.config.success_threshold {
            inner.half_open(true);
        }
    }

    /// A probe failed; the next ones are counted from 0.
    pub fn probe_failed(&self) {
        self.lock().good_probes = 0;
    }

    pub fn succeeded(&self) {
        let mut inner = self.lock();
        inner.failures = 0;
        inner.successes += 1;
        if inner.state == BreakerState::HalfOpen && inner.successes >= self.config.success_threshold {
            inner.state = BreakerState::Closed;
            inner.timeout = self.config.base_timeout.0;
            inner.probes_misled = false;
            tracing::info!(breaker = self.name, "a breaker closed: calls go through again");
        }
    }

    pub fn failed(&self, now: Instant) {
        let mut inner = self.lock();
        inner.failures += 1;
        let opens = match inner.state {
            BreakerState::Closed => inner.failures >= self.config.failure_threshold,
            BreakerState::HalfOpen => true,
            BreakerState::Open => false,
        };
        if opens {
            inner.probes_misled |= inner.state == BreakerState::HalfOpen && inner.opened_by_probes;
            inner.state = BreakerState::Open;
            inner.failures = 0;
            inner.good_probes = 0;
            inner.until = now + inner.timeout;
            let seconds = inner.timeout.as_secs_f64();
            tracing::warn!(breaker = self.name, seconds, "a breaker opened: calls fail at once until it tries again");
            inner.timeout = (inner.timeout * 2).min(self.config.max_timeout.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_for_longer_each_time_and_closes_after_successes() {
        let config = BreakerConfig::default();
        let breaker = Breaker::new("test", config);
        let start = Instant::now();
        (0..4).for_each(|_| breaker.failed(start));
        breaker.succeeded();
        (0..4).for_each(|_| breaker.failed(start));
        assert_eq!(breaker.state(), BreakerState::Closed);
        breaker.failed(start);
        assert!(!breaker.allows(start + Duration::from_secs(29)));
        let later = start + Duration::from_secs(30);
        assert!(breaker.allows(later));
        breaker.failed(later);
        assert!(!breaker.allows(later + Duration::from_secs(59)));
        assert!(breaker.allows(later + Duration::from_secs(60)));
        breaker.succeeded();
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        breaker.succeeded();
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn probes_shorten_the_first_open_time_and_no_more_once_they_misled() {
        let breaker = Breaker::new("test", BreakerConfig::default());
        let start = Instant::now();
        (0..5).for_each(|_| breaker.failed(start));
        assert_eq!(breaker.open_for(start), Duration::from_secs(30));
        breaker.probe_succeeded();
        breaker.probe_failed();
        breaker.probe_succeeded();
        assert_eq!(breaker.state(), BreakerState::Open, "one probe in a row is not enough");
        breaker.probe_succeeded();
        assert_eq!((breaker.state(), breaker.open_for(start)), (BreakerState::HalfOpen, Duration::ZERO));
        breaker.failed(start);
        (0..9).for_each(|_| breaker.probe_succeeded());
        assert_eq!((breaker.state(), breaker.open_for(start)), (BreakerState::Open, Duration::from_secs(60)));
        let later = start + Duration::from_secs(60);
        assert!(breaker.allows(later));
        (0..2).for_each(|_| breaker.succeeded());
        assert_eq!(breaker.state(), BreakerState::Closed);
        (0..5).for_each(|_| breaker.failed(later));
        (0..2).for_each(|_| breaker.probe_succeeded());
        assert_eq!(breaker.state(), BreakerState::HalfOpen, "trusted again");
    }
}
