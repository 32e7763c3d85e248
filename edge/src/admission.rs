//! Who may, how often, and how much at once. The token is judged before media type and body.

mod caller;
mod queue;
mod rate;
mod shared;

use std::sync::Arc;

use http::{HeaderMap, header};
use onhand_wire::{
    Problem,
    auth::{Scope, Verifier},
};

pub(crate) use self::{
    caller::Peer,
    queue::{Queue, manage},
    rate::{Charge, RateLimits},
    shared::Shared,
};

/// How tokens are judged, and whether lookups need one.
#[derive(Clone)]
pub struct Auth {
    pub verifier: Arc<Verifier>,
    pub public_reads: bool,
}

impl Auth {
    pub(crate) fn needs(&self, headers: &HeaderMap, scope: Scope) -> Result<(), Problem> {
        self.subject(headers, scope).map(|_subject| ())
    }

    /// Whose token it is.
    pub(crate) fn subject(&self, headers: &HeaderMap, scope: Scope) -> Result<String, Problem> {
        let token = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
        self.verifier.judge(token, scope).map(|claims| claims.sub)
    }

    /// Lookups are open unless the configuration closes them.
    pub(crate) fn may_read(&self, headers: &HeaderMap) -> Result<(), Problem> {
        if self.public_reads { Ok(()) } else { self.needs(headers, Scope::Storefront) }
    }
}
