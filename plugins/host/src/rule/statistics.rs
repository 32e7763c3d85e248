//! The results of one release's calls: how many there were, how they failed, how long they took.

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

use crate::{rule::meter::BUCKETS, world::fault::Failure};

/// The last failure of a release.
#[derive(Debug, Clone, Serialize)]
pub struct LastFault {
    pub at: Timestamp,
    pub reason: String,
    pub detail: String,
}

pub(crate) struct CallStatistics {
    pub(crate) since: Timestamp,
    /// Calls by the upper bound of their time in [`BUCKETS`]; the last counts those above all bounds.
    times: [AtomicU64; BUCKETS.len() + 1],
    peak: AtomicU64,
    shadow: Mutex<BTreeMap<&'static str, u64>>,
    failed: Mutex<FailureCounts>,
    window: Window,
}

#[derive(Default)]
struct FailureCounts {
    by_reason: BTreeMap<&'static str, u64>,
    last: Option<LastFault>,
}

/// When a release counts as failing too often (`rules.max_failure_rate`).
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

impl CallStatistics {
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

    /// Records a failure; returns whether it was one too many.
    pub(crate) fn failed(&self, failure: &Failure, tolerance: Tolerance) -> bool {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        *failed.by_reason.entry(failure.reason.as_str()).or_default() += 1;
        failed.last = Some(LastFault { at: now(), reason: failure.reason.to_string(), detail: failure.detail.clone() });
        failure.reason.counts() && self.window.failed(tolerance)
    }

    /// Records how a shadow's answer compares with that of the release in use.
    pub(crate) fn compared(&self, outcome: &'static str) {
        *self.shadow.lock().unwrap_or_else(PoisonError::into_inner).entry(outcome).or_default() += 1;
    }

    pub(crate) fn comparisons(&self) -> BTreeMap<&'static str, u64> {
        self.shadow.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The most memory of a call, in bytes.
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

    /// The longest time in microseconds that this share of the calls took, to the precision of the buckets. `None`
    /// without calls, or above the last bucket.
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

/// Calls and failures in the current window. The window before counts as well, so a judgement covers one to two
/// windows.
struct Window {
    calls: AtomicU64,
    past: Mutex<PastFailures>,
}

struct PastFailures {
    since: Instant,
    failures: u64,
    /// Calls and failures of the window before.
    before: (u64, u64),
}

impl Window {
    fn new() -> Self {
        let past = PastFailures { since: Instant::now(), failures: 0, before: (0, 0) };
        Self { calls: AtomicU64::new(0), past: Mutex::new(past) }
    }

    fn failed(&self, Tolerance { rate, calls: least, window }: Tolerance) -> bool {
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        let age = past.since.elapsed();
        if age >= window {
            let gone = (self.calls.swap(1, Relaxed).saturating_sub(1), past.failures);
            let before = if age < window * 2 { gone } else { (0, 0) };
            *past = PastFailures { since: Instant::now(), failures: 0, before };
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
    use crate::world::fault::Reason;

    const HOUR: Duration = Duration::from_secs(3600);

    fn fails(statistics: &CallStatistics, reason: Reason, tolerance: Tolerance) -> bool {
        statistics.took(Duration::from_micros(7), 1 << 16);
        statistics.failed(&Failure::new(reason, "as asked"), tolerance)
    }

    #[test]
    fn more_than_the_share_is_too_often_and_refusals_are_no_failures() {
        let tolerance = Tolerance { rate: 0.5, calls: 4, window: HOUR };
        let statistics = CallStatistics::new();
        assert!(!fails(&statistics, Reason::Trap, tolerance), "judged by one call");
        statistics.took(Duration::from_micros(30), 2 << 16);
        statistics.took(Duration::from_micros(30), 0);
        assert!(!fails(&statistics, Reason::Trap, tolerance), "half of four is not more than half");
        assert!(!fails(&statistics, Reason::Refused, tolerance));
        assert!(!fails(&statistics, Reason::Deadline, tolerance), "three of six");
        assert!(fails(&statistics, Reason::WrongAnswer("much".into()), tolerance), "four of seven");
        assert_eq!((statistics.calls(), statistics.peak()), (7, 2 << 16));
        assert_eq!((statistics.quantile(0.5), statistics.quantile(0.99)), (Some(10), Some(50)));
        let (by_reason, last) = statistics.failures();
        assert_eq!((by_reason["trap"], by_reason["refused"], last.unwrap().reason.as_str()), (2, 1, "wrong_answer"));
    }

    #[test]
    fn failures_of_long_ago_do_not_count() {
        let tolerance = Tolerance { rate: 0.5, calls: 2, window: Duration::ZERO };
        let statistics = CallStatistics::new();
        for _ in 0..10 {
            assert!(!fails(&statistics, Reason::Trap, tolerance));
        }
    }
}
