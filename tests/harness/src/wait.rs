//! Tests wait for conditions, never for a fixed time.

use std::time::Duration;

/// How long [`eventually!`](crate::eventually) waits by default.
pub const DEFAULT: Duration = Duration::from_secs(10);
/// How often a condition is checked.
pub const STEP: Duration = Duration::from_millis(5);

/// Waits until a condition holds; if it never does, panics with the condition and its place.
///
/// The condition may await. A limit comes first: `eventually!(Duration::from_secs(30), condition)`,
/// and what to print may follow: `eventually!(limit, condition, "saw {seen:?}")`.
#[macro_export]
macro_rules! eventually {
    ($condition:expr $(,)?) => {
        $crate::eventually!($crate::wait::DEFAULT, $condition)
    };
    ($within:expr, $condition:expr $(,)?) => {
        $crate::eventually!($within, $condition, "")
    };
    ($within:expr, $condition:expr, $($message:tt)+) => {{
        let (within, began): (std::time::Duration, _) = ($within, std::time::Instant::now());
        loop {
            if $condition {
                break;
            }
            if began.elapsed() > within {
                panic!("still not so after {within:?}: {} {}", stringify!($condition), format_args!($($message)+));
            }
            ::tokio::time::sleep($crate::wait::STEP).await;
        }
    }};
}
