//! A token's text (JWS compact form, RFC 7515) taken apart, before anything in it is believed.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::keys::Key;

/// Types of tokens that count (RFC 7519, 5.1; RFC 9068). Others are signed with the same keys, and mean something
/// else: a logout token says who has left.
const TYPES: [&str; 2] = ["JWT", "at+jwt"];

/// What the header may decide. Whatever names or brings a key of its own (`jku`, `x5u`, `x5c`, `jwk`) is not read:
/// the keys are the configured ones.
#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    /// Whether it is there, `null` included.
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
    /// `None`: no token, or one whose header asks for what is not understood here (RFC 7515, 4.1.11).
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (message, signature) = text.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        (!header.crit).then_some(Self { header, message, claims, signature })
    }

    pub(super) fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// Whether its type, where it names one, is an access token's.
    pub(super) fn is_access_token(&self) -> bool {
        const PREFIX: &str = "application/";
        let Some(typ) = self.header.typ.as_deref() else { return true };
        let prefixed = typ.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
        let bare = if prefixed { &typ[PREFIX.len()..] } else { typ };
        TYPES.iter().any(|known| known.eq_ignore_ascii_case(bare))
    }

    /// The token says with which of the key's algorithms it was signed; which those are, the key decides.
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

    /// Only to be believed once the signature is good.
    pub(super) fn claims(&self) -> Option<Map<String, Value>> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(self.claims).ok()?).ok()
    }
}
