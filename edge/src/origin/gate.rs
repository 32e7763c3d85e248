//! A gate on the way to the origin: its breaker, and how many calls may pass at once.
//!
//! Loads and callers' own calls have separate gates, so readers cannot stop writers, nor the other way round.

use std::time::Instant;

use onhand_http::breaker::{Breaker, BreakerConfig, BreakerState};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::OriginError;

/// The longest time that a caller is told to wait for a breaker.
const LONGEST_WAIT_S: u64 = 30;

/// The gate that a call passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The node's loads, for itself and for lookups.
    Loads,
    /// Callers' own calls, forwarded with their own tokens.
    Calls,
}

pub(super) struct Gate {
    pub(super) breaker: Breaker,
    places: Semaphore,
    most: usize,
}

impl Gate {
    /// `most`: calls that may be under way at once.
    pub(super) fn new(name: &'static str, breaker: BreakerConfig, most: usize) -> Self {
        let most = most.min(Semaphore::MAX_PERMITS);
        Self { breaker: Breaker::new(name, breaker), places: Semaphore::new(most), most }
    }

    pub(super) fn place(&self) -> Result<SemaphorePermit<'_>, OriginError> {
        self.places.try_acquire().map_err(|_| OriginError::Crowded)
    }

    pub(super) fn taken(&self) -> usize {
        self.most.saturating_sub(self.places.available_permits())
    }

    pub(super) fn is_open(&self) -> bool {
        self.breaker.state() == BreakerState::Open
    }

    /// Seconds until the breaker lets calls through again, at most [`LONGEST_WAIT_S`]; 0 if it does.
    pub(super) fn opens_in_s(&self) -> u64 {
        let left = self.breaker.open_for(Instant::now());
        u64::try_from(left.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).min(LONGEST_WAIT_S)
    }
}
