//! What a watermark claims, and a fault that tests switch on: that the checker finds nothing proves something only if
//! it finds this fault. Release builds have neither the switch nor the fault.

use onhand_wire::Timestamp;

/// What a watermark claims: the round's own T.
#[cfg(not(debug_assertions))]
pub(super) fn claimed(t: Timestamp) -> Timestamp {
    t
}

/// What a watermark claims: the round's own T, or the next round's with `ONHAND_TEST_EARLY_WATERMARKS` set.
#[cfg(debug_assertions)]
pub(super) fn claimed(t: Timestamp) -> Timestamp {
    static EARLY: std::sync::LazyLock<bool> = std::sync::LazyLock::new(|| {
        let early = std::env::var_os("ONHAND_TEST_EARLY_WATERMARKS").is_some();
        if early {
            tracing::error!(
                "ONHAND_TEST_EARLY_WATERMARKS is set: watermarks are too early, and edges make false claims"
            );
        }
        early
    });
    if *EARLY { t.plus(super::BEAT) } else { t }
}
