//! How fresh the node is: `as_of`, staleness and the mode that follows.
//!
//! `as_of` is the least, over all partitions, of the greatest watermark applied. A request reads it **before** its
//! entry. In the other order, a change and its watermark could come between the two, and the answer would claim what it
//! does not hold.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::{ArcSwap, ArcSwapOption};
use http::HeaderValue;
use onhand_wire::{Timestamp, event::Watermark};

use crate::config::FreshnessConfig;

/// The minutes of arrivals over which the least (arrival − S) is taken.
const WINDOW_MINUTES: usize = 10;
/// Added to the estimate of the database's clock: more than the feed's least delay ever is.
const CLOCK_MARGIN: Duration = Duration::from_secs(1);

/// A time, and its form in headers.
pub(crate) struct AsOf {
    pub(crate) t: Timestamp,
    pub(crate) header: HeaderValue,
}

impl AsOf {
    pub(crate) fn new(t: Timestamp) -> Self {
        let header = HeaderValue::try_from(t.to_string()).expect("a time is ASCII");
        Self { t, header }
    }
}

/// How fresh the node's answers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Live,
    /// The node is behind, and the origin is reachable: misses and bounded callers go to the origin.
    CatchingUp,
    /// The feed is stalled and the origin unreachable: cached answers are marked.
    Stale,
    /// Stale for longer than `stale_if_error_s`, or nothing was ever applied.
    Unavailable,
}

impl Mode {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::CatchingUp => "catching_up",
            Self::Stale => "stale",
            Self::Unavailable => "unavailable",
        }
    }
}

pub(crate) struct Freshness {
    config: FreshnessConfig,
    /// The zero of the node's own monotonic clock.
    started: Instant,
    as_of: ArcSwapOption<AsOf>,
    /// The least (arrival − S) of the last minutes, in microseconds of the two clocks.
    lag: AtomicI64,
    marks: Mutex<Marks>,
    terms: ArcSwap<Terms>,
}

/// What watermarks say about terms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) term: u16,
    pub(crate) good_since: u16,
}

#[derive(Default)]
struct Marks {
    /// The greatest watermark of each partition.
    greatest: Vec<Option<Timestamp>>,
    /// The number of partitions that the latest watermark names.
    named: usize,
    window: Window,
}

impl Freshness {
    pub(crate) fn new(config: FreshnessConfig) -> Self {
        Self {
            config,
            started: Instant::now(),
            as_of: ArcSwapOption::empty(),
            lag: AtomicI64::new(0),
            marks: Mutex::default(),
            terms: ArcSwap::default(),
        }
    }

    fn marks(&self) -> std::sync::MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clock(&self, moment: Instant) -> i64 {
        i64::try_from(moment.saturating_duration_since(self.started).as_micros()).unwrap_or(i64::MAX)
    }

    /// The feed now reads this many partitions.
    pub(crate) fn reads(&self, partitions: usize) {
        let mut marks = self.marks();
        // A recreated topic may have fewer; the last watermarks of the others must not hold back `as_of`.
        marks.greatest.resize(partitions, None);
    }

    /// The number of partitions that watermarks name; if the feed reads fewer, it must add them.
    pub(crate) fn named(&self) -> usize {
        self.marks().named
    }

    pub(crate) fn terms(&self) -> Terms {
        **self.terms.load()
    }

    /// The oldest term whose facts are still valid, if this watermark is the first to say so: everything older belongs
    /// to a lost history.
    pub(crate) fn begins_history(&self, mark: &Watermark) -> Option<u16> {
        let known = self.terms();
        (mark.term >= known.term && mark.good_since > known.good_since).then_some(mark.good_since)
    }

    /// Applies a watermark, after every record before it in its partition. A watermark of a lower term than the known
    /// one is ignored: it comes from an old leader that woke up late.
    pub(crate) fn watermark(&self, partition: usize, mark: &Watermark, arrival: Instant) {
        let mut marks = self.marks();
        let known = self.terms();
        if mark.term < known.term {
            return;
        }
        if mark.term > known.term || mark.good_since > known.good_since {
            let good_since = known.good_since.max(mark.good_since);
            self.terms.store(Arc::new(Terms { term: mark.term, good_since }));
        }
        marks.named = usize::try_from(mark.partitions).unwrap_or(0);
        if marks.greatest.len() <= partition {
            marks.greatest.resize(partition + 1, None);
        }
        marks.greatest[partition] = marks.greatest[partition].max(Some(mark.t));
        let arrived = self.clock(arrival);
        self.lag.store(marks.window.least(arrived, arrived - mark.s.micros()), Ordering::Release);
        self.advance(&marks);
    }

    /// While fewer partitions are read than a watermark names, `as_of` does not advance.
    fn advance(&self, marks: &Marks) {
        if marks.greatest.len() < marks.named {
            return;
        }
        let Some(Some(least)) = marks.greatest.iter().min().copied() else { return };
        if self.as_of().is_none_or(|held| least > held.t) {
            self.as_of.store(Some(Arc::new(AsOf::new(least))));
        }
    }

    /// Every answer whose entry is read after this reflects every change acknowledged before it.
    pub(crate) fn as_of(&self) -> Option<Arc<AsOf>> {
        self.as_of.load_full()
    }

    /// (own clock − T) less the least (arrival − S): clock skew cannot hide a stall, and a backlog
    /// read after a pause does not look fresh. `None` before the first watermark.
    pub(crate) fn staleness(&self, now: Instant) -> Option<Duration> {
        Some(self.staleness_of(self.as_of.load().as_ref()?.t, now))
    }

