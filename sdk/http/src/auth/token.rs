//! Parses a token's text (JWS compact form, RFC 7515) before anything in it is trusted.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::keys::Key;

/// Accepted types of tokens (RFC 7519, 5.1; RFC 9068). Other types are signed with the same keys but mean something
/// else: a logout token says who has logged out.
const TYPES: [&str; 2] = ["JWT", "at+jwt"];

/// The members of the header that are read. Members that name or contain a key (`jku`, `x5u`, `x5c`, `jwk`) are not:
/// only configured keys are used.
#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    /// Whether it is present, even as `null`.
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}

pub(super) struct Token<'a> {
    header: Header,
    /// What is signed.
    message: &'a str,
    claims: &'a str,
    signature: &'a str,
}

impl<'a> Token<'a> {
    /// `None` if it is not a token, or if its header requires something that is not understood here (RFC 7515, 4.1.11).
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (message, signature) = text.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        (!header.crit).then_some(Self { header, message, claims, signature })
    }

    pub(super) fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// Whether its type, if it names one, is that of an access token.
    pub(super) fn is_access_token(&self) -> bool {
        const PREFIX: &str = "application/";
        let Some(typ) = self.header.typ.as_deref() else { return true };
        let prefixed = typ.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
        let bare = if prefixed { &typ[PREFIX.len()..] } else { typ };
        TYPES.iter().any(|known| known.eq_ignore_ascii_case(bare))
    }

    /// The token says which of the key's algorithms signed it; the key decides which algorithms those are.
    pub(super) fn is_signed_by(&self, key: &Key) -> bool {
        let algorithm = match self.header.alg.as_str() {
            "EdDSA" | "Ed25519" => Algorithm::EdDSA,
            "ES256" => Algorithm::ES256,
            "RS256" => Algorithm::RS256,
            "PS256" => Algorithm::PS256,
            _ => return false,
        };
        key.verifies(algorithm, self.message.as_bytes(), self.signature)
    }

    /// Trust these only if the signature is good.
    pub(super) fn claims(&self) -> Option<Map<String, Value>> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(self.claims).ok()?).ok()
    }
}
