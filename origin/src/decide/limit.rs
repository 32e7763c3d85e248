//! What one owner may hold, where the operator has set limits.

use std::time::Duration;

use super::Rejection;
use crate::{command::Ask, state::BatchState};

/// A hold may last so long from now.
pub(super) fn check_ttl(state: &BatchState, ttl_s: u32) -> Result<(), Rejection> {
    let Some(most) = state.limits.max_ttl.filter(|most| Duration::from_secs(ttl_s.into()) > *most) else {
        return Ok(());
    };
    Err(Rejection::TooLong { asked_s: ttl_s, most_s: most.as_secs() })
}

/// Whether the owner, or else the subject, may have so many more units open.
pub(super) fn check_open(state: &BatchState, ask: &Ask, units: i64) -> Result<(), Rejection> {
    let Some(most) = state.limits.max_open_units else { return Ok(()) };
    let open = state.open_units.get(&ask.holder()).copied().unwrap_or_default();
    if open.saturating_add(units) <= most {
        return Ok(());
    }
    Err(Rejection::TooManyOpen { open, more: units, most })
}

/// Whose open units a new hold counts for; nobody's where they are not limited.
pub(super) fn holder(state: &BatchState, ask: &Ask) -> Option<String> {
    state.limits.max_open_units.map(|_| ask.holder())
}
