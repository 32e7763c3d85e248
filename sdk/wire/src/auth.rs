//! Who may: bearer tokens (JWT, EdDSA), their scopes, and the keys that they are judged with.

mod issuer;
mod keys;
mod verifier;

use serde::{Deserialize, Deserializer, Serialize, de::Error};

use crate::limits::SUBJECT_BYTES;

pub use self::{
    issuer::Issuer,
    keys::{BadKey, KeySet, jwk},
    verifier::{Expected, LEEWAY, Standing, Verifier},
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
        [Self::Storefront, Self::Operator, Self::Admin]
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| "a scope is storefront, operator or admin".to_owned())
    }
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Owns idempotency keys; the ledger's actor.
    pub sub: String,
    #[serde(deserialize_with = "greatest")]
    pub scope: Scope,
    /// Seconds since 1970.
    pub exp: u64,
    #[serde(default)]
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

/// The greatest scope among the claim's words (RFC 8693): identity providers write words of their own beside ours.
fn greatest<'de, D: Deserializer<'de>>(claim: D) -> Result<Scope, D::Error> {
    let words = String::deserialize(claim)?;
    let scopes = words.split_ascii_whitespace().filter_map(|word| word.parse().ok());
    scopes.max().ok_or_else(|| D::Error::custom("no scope is storefront, operator or admin"))
}
