//! Who may: bearer tokens (JWT, EdDSA), their scopes, and the keys that they are judged with.

mod issuer;
mod token;
mod keys;
mod held;
mod scopes;
mod expected;
mod verifier;

use serde::{Deserialize, Serialize};

use crate::limits::SUBJECT_BYTES;

pub use self::{
    expected::Expected,
    held::{Keys, Place, Standing},
    issuer::Issuer,
    keys::{BadKey, KeySet, jwk},
    scopes::ScopeMap,
    verifier::{LEEWAY, Verifier},
};

/// Each scope includes the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Storefront,
    Operator,
    Admin,
}

impl Scope {
    pub const ALL: [Self; 3] = [Self::Storefront, Self::Operator, Self::Admin];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Storefront => "storefront",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl std::str::FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| "a scope is storefront, operator or admin".to_owned())
    }
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claims {
    /// Owns idempotency keys; the ledger's actor.
    pub sub: String,
    pub scope: Scope,
    /// Seconds since 1970.
    pub exp: u64,
    pub iat: u64,
}

/// What is wrong with a token's subject. It becomes part of keys and of the ledger, so that one which no
/// database can index or show is refused where tokens are judged.
pub fn subject_fault(subject: &str) -> Option<&'static str> {
    if subject.is_empty() || subject.len() > SUBJECT_BYTES {
        Some("must have 1 to 255 bytes")
    } else if subject.contains(char::is_control) {
        Some("must have no control characters")
    } else {
        None
    }
}

/// What counts of several scopes that a token has: identity providers write words of their own beside ours.
fn greatest(scopes: impl Iterator<Item = Scope>) -> Option<Scope> {
    scopes.max()
}
