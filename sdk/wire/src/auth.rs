//! Who may: bearer tokens (JWT, EdDSA), their scopes, and the keys that they are judged with.

mod scope;
mod owner;
mod issuer;
mod keys;
mod verifier;
pub mod carried;

use serde::{Deserialize, Serialize};

use crate::{Code, Problem};

pub use self::{
    issuer::Issuer,
    keys::{BadKey, KeySet, jwk},
    owner::Sees,
    scope::{Scope, Scopes},
    verifier::{Expected, LEEWAY, Standing, Verifier},
};

/// Who may make a call. Each route carries its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody: no token is looked at.
    Anyone,
    /// Everybody, or a token of scope storefront where `auth.public_reads = false`.
    Reader,
    /// A token of this scope, or of one that includes it.
    Token(Scope),
}

/// A route as a process has it, for whoever checks that each says who may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routed {
    pub method: String,
    pub path: &'static str,
    pub access: Access,
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Owns idempotency keys; the ledger's actor.
    pub sub: String,
    pub scope: Scopes,
    /// Seconds since 1970.
    pub exp: u64,
    #[serde(default)]
    pub iat: u64,
    /// The value of the claim that `auth.owner_claim` names, if the token has it. What the token
    /// makes carries this value.
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

    /// Without an owner: where no claim names one.
    pub fn new(sub: impl Into<String>, scope: impl Into<Scopes>, exp: u64) -> Self {
        Self { sub: sub.into(), scope: scope.into(), exp, iat: 0, owner: None, sees: Sees::All }
    }
}
