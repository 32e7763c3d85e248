//! What one release has done so far: how often it was called, how it failed, how long it took.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime},
};

use onhand_wire::Timestamp;
use serde::Serialize;

use crate::{fault::Failure, meter::BUCKETS};

/// The last failure of a release.
#[derive(Debug, Clone, Serialize)]
pub struct LastFault {
    pub at: Timestamp,
    pub reason: String,
    pub detail: String,
}

pub(crate) struct Record {
    pub(crate) since: Timestamp,
    /// By the upper bound of [`BUCKETS`], and above.
    times: [AtomicU64; BUCKETS.len() + 1],
    peak: AtomicU64,
    shadow: Mutex<BTreeMap<&'static str, u64>>,
    failed: Mutex<Failed>,
    window: Window,
}

#[derive(Default)]
struct Failed {
    by_reason: BTreeMap<&'static str, u64>,
    last: Option<LastFault>,
}

/// When a release has failed too often (`rules.max_failure_rate`).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tolerance {
    pub(crate) rate: f64,
    pub(crate) calls: u64,
    pub(crate) window: Duration,
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::default().plus(since)
}

impl Record {
    pub(crate) fn new() -> Self {
        Self {
            since: now(),
            times: Default::default(),
            peak: AtomicU64::new(0),
            shadow: Mutex::default(),
            failed: Mutex::default(),
            window: Window::new(),
        }
    }

    pub(crate) fn took(&self, time: Duration, memory: usize) {
        let seconds = time.as_secs_f64();
        let bucket = BUCKETS.iter().position(|most| seconds <= *most).unwrap_or(BUCKETS.len());
        self.times[bucket].fetch_add(1, Relaxed);
        self.peak.fetch_max(memory as u64, Relaxed);
        self.window.calls.fetch_add(1, Relaxed);
    }

    /// Whether this was one failure too many.
    pub(crate) fn failed(&self, failure: &Failure, tolerance: Tolerance) -> bool {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        *failed.by_reason.entry(failure.reason.as_str()).or_default() += 1;
        failed.last = Some(LastFault { at: now(), reason: failure.reason.to_string(), detail: failure.detail.clone() });
        failure.reason.counts() && self.window.failed(tolerance)
    }

    /// A shadow's answer, beside that of the release in use.
    pub(crate) fn compared(&self, outcome: &'static str) {
        *self.shadow.lock().unwrap_or_else(PoisonError::into_inner).entry(outcome).or_default() += 1;
    }

    pub(crate) fn comparisons(&self) -> BTreeMap<&'static str, u64> {
        self.shadow.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Bytes.
    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Relaxed)
    }

    pub(crate) fn calls(&self) -> u64 {
        self.times.iter().map(|bucket| bucket.load(Relaxed)).sum()
    }

    pub(crate) fn failures(&self) -> (BTreeMap<&'static str, u64>, Option<LastFault>) {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        (failed.by_reason.clone(), failed.last.clone())
    }

    /// Microseconds that this share of the calls took at most, as far as the buckets tell; none without
    /// calls, or above the last bucket.
    pub(crate) fn quantile(&self, share: f64) -> Option<u64> {
        let counts: Vec<u64> = self.times.iter().map(|bucket| bucket.load(Relaxed)).collect();
        let wanted = (counts.iter().sum::<u64>() as f64 * share).ceil() as u64;
        let mut seen = 0;
        let bucket = counts.iter().position(|count| {
            seen += count;
            wanted > 0 && seen >= wanted
        })?;
        BUCKETS.get(bucket).map(|seconds| (seconds * 1e6).round() as u64)
    }
}

/// Calls and failures since a moment that moves on by whole windows: the one before counts as well, so that
/// a judgement looks back over one to two of them.
struct Window {
    calls: AtomicU64,
    past: Mutex<Past>,
}

struct Past {
    since: Instant,
    failures: u64,
    /// Of the window before.
    before: (u64, u64),
}

impl Window {
    fn new() -> Self {
        let past = Past { since: Instant::now(), failures: 0, before: (0, 0) };
        Self { calls: AtomicU64::new(0), past: Mutex::new(past) }
    }

    fn failed(&self, Tolerance { rate, calls: least, window }: Tolerance) -> bool {
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        let age = past.since.elapsed();
        if age >= window {
            let gone = (self.calls.swap(1, Relaxed).saturating_sub(1), past.failures);
            let before = if age < window * 2 { gone } else { (0, 0) };
            *past = Past { since: Instant::now(), failures: 0, before };
        }
        past.failures += 1;
        let calls = self.calls.load(Relaxed) + past.before.0;
        let failures = past.failures + past.before.1;
        calls >= least && failures as f64 > calls as f64 * rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Reason;

    const HOUR: Duration = Duration::from_secs(3600);

    fn fails(record: &Record, reason: Reason, tolerance: Tolerance) -> bool {
        record.took(Duration::from_micros(7), 1 << 16);
        record.failed(&Failure::new(reason, "as asked"), tolerance)
    }

    #[test]
    fn more_than_the_share_is_too_often_and_refusals_are_no_failures() {
        let tolerance = Tolerance { rate: 0.5, calls: 4, window: HOUR };
        let record = Record::new();
        assert!(!fails(&record, Reason::Trap, tolerance), "judged by one call");
        record.took(Duration::from_micros(30), 2 << 16);
        record.took(Duration::from_micros(30), 0);
        assert!(!fails(&record, Reason::Trap, tolerance), "half of four is not more than half");
        assert!(!fails(&record, Reason::Refused, tolerance));
        assert!(!fails(&record, Reason::Deadline, tolerance), "three of six");
        assert!(fails(&record, Reason::WrongAnswer("much".into()), tolerance), "four of seven");
        assert_eq!((record.calls(), record.peak()), (7, 2 << 16));
        assert_eq!((record.quantile(0.5), record.quantile(0.99)), (Some(10), Some(50)));
        let (by_reason, last) = record.failures();
        assert_eq!((by_reason["trap"], by_reason["refused"], last.unwrap().reason.as_str()), (2, 1, "wrong_answer"));
    }

    #[test]
    fn failures_of_long_ago_do_not_count() {
        let tolerance = Tolerance { rate: 0.5, calls: 2, window: Duration::ZERO };
        let record = Record::new();
        for _ in 0..10 {
            assert!(!fails(&record, Reason::Trap, tolerance));
        }
    }
}
