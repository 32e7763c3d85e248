//! The measurements: histograms, by kind of call and by second. Times in nanoseconds.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

use super::mix::Kind;

const SECOND: Duration = Duration::from_secs(1);
/// Longer times count as this.
const LONGEST: Duration = Duration::from_secs(60);

pub(super) type Times = Histogram<u64>;

/// Three digits, from a nanosecond to a minute.
fn times() -> Times {
    Histogram::new_with_bounds(1, nanos(LONGEST), 3).expect("bounds in order")
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// One second: how many answers, and their times.
pub(super) struct Second {
    pub(super) answered: u64,
    /// 50 %, 99 %, 99.9 % and the longest.
    pub(super) at: [u64; 4],
}

pub(super) struct Figures {
    pub(super) skus: usize,
    pub(super) kinds: [Times; 3],
    pub(super) statuses: BTreeMap<(Kind, u16), u64>,
    /// Connections that broke before the answer.
    pub(super) failed: u64,
    /// Requests that had no answer at the end.
    pub(super) unanswered: u64,
    /// Requests that were due but never sent, because no connection was free.
    pub(super) unsent: u64,
    /// From when a request could be sent to when it was sent: the generator's own delay.
    pub(super) lateness: Times,
    pub(super) seconds: Vec<Second>,
    second: Times,
    second_ends: Instant,
    began: Instant,
    /// When the last answer came.
    last: Instant,
}

impl Figures {
    pub(super) fn new(skus: usize) -> Self {
        let now = Instant::now();
        Self {
            skus,
            kinds: [times(), times(), times()],
            statuses: BTreeMap::new(),
            failed: 0,
            unanswered: 0,
            unsent: 0,
            lateness: times(),
            seconds: Vec::new(),
            second: times(),
            second_ends: now,
            began: now,
            last: now,
        }
    }

    pub(super) fn begin(&mut self, measured: Instant) {
        (self.began, self.last, self.second_ends) = (measured, measured, measured + SECOND);
    }

    pub(super) fn sent(&mut self, late: Duration) {
        self.lateness.saturating_record(nanos(late));
    }

    pub(super) fn answered(&mut self, kind: Kind, status: u16, now: Instant, took: Duration) {
        while now >= self.second_ends {
            self.end_second();
        }
        *self.statuses.entry((kind, status)).or_default() += 1;
        self.kinds[kind as usize].saturating_record(nanos(took));
        self.second.saturating_record(nanos(took));
        self.last = now;
    }

    pub(super) fn failed(&mut self, kind: Kind) {
        *self.statuses.entry((kind, 0)).or_default() += 1;
        self.failed += 1;
    }

    pub(super) fn unanswered(&mut self, kind: Kind, waited: Duration) {
        self.kinds[kind as usize].saturating_record(nanos(waited));
        self.unanswered += 1;
    }

    pub(super) fn end(&mut self, unsent: u64) {
        self.unsent = unsent;
        if self.second_ends <= self.last + SECOND / 2 {
            self.end_second(); // at least half a second of it was measured
        }
    }

    fn end_second(&mut self) {
        let at = [0.5, 0.99, 0.999, 1.0].map(|share| self.second.value_at_quantile(share));
        self.seconds.push(Second { answered: self.second.len(), at });
        self.second.reset();
        self.second_ends += SECOND;
    }

    /// From the start of measuring to the last answer.
    pub(super) fn elapsed(&self) -> Duration {
        self.last - self.began
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_without_an_answer_stay_in_the_timeline() {
        let mut figures = Figures::new(1);
        let began = Instant::now();
        figures.begin(began);
        figures.answered(Kind::Lookup, 200, began + SECOND / 4, Duration::from_micros(10));
        figures.answered(Kind::Lookup, 200, began + SECOND * 3, Duration::from_secs(3));
        figures.end(0);
        let answered: Vec<_> = figures.seconds.iter().map(|second| second.answered).collect();
        assert_eq!(answered, [1, 0, 0], "the fourth second has only begun");
        assert_eq!(figures.kinds[0].len(), 2);
        assert!(figures.kinds[0].max() >= 2_990_000_000);
    }
}
