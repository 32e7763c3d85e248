//! Tests wait for conditions, never for a time.

use std::time::Duration;

/// How long [`eventually!`](crate::eventually) waits when no limit is given.
pub const DEFAULT: Duration = Duration::from_secs(10);
/// How often a condition is looked at.
pub const STEP: Duration = Duration::from_millis(5);

/// Waits until a condition holds; panics with it, and where it was asked, when it never does.
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
