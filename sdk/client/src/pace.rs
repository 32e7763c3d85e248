//! When a call is repeated.

use std::time::Duration;

use crate::{Problem, Retry};

const FIRST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_millis(500);

/// Pauses between tries: each is twice the one before, less a random part, so that callers that failed together do not
/// return together.
pub(crate) struct Pace(Duration);

impl Pace {
    pub(crate) fn new() -> Self {
        Self(FIRST)
    }

    /// A rate limit's pause is kept; a node that is down or busy may be back sooner than it says.
    pub(crate) fn next(&mut self, refused: Option<&Problem>) -> Duration {
        let pause = self.0.mul_f64(rand::random_range(0.5..1.0));
        self.0 = (self.0 * 2).min(LONGEST);
        let told = refused.filter(|problem| problem.retry == Retry::Later).and_then(|problem| problem.retry_after);
        told.unwrap_or_default().max(pause)
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;

    #[test]
    fn pauses_grow_to_half_a_second_and_a_rate_limit_is_kept() {
        let mut pace = Pace::new();
        let pauses: Vec<_> = (0..12).map(|_| pace.next(None)).collect();
        assert!(pauses[0] <= FIRST && pauses.iter().all(|pause| *pause <= LONGEST), "{pauses:?}");
        assert!(pauses[11] >= LONGEST / 2, "{pauses:?}");
        let refused = |status, retry_after| Problem {
            retry_after: Some(Duration::from_secs(retry_after)),
            ..Problem::of("", "", StatusCode::from_u16(status).unwrap(), b"")
        };
        assert_eq!(pace.next(Some(&refused(429, 7))), Duration::from_secs(7));
        assert!(pace.next(Some(&refused(429, 0))) >= LONGEST / 2, "no hurry");
        assert!(pace.next(Some(&refused(503, 7))) <= LONGEST, "another node, or this one, may do sooner");
    }
}
