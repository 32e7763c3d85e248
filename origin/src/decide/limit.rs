//! What one owner may hold, where the operator has set limits.

use std::time::Duration;

use onhand_wire::{Code, Problem};

use crate::{command::Ask, state::State};

/// A hold may last so long from now.
pub(super) fn check_ttl(state: &State, ttl_s: u32) -> Result<(), Problem> {
    let Some(most) = state.limits.max_ttl.filter(|most| Duration::from_secs(ttl_s.into()) > *most) else {
        return Ok(());
    };
    Err(Problem::field(
        "ttl_s",
        format!("a hold may last {} s here at most, this one asks for {ttl_s}", most.as_secs()),
    ))
}

/// Whether the owner, or else the subject, may have so many more units open.
pub(super) fn check_open(state: &State, ask: &Ask, units: i64) -> Result<(), Problem> {
    let Some(most) = state.limits.max_open_units else { return Ok(()) };
    let open = state.open_units.get(&ask.holder()).copied().unwrap_or_default();
    if open.saturating_add(units) <= most {
        return Ok(());
    }
    let detail = format!(
        "lines: {open} units are open, this hold would open {units} more, and {most} may be open at once; ship, cancel or \
         let expire what is held first"
    );
    Err(Problem::new(Code::RateLimited, detail).with("limit", most).with("open", open))
}

/// Whose open units a new hold counts for; nobody's where they are not limited.
pub(super) fn holder(state: &State, ask: &Ask) -> Option<String> {
    state.limits.max_open_units.map(|_| ask.holder())
}
