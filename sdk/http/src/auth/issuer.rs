//! Making tokens: `onhand token issue`, `onhand dev` and tests.

use std::collections::BTreeMap;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use super::{BadKey, Claims};

/// Signs tokens with a private key.
pub struct Issuer {
    key: EncodingKey,
    header: Header,
    name: Option<String>,
    audience: Option<String>,
    more: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Signed<'a> {
    #[serde(flatten)]
    claims: &'a Claims,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
    #[serde(flatten)]
    more: &'a BTreeMap<String, String>,
}

impl Issuer {
    /// `pem`: PKCS#8.
    pub fn from_pem(pem: &[u8]) -> Result<Self, BadKey> {
        let key = EncodingKey::from_ed_pem(pem).map_err(|error| BadKey::pem("private", error))?;
        Ok(Self { key, header: Header::new(Algorithm::EdDSA), name: None, audience: None, more: BTreeMap::new() })
    }

    /// Names the key in each token's header, so that this key of a set judges it.
    pub fn with_kid(mut self, kid: Option<String>) -> Self {
        self.header.kid = kid;
        self
    }

    /// The tokens' `iss`.
    pub fn with_name(self, name: Option<String>) -> Self {
        Self { name, ..self }
    }

    /// The tokens' `aud`.
    pub fn with_audience(self, audience: Option<String>) -> Self {
        Self { audience, ..self }
    }

    /// More claims for the tokens.
    pub fn with_claims(self, more: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { more: more.into_iter().collect(), ..self }
    }

    pub fn issue(&self, claims: &Claims) -> String {
        let signed = Signed { claims, iss: self.name.as_deref(), aud: self.audience.as_deref(), more: &self.more };
        jsonwebtoken::encode(&self.header, &signed, &self.key).expect("an Ed25519 key signs")
    }
}
