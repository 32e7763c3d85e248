//! Keeps repeated lines from flooding the log.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Lets one line through per interval and counts the rest.
pub(crate) struct Throttle {
    interval: Duration,
    last: Mutex<(Option<Instant>, u64)>,
}

impl Throttle {
    pub(crate) const fn new(interval: Duration) -> Self {
        Self { interval, last: Mutex::new((None, 0)) }
    }

    /// How many were held back since the last line; `None` if this one is held back too.
    pub(crate) fn pass(&self) -> Option<u64> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.0.is_some_and(|moment| moment.elapsed() < self.interval) {
            last.1 += 1;
            return None;
        }
        let held_back = last.1;
        *last = (Some(Instant::now()), 0);
        Some(held_back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_counted() {
        let throttle = Throttle::new(Duration::from_millis(20));
        assert_eq!(throttle.pass(), Some(0));
        assert_eq!((throttle.pass(), throttle.pass()), (None, None));
        std::thread::sleep(Duration::from_millis(25));
        assert_eq!(throttle.pass(), Some(2));
    }
}
