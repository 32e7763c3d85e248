//! Gives up on what keeps failing, for a while, and tries again carefully.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::config::BreakerConfig;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Closed,
    Open,
    HalfOpen,
}

impl State {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }

    /// As the metric shows it: 0 closed, 1 open, 2 half-open.
    pub(crate) fn as_number(self) -> i64 {
        self as i64
    }
}

struct Inner {
    state: State,
    failures: u32,
    successes: u32,
    timeout: Duration,
    until: Instant,
    /// Looks in a row that found the other side well, while open.
    well: u32,
    /// Half open because of such looks, not because the time was over.
    early: bool,
    /// Such looks were wrong: until it has closed, only time counts.
    distrusted: bool,
}

impl Inner {
    fn half_open(&mut self, early: bool) {
        self.state = State::HalfOpen;
        self.successes = 0;
        self.early = early;
    }
}

/// Closed until `failure_threshold` calls in a row fail; then open, for longer each time.
pub(crate) struct Breaker {
    /// What it stands before, for the log.
    name: &'static str,
    config: BreakerConfig,
    inner: Mutex<Inner>,
}

impl Breaker {
    pub(crate) fn new(name: &'static str, config: BreakerConfig) -> Self {
        let inner = Inner {
            state: State::Closed,
            failures: 0,
            successes: 0,
            timeout: config.base_timeout.0,
            until: Instant::now(),
            well: 0,
            early: false,
            distrusted: false,
        };
        Self { name, config, inner: Mutex::new(inner) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn state(&self) -> State {
        self.lock().state
    }

    /// Whether a call may be made now; turns half open when it has been open for long enough.
    pub(crate) fn allows(&self, now: Instant) -> bool {
        let mut inner = self.lock();
        if inner.state == State::Open && now >= inner.until {
            inner.half_open(false);
        }
        inner.state != State::Open
    }

    /// How long it stays open; nothing when it is not.
    pub(crate) fn opens_in(&self, now: Instant) -> Duration {
        let inner = self.lock();
        if inner.state == State::Open { inner.until.saturating_duration_since(now) } else { Duration::ZERO }
    }

    /// Somebody looked, and found the other side well: after `success_threshold` such looks while it
    /// is open it turns half open before its time. If calls then fail it has been misled, and its
    /// times hold until it has closed.
    pub(crate) fn seems_well(&self) {
        let mut inner = self.lock();
        if inner.state != State::Open || inner.distrusted {
            return;
        }
        inner.well += 1;
        if inner.well >= self.config.success_threshold {
            inner.half_open(true);
        }
    }

    /// A look found it ill: such looks count in a row.
    pub(crate) fn seems_ill(&self) {
        self.lock().well = 0;
    }

    pub(crate) fn succeeded(&self) {
        let mut inner = self.lock();
        inner.failures = 0;
        inner.successes += 1;
        if inner.state == State::HalfOpen && inner.successes >= self.config.success_threshold {
            inner.state = State::Closed;
            inner.timeout = self.config.base_timeout.0;
            inner.distrusted = false;
            tracing::info!(breaker = self.name, "a breaker closed: calls go through again");
        }
    }

    pub(crate) fn failed(&self, now: Instant) {
        let mut inner = self.lock();
        inner.failures += 1;
        let opens = match inner.state {
            State::Closed => inner.failures >= self.config.failure_threshold,
            State::HalfOpen => true,
            State::Open => false,
        };
        if opens {
            inner.distrusted |= inner.state == State::HalfOpen && inner.early;
            inner.state = State::Open;
            inner.failures = 0;
            inner.well = 0;
            inner.until = now + inner.timeout;
            let seconds = inner.timeout.as_secs_f64();
            tracing::warn!(breaker = self.name, seconds, "a breaker opened: calls fail at once for so long");
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
        assert_eq!(breaker.state(), State::Closed);
        breaker.failed(start);
        assert!(!breaker.allows(start + Duration::from_secs(29)));
        let later = start + Duration::from_secs(30);
        assert!(breaker.allows(later));
        breaker.failed(later);
        assert!(!breaker.allows(later + Duration::from_secs(59)));
        assert!(breaker.allows(later + Duration::from_secs(60)));
        breaker.succeeded();
        assert_eq!(breaker.state(), State::HalfOpen);
        breaker.succeeded();
        assert_eq!(breaker.state(), State::Closed);
    }

    #[test]
    fn looks_shorten_the_first_open_time_and_no_more_once_they_misled() {
        let breaker = Breaker::new("test", BreakerConfig::default());
        let start = Instant::now();
        (0..5).for_each(|_| breaker.failed(start));
        assert_eq!(breaker.opens_in(start), Duration::from_secs(30));
        breaker.seems_well();
        breaker.seems_ill();
        breaker.seems_well();
        assert_eq!(breaker.state(), State::Open, "one look in a row is not enough");
        breaker.seems_well();
        assert_eq!((breaker.state(), breaker.opens_in(start)), (State::HalfOpen, Duration::ZERO));
        breaker.failed(start);
        (0..9).for_each(|_| breaker.seems_well());
        assert_eq!((breaker.state(), breaker.opens_in(start)), (State::Open, Duration::from_secs(60)));
        let later = start + Duration::from_secs(60);
        assert!(breaker.allows(later));
        (0..2).for_each(|_| breaker.succeeded());
        assert_eq!(breaker.state(), State::Closed);
        (0..5).for_each(|_| breaker.failed(later));
        (0..2).for_each(|_| breaker.seems_well());
        assert_eq!(breaker.state(), State::HalfOpen, "trusted again");
    }
}
