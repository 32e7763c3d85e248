//! `[auth]`: whose tokens count.

use onhand_wire::{
    auth::{Expected, ScopeMap},
    setting::{SecretUrl, Span},
};
use serde::{Deserialize, Serialize};

/// One of `key_file`, `jwks_file` and `jwks_url` says where the public keys are; one of the files may stand beside the
/// URL, as the way in while the URL cannot be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Auth {
    /// An Ed25519 public key in PEM; tokens signed with its private half are accepted.
    pub(crate) key_file: String,
    /// A JSON Web Key Set; its Ed25519 keys are taken.
    pub(crate) jwks_file: String,
    /// The same, at an issuer: `https://ISSUER/.well-known/jwks.json`, or `http://`. Needs an `audience`.
    pub(crate) jwks_url: SecretUrl,
    /// How often the keys are looked at again, 1s or more. A set that cannot be had then leaves the
    /// last good one in force: a file's until it can be read again, a URL's for `max_stale`.
    pub(crate) refresh: Span,
    /// How long keys of `jwks_url` count after they were fetched, longer than `refresh`; beyond, tokens that they
    /// signed are 401 until they can be fetched again. Keys of a file always count.
    pub(crate) max_stale: Span,
    /// How long a start waits for the first keys from `jwks_url`; beyond, it goes on with a file's keys, and is given
    /// up without.
    pub(crate) start_timeout: Span,
    /// What a token's `iss` must be; empty: anything.
    pub(crate) issuer: String,
    /// What a token's `aud` must contain; empty: anything, which `jwks_url` does not allow.
    pub(crate) audience: String,
    /// Which claim says a token's scope, and what its values mean.
    pub(crate) scopes: ScopeMap,
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
            jwks_url: SecretUrl::default(),
            refresh: Span::s(60),
            max_stale: Span::s(24 * 3600),
            start_timeout: Span::s(30),
            issuer: String::new(),
            audience: String::new(),
            scopes: ScopeMap::default(),
            owner_claim: String::new(),
            public_reads: true,
        }
    }
}

/// A file of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyFile {
    Pem(String),
    Jwks(String),
}

/// Where the keys are: at least one of the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeySources {
    pub(crate) file: Option<KeyFile>,
    pub(crate) url: Option<SecretUrl>,
}

const NONE: &str = "auth: none of auth.key_file, auth.jwks_file and auth.jwks_url is set: name the public keys that \
    tokens are judged with; `onhand token keygen` makes one";
const TWO_FILES: &str = "auth: auth.key_file and auth.jwks_file are set, exactly one of them may be";
const NO_AUDIENCE: &str = "auth.audience: must be set where auth.jwks_url is: an issuer signs tokens for other services \
    with the same keys, and each of them would be accepted here";
const LEAST_REFRESH: Span = Span::s(1);

impl Auth {
    /// The sources, or what to set.
    pub(crate) fn sources(&self) -> Result<KeySources, &'static str> {
        let file = match (self.key_file.is_empty(), self.jwks_file.is_empty()) {
            (true, true) => None,
            (false, true) => Some(KeyFile::Pem(self.key_file.clone())),
            (true, false) => Some(KeyFile::Jwks(self.jwks_file.clone())),
            (false, false) => return Err(TWO_FILES),
        };
        let url = Some(self.jwks_url.clone()).filter(|url| !url.is_empty());
        if file.is_none() && url.is_none() { Err(NONE) } else { Ok(KeySources { file, url }) }
    }

    /// What is wrong with it, except that no source is named: not every command needs one.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = self.scopes.faults("auth.scopes");
        faults.extend(self.sources().err().filter(|fault| *fault != NONE).map(str::to_owned));
        if !self.jwks_url.is_empty() {
            faults.extend(self.jwks_url.http_fault("auth.jwks_url"));
            if self.audience.is_empty() {
                faults.push(NO_AUDIENCE.to_owned());
            }
        }
        if self.refresh < LEAST_REFRESH {
            faults.push("auth.refresh: must be 1s or more".to_owned());
        }
        if self.max_stale <= self.refresh {
            faults.push("auth.max_stale: must be longer than auth.refresh".to_owned());
        }
        faults
    }

    pub(crate) fn expected(&self) -> Expected {
        let set = |value: &String| Some(value.clone()).filter(|value| !value.is_empty());
        Expected {
            issuer: set(&self.issuer),
            audience: set(&self.audience),
            scopes: self.scopes.clone(),
            owner_claim: set(&self.owner_claim),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_a_url_or_both_are_taken() {
        let none = Auth::default();
        assert!(none.sources().unwrap_err().contains("keygen") && none.faults().is_empty());
        let file = Auth { jwks_file: "keys.json".into(), ..Auth::default() };
        assert_eq!(file.sources(), Ok(KeySources { file: Some(KeyFile::Jwks("keys.json".into())), url: None }));
        let url = SecretUrl::new("https://id.example/keys");
        let both =
            Auth { key_file: "a.pem".into(), jwks_url: url.clone(), audience: "stock".into(), ..Auth::default() };
        assert_eq!(both.sources(), Ok(KeySources { file: Some(KeyFile::Pem("a.pem".into())), url: Some(url) }));
        assert!(both.faults().is_empty(), "{:?}", both.faults());
    }

    #[test]
    fn every_fault_is_told() {
        let all = Auth {
            key_file: "a".into(),
            jwks_file: "b".into(),
            jwks_url: SecretUrl::new("ftp://c"),
            refresh: Span::ms(5),
            max_stale: Span::ms(5),
            ..Auth::default()
        };
        let faults = all.faults();
        let right =
            ["auth.key_file and auth.jwks_file", "auth.jwks_url", "auth.audience", "auth.refresh", "auth.max_stale"];
        assert_eq!(faults.len(), right.len(), "{faults:?}");
        assert!(right.iter().zip(&faults).all(|(right, fault)| fault.contains(right)), "{faults:?}");
    }

    /// Else a token that the issuer made for any other service would open this one.
    #[test]
    fn an_issuers_url_needs_an_audience() {
        let mut auth = Auth { jwks_url: SecretUrl::new("https://id.example/keys"), ..Auth::default() };
        assert_eq!(auth.faults(), [NO_AUDIENCE]);
        auth.audience = "stock".into();
        assert!(auth.faults().is_empty());
    }
}
