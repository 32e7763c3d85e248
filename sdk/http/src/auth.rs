//! Who may make a call: bearer tokens (JWT), their scopes, and the keys that judge them.

mod scope;
mod owner;
mod issuer;
mod token;
mod keys;
mod held;
mod scope_map;
mod expected;
mod verifier;
pub mod refusal;
pub mod carried;

use serde::Serialize;

use onhand_wire::{Code, Problem, Sees, limits::SUBJECT_BYTES};

pub use self::{
    expected::{Expected, Gives, Subjects},
    held::{Keys, Place, Standing},
    issuer::Issuer,
    keys::{BadKey, KeySet, jwk},
    owner::{OWNED_BY_SUBJECT, OWNER_CLAIM},
    scope::{Scope, Scopes},
    scope_map::ScopeMap,
    verifier::{LEEWAY, Verifier},
};

/// Who may make a call. Each route has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody: tokens are not checked.
    Anyone,
    /// Everybody; with `auth.public_reads = false` only a token of scope storefront.
    Reader,
    /// A token of this scope, or of one that includes it.
    Token(Scope),
}

/// A route of a process, for tests that check who may call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routed {
    pub method: String,
    pub path: &'static str,
    pub access: Access,
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claims {
    /// The owner of idempotency keys, and the ledger's actor.
    pub sub: String,
    pub scope: Scopes,
    /// Seconds since 1970.
    pub exp: u64,
    pub iat: u64,
    /// The value of the claim that `auth.owner_claim` names, if the token has it. Reservations that the token makes
    /// carry this value.
    #[serde(skip)]
    pub owner: Option<String>,
    /// Whose reservations it sees.
    #[serde(skip)]
    pub sees: Sees,
}

impl Claims {
    /// 403 if none of its scopes includes `needed`.
    pub fn need(&self, needed: Scope) -> Result<(), Problem> {
        if self.scope.include(needed) {
            return Ok(());
        }
        let detail = format!("Authorization: needs scope {}, the token has {}", needed.as_str(), self.scope);
        Err(Problem::new(Code::Forbidden, detail))
    }

    /// Claims without an owner, for configurations where no claim names one.
    pub fn new(sub: impl Into<String>, scope: impl Into<Scopes>, exp: u64) -> Self {
        Self { sub: sub.into(), scope: scope.into(), exp, iat: 0, owner: None, sees: Sees::All }
    }
}

/// What is wrong with a token's subject. It becomes part of keys and of the ledger, so a subject that no database can
/// index or show is refused where tokens are judged.
pub fn subject_fault(subject: &str) -> Option<&'static str> {
    if subject.is_empty() || subject.len() > SUBJECT_BYTES {
        Some("must have 1 to 255 bytes")
    } else if subject.contains(char::is_control) {
        Some("must have no control characters")
    } else {
        None
    }
}
