//! `[auth]`: whose tokens count.

use onhand_wire::{auth::Expected, setting::Span};
use serde::{Deserialize, Serialize};

/// Exactly one of `key_file`, `jwks_file` and `jwks_url` says where the public keys are.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Auth {
    /// An Ed25519 public key in PEM; tokens signed with its private half are accepted.
    pub(crate) key_file: String,
    /// A JSON Web Key Set; its Ed25519 keys are taken.
    pub(crate) jwks_file: String,
    /// The same, at an issuer: `https://ISSUER/.well-known/jwks.json`, or `http://`.
    pub(crate) jwks_url: String,
    /// How often the keys are looked at again, 1s or more. A set that cannot be had then leaves the
    /// last good one in force.
    pub(crate) refresh: Span,
    /// How long a start waits for the first keys from `jwks_url`; beyond, it is given up.
    pub(crate) start_timeout: Span,
    /// What a token's `iss` must be; empty: anything.
    pub(crate) issuer: String,
    /// What a token's `aud` must contain; empty: anything.
    pub(crate) audience: String,
    /// The claim whose value owns what a storefront's token makes, such as "shop": a token of scope
    /// storefront sees and changes only reservations made with the same value, and without the claim it
    /// gets 403. What was made before this was set has no owner and is seen by fulfilment, operators and
    /// admins only. Set it alike at edges and origins. Empty: nothing has an owner.
    pub(crate) owner_claim: String,
    /// Whether lookups need no token.
    pub(crate) public_reads: bool,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            key_file: String::new(),
            jwks_file: String::new(),
            jwks_url: String::new(),
            refresh: Span::s(60),
            start_timeout: Span::s(30),
            issuer: String::new(),
            audience: String::new(),
            owner_claim: String::new(),
            public_reads: true,
        }
    }
}

/// Where the keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeySource {
    KeyFile(String),
    JwksFile(String),
    JwksUrl(String),
}

const NONE: &str = "auth: none of auth.key_file, auth.jwks_file and auth.jwks_url is set: name the public keys that \
    tokens are judged with; `onhand token keygen` makes one";
const LEAST_REFRESH: Span = Span::s(1);

impl Auth {
    /// The one source, or what to set.
    pub(crate) fn source(&self) -> Result<KeySource, String> {
        let [key_file, jwks_file, jwks_url] = [&self.key_file, &self.jwks_file, &self.jwks_url].map(String::clone);
        match self.given()[..] {
            ["auth.key_file"] => Ok(KeySource::KeyFile(key_file)),
            ["auth.jwks_file"] => Ok(KeySource::JwksFile(jwks_file)),
            ["auth.jwks_url"] => Ok(KeySource::JwksUrl(jwks_url)),
            [] => Err(NONE.to_owned()),
            ref several => Err(format!("auth: {} are set, exactly one of them may be", several.join(" and "))),
        }
    }

    fn given(&self) -> Vec<&'static str> {
        let keys =
            [("auth.key_file", &self.key_file), ("auth.jwks_file", &self.jwks_file), ("auth.jwks_url", &self.jwks_url)];
        keys.into_iter().filter(|(_, value)| !value.is_empty()).map(|(key, _)| key).collect()
    }

    /// What is wrong with it, except that no source is named: not every command needs one.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if let (Err(fault), false) = (self.source(), self.given().is_empty()) {
            faults.push(fault);
        }
        let url = &self.jwks_url;
        let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        if !url.is_empty() && host.is_none_or(|host| host.is_empty() || host.starts_with('/')) {
            faults.push("auth.jwks_url: must begin with https://HOST or http://HOST".to_owned());
        }
        if self.refresh < LEAST_REFRESH {
            faults.push("auth.refresh: must be 1s or more".to_owned());
        }
        faults
    }

    pub(crate) fn expected(&self) -> Expected {
        let set = |value: &String| Some(value.clone()).filter(|value| !value.is_empty());
        Expected { issuer: set(&self.issuer), audience: set(&self.audience), owner_claim: set(&self.owner_claim) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_source_is_taken() {
        let none = Auth::default();
        assert!(none.source().unwrap_err().contains("keygen") && none.faults().is_empty());
        let one = Auth { jwks_file: "keys.json".into(), ..Auth::default() };
        assert_eq!(one.source(), Ok(KeySource::JwksFile("keys.json".into())));
        let two = Auth { key_file: "a".into(), jwks_url: "ftp://b".into(), refresh: Span::ms(5), ..Auth::default() };
        let faults = two.faults();
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(faults[0].contains("auth.key_file and auth.jwks_url are set"), "{faults:?}");
    }
}
