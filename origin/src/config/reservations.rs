//! `[origin.reservations]`: how long and how much may be held.

use std::time::Duration;

use onhand_http::setting::Span;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reservations {
    /// A reservation that was confirmed longer ago than this and is not shipped is listed as stuck.
    pub stuck_after: Span,
    /// How long a hold may last from the call that makes or extends it, in whole seconds; a longer one is answered 400.
    /// A hold that names no `ttl_s` asks for 600 s. `0s` means only the general limit, 31 days.
    pub max_ttl: Span,
    /// Units that one owner (`auth.owner_claim`, else the token's subject) may have open at once: held and not yet
    /// expired, or confirmed, and not shipped. A hold that would exceed it is answered 429. Holds that were made before
    /// it was set do not count; set it once every replica runs a version that knows it. With 0 there is no limit, and
    /// nothing is counted.
    pub max_open_units: u32,
}

impl Reservations {
    pub(super) fn faults(&self) -> Vec<String> {
        let whole = self.max_ttl.0.subsec_nanos() == 0;
        let fault = || "origin.reservations.max_ttl: must be whole seconds, or 0s for none".to_owned();
        (!whole).then(fault).into_iter().collect()
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            max_ttl: Some(self.max_ttl.0).filter(|most| !most.is_zero()),
            max_open_units: Some(i64::from(self.max_open_units)).filter(|most| *most > 0),
        }
    }
}

impl Default for Reservations {
    fn default() -> Self {
        Self { stuck_after: Span::s(24 * 3600), max_ttl: Span::s(0), max_open_units: 0 }
    }
}

/// The limits of one owner, or else one subject; `None` means only the general limits.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// From now to a hold's deadline.
    pub max_ttl: Option<Duration>,
    /// Units that may be held or confirmed, and not shipped, at once.
    pub max_open_units: Option<i64>,
}
