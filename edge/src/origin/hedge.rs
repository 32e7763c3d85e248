//! When a second origin is asked as well: if a load takes longer than 95 % of recent loads, and for at most one load in
//! ten, so that the load does not double when all origins are slow.

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    time::Duration,
};

const LEAST: Duration = Duration::from_millis(2);
/// The usual time before anything is known.
const FIRST: Duration = Duration::from_millis(50);
/// The cost of a hedge, and the most credit that can be saved; each load earns 1.
const COST: i64 = 10;
const SAVED: i64 = 100;

pub(super) struct Hedge {
    /// An estimate of the time in microseconds within which 95 % of loads end.
    usual: AtomicU64,
    longest: Duration,
    budget: AtomicI64,
}

impl Hedge {
    /// `timeout`: the time limit of a load; a hedge needs some of it.
    pub(super) fn new(timeout: Duration) -> Self {
        let usual = AtomicU64::new(FIRST.as_micros() as u64);
        Self { usual, longest: (timeout / 2).max(LEAST), budget: AtomicI64::new(SAVED) }
    }

    pub(super) fn delay(&self) -> Duration {
        Duration::from_micros(self.usual.load(Ordering::Relaxed)).clamp(LEAST, self.longest)
    }

    pub(super) fn affords(&self) -> bool {
        let paid = |budget: i64| (budget >= COST).then_some(budget - COST);
        self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, paid).is_ok()
    }

    /// Moves the estimate up by 19 parts if a load took longer, and down by one if it did not: it settles where that
    /// happens once in twenty.
    pub(super) fn took(&self, time: Duration) {
        let earned = |budget: i64| (budget < SAVED).then_some(budget + 1);
        let _saved_enough = self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, earned);
        let usual = self.usual.load(Ordering::Relaxed);
        let part = usual / 200 + 1;
        let longer = time.as_micros() as u64 > usual;
        let moved = if longer { usual + 19 * part } else { usual.saturating_sub(part) };
        self.usual.store(moved.min(self.longest.as_micros() as u64), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_settles_where_one_load_of_twenty_is_slower() {
        let hedge = Hedge::new(Duration::from_secs(2));
        for round in 0..20_000_u64 {
            // Evenly from 0 to 10 ms, in a scattered order.
            hedge.took(Duration::from_micros(round * 7919 % 10_000));
        }
        let delay = hedge.delay();
        assert!((Duration::from_micros(8500)..Duration::from_micros(10_000)).contains(&delay), "{delay:?}");
    }

    #[test]
    fn one_load_of_ten_is_hedged_at_most() {
        let hedge = Hedge::new(Duration::from_secs(2));
        let hedged = (0..1000).filter(|_| {
            hedge.took(Duration::from_secs(1));
            hedge.affords()
        });
        let hedged = hedged.count();
        assert!((100..=110).contains(&hedged), "{hedged}");
    }
}