    /// The same for a time that the caller has read.
    pub(crate) fn staleness_of(&self, t: Timestamp, now: Instant) -> Duration {
        let micros = self.clock(now) - t.micros() - self.lag.load(Ordering::Acquire);
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }

    /// An estimate of the database's clock that is not too early, judging by the feed's delays.
    pub(crate) fn database_clock(&self, now: Instant) -> Timestamp {
        Timestamp::from_micros(self.clock(now) - self.lag.load(Ordering::Acquire)).plus(CLOCK_MARGIN)
    }

    pub(crate) fn mode(&self, now: Instant, origin_reachable: bool) -> Mode {
        self.mode_at(self.staleness(now), origin_reachable)
    }

    /// The mode for this staleness; `None` means that nothing was ever applied.
    pub(crate) fn mode_at(&self, staleness: Option<Duration>, origin_reachable: bool) -> Mode {
        let live = Duration::from_millis(self.config.live_ms);
        let usable = Duration::from_secs(self.config.stale_if_error_s);
        match staleness {
            None => Mode::Unavailable,
            Some(staleness) if staleness < live => Mode::Live,
            Some(_) if origin_reachable => Mode::CatchingUp,
            Some(staleness) if staleness < usable => Mode::Stale,
            Some(_) => Mode::Unavailable,
        }
    }
}

/// The least value of the last minutes **in which anything arrived**. After a long pause the minutes before it still
/// count, so that the backlog does not become the standard.
#[derive(Default)]
struct Window(VecDeque<(i64, i64)>);

impl Window {
    fn least(&mut self, arrived: i64, value: i64) -> i64 {
        let minute = arrived / 60_000_000;
        match self.0.back_mut() {
            Some((held, least)) if *held == minute => *least = value.min(*least),
            _ => self.0.push_back((minute, value)),
        }
        if self.0.len() > WINDOW_MINUTES {
            self.0.pop_front();
        }
        self.0.iter().map(|(_, least)| *least).min().unwrap_or(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000;

    fn mark(t_ms: i64, partitions: i32) -> Watermark {
        let t = Timestamp::from_micros(DAY + t_ms * 1000);
        Watermark { t, s: t, term: 1, good_since: 1, partitions }
    }

    fn as_of_ms(freshness: &Freshness) -> Option<i64> {
        freshness.as_of().map(|held| (held.t.micros() - DAY) / 1000)
    }

    #[test]
    fn as_of_is_the_least_of_the_partitions_greatest() {
        let freshness = Freshness::new(FreshnessConfig::default());
        freshness.reads(2);
        let now = Instant::now();
        freshness.watermark(0, &mark(100, 2), now);
        assert_eq!(as_of_ms(&freshness), None, "the other partition has said nothing");
        freshness.watermark(1, &mark(90, 2), now);
        assert_eq!(as_of_ms(&freshness), Some(90));
        freshness.watermark(1, &mark(80, 2), now);
        assert_eq!(as_of_ms(&freshness), Some(90), "it never falls");
        freshness.watermark(1, &mark(120, 2), now);
        assert_eq!(as_of_ms(&freshness), Some(100));
    }

    #[test]
    fn as_of_stays_while_fewer_partitions_are_read_than_named() {
        let freshness = Freshness::new(FreshnessConfig::default());
        freshness.reads(1);
        let now = Instant::now();
        freshness.watermark(0, &mark(100, 1), now);
        freshness.watermark(0, &mark(200, 2), now);
        assert_eq!(as_of_ms(&freshness), Some(100));
        freshness.reads(2);
        freshness.watermark(0, &mark(300, 2), now);
        assert_eq!(as_of_ms(&freshness), Some(100), "the new partition has said nothing");
        freshness.watermark(1, &mark(250, 2), now);
        assert_eq!(as_of_ms(&freshness), Some(250));
    }

    #[test]
    fn watermarks_of_a_lower_term_are_ignored() {
        let freshness = Freshness::new(FreshnessConfig::default());
        freshness.reads(1);
        let now = Instant::now();
        freshness.watermark(0, &Watermark { term: 2, ..mark(100, 1) }, now);
        freshness.watermark(0, &mark(200, 1), now);
        assert_eq!(as_of_ms(&freshness), Some(100));
        assert_eq!(freshness.terms(), Terms { term: 2, good_since: 1 });
    }

    #[test]
    fn staleness_ignores_skew_and_sees_stalls_slow_relays_and_backlogs() {
        let freshness = Freshness::new(FreshnessConfig::default());
        freshness.reads(1);
        let start = freshness.started;
        let at = |ms: u64| start + Duration::from_millis(ms);
        let stale = |ms: u64| freshness.staleness(at(ms)).unwrap().as_millis();
        freshness.watermark(0, &mark(0, 1), at(5));
        assert_eq!(stale(5), 0, "the clocks are a day apart");
        assert_eq!(stale(2005), 2000, "a stall shows");
        let slow = Watermark { t: mark(2500, 1).t, ..mark(3000, 1) };
        freshness.watermark(0, &slow, at(3005));
        assert_eq!(stale(3005), 500, "a slow relay shows");
        freshness.watermark(0, &mark(4000, 1), at(1_900_000));
        assert_eq!(stale(1_900_000), 1_895_995, "a backlog after half an hour does not look fresh");
        assert_eq!(freshness.mode(at(1_900_000), true), Mode::CatchingUp);
        assert_eq!(freshness.mode(at(1_900_000), false), Mode::Unavailable);
        assert_eq!(freshness.mode(at(6_000), false), Mode::Stale);
    }
}
