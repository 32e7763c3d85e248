//! Who may make a call, how often, and how much at once. The token is judged before media type and body.

mod caller;
mod misses;
mod queue;
mod rate;
mod region_counts;
mod shares;

use std::sync::Arc;

use http::{HeaderMap, header};
use onhand_http::auth::{Claims, LEEWAY, Scope, Verifier};
use onhand_wire::{Problem, Sees};

pub(crate) use self::{
    caller::{Asking, Caller},
    misses::{MissRefused, Misses},
    queue::Queue,
    rate::RateLimits,
    region_counts::RegionCounts,
    shares::{Share, ShareLimit, Shares},
};

/// How tokens are judged, and whether lookups need one.
#[derive(Clone)]
pub struct Auth {
    pub verifier: Arc<Verifier>,
    pub public_reads: bool,
}

impl Auth {
    pub(crate) fn needs(&self, headers: &HeaderMap, scope: Scope) -> Result<(), Problem> {
        self.judged(headers, scope).map(|_claims| ())
    }

    /// The token's subject.
    pub(crate) fn subject(&self, headers: &HeaderMap, scope: Scope) -> Result<String, Problem> {
        self.judged(headers, scope).map(|claims| claims.sub)
    }

    /// Whose reservations the caller sees; `None` if that cannot be told: where the origin knows owners and this edge
    /// does not, a token that sees all may be another's.
    pub(crate) fn sees(&self, headers: &HeaderMap) -> Option<Sees> {
        let sees = self.judged(headers, Scope::Storefront).ok()?.sees;
        (self.verifier.knows_owners() || sees != Sees::All).then_some(sees)
    }

    /// Whose token it is, and for whom it acts.
    pub(crate) fn claims(&self, headers: &HeaderMap, scope: Scope) -> Result<Claims, Problem> {
        self.judged(headers, scope)
    }

    fn judged(&self, headers: &HeaderMap, scope: Scope) -> Result<Claims, Problem> {
        let token = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
        self.verifier.judge(token, scope)
    }

    /// Lookups are public unless the configuration says otherwise.
    pub(crate) fn may_read(&self, headers: &HeaderMap) -> Result<(), Problem> {
        if self.public_reads { Ok(()) } else { self.needs(headers, Scope::Storefront) }
    }
    /// The same; also returns the token's expiry (seconds since 1970) if there is a token: a stream ends with it.
    pub(crate) fn may_read_until(&self, headers: &HeaderMap) -> Result<Option<u64>, Problem> {
        if self.public_reads {
            return Ok(None);
        }
        let claims = self.judged(headers, Scope::Storefront)?;
        Ok(Some(claims.exp.saturating_add(LEEWAY)))
    }
}
