//! Who may: bearer tokens (JWT, EdDSA) and their scopes.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::{Code, Problem};

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
    pub scope: Scope,
    /// Seconds since 1970.
    pub exp: u64,
    #[serde(default)]
    pub iat: u64,
}

/// A key that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("not an Ed25519 key in PEM: {0}")]
pub struct BadKey(#[from] jsonwebtoken::errors::Error);

/// Signs tokens with a private key.
pub struct Issuer(EncodingKey);

impl Issuer {
    /// `pem`: PKCS#8.
    pub fn from_pem(pem: &[u8]) -> Result<Self, BadKey> {
        Ok(Self(EncodingKey::from_ed_pem(pem)?))
    }

    pub fn issue(&self, claims: &Claims) -> String {
        jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), claims, &self.0).expect("an Ed25519 key signs")
    }
}

/// Judges tokens with a public key.
pub struct Verifier {
    key: DecodingKey,
    validation: Validation,
}

impl Verifier {
    /// `pem`: SubjectPublicKeyInfo.
    pub fn from_pem(pem: &[u8]) -> Result<Self, BadKey> {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.validate_aud = false;
        validation.leeway = 5;
        validation.set_required_spec_claims(&["exp", "sub"]);
        Ok(Self { key: DecodingKey::from_ed_pem(pem)?, validation })
    }

    /// Judges an `Authorization` header: 401 without a valid token, 403 with too small a scope.
    pub fn judge(&self, authorization: Option<&[u8]>, needed: Scope) -> Result<Claims, Problem> {
        let unauthenticated = |detail: &'static str| Problem::new(Code::Unauthenticated, detail);
        let header = authorization.ok_or_else(|| unauthenticated("Authorization: send Bearer and a token"))?;
        let token = bearer(header).ok_or_else(|| unauthenticated("Authorization: send Bearer and a token"))?;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation)
            .map_err(|error| match error.kind() {
                jsonwebtoken::errors::ErrorKind::ExpiredSignature => {
                    unauthenticated("Authorization: the token has expired")
                }
                _ => unauthenticated("Authorization: the token is not valid here"),
            })?
            .claims;
        if claims.scope >= needed {
            return Ok(claims);
        }
        let detail = format!("Authorization: needs scope {}, the token has {}", needed.as_str(), claims.scope.as_str());
        Err(Problem::new(Code::Forbidden, detail))
    }
}

fn bearer(header: &[u8]) -> Option<&str> {
    let (scheme, token) = std::str::from_utf8(header).ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
