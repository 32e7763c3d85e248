//! `[auth]`: whose tokens are accepted.

mod issuer;
#[cfg(test)]
mod providers;

use onhand_http::{
    auth::{Expected, ScopeMap, Subjects},
    setting::{SecretUrl, Span},
};
use serde::{Deserialize, Serialize};

pub(crate) use self::issuer::Issuer;

/// One of `key_file`, `jwks_file` and `jwks_url` says where the public keys are; one of the files may be set beside the
/// URL, so that its tokens are accepted while the URL cannot be fetched.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Auth {
    /// An Ed25519 public key in PEM; tokens signed with its private half are accepted.
    pub(crate) key_file: String,
    /// A file with a JSON Web Key Set.
    pub(crate) jwks_file: String,
    /// The same, at an issuer: `https://ISSUER/.well-known/jwks.json`, or `http://`. Needs an `audience`.
    pub(crate) jwks_url: SecretUrl,
    /// If true, `onhand check` accepts that keys reach the machine in the clear.
    pub(crate) insecure: bool,
    /// How often the keys are refreshed, 1s or more. If a set cannot be read, the last good one stays in use: a file's
    /// until it can be read again, a URL's for `max_stale`.
    pub(crate) refresh: Span,
    /// How long keys of `jwks_url` are valid after they were fetched, longer than `refresh`. Beyond that, tokens that
    /// they signed are 401 until the keys can be fetched again. Keys of a file are always valid.
    pub(crate) max_stale: Span,
    /// How long a start waits for the first keys from `jwks_url`. Beyond that, it goes on with a file's keys; without a
    /// file it fails.
    pub(crate) start_timeout: Span,
    /// What a token's `iss` must be; empty accepts anything.
    pub(crate) issuer: String,
    /// What a token's `aud` must contain; empty accepts anything, which `jwks_url` does not allow.
    pub(crate) audience: String,
    /// Which claim says a token's scope, and what its values mean.
    pub(crate) scopes: ScopeMap,
    /// The claim that names the owner of reservations, such as "shop": a token of scope storefront sees and changes
    /// only reservations that were made with the same value, and gets 403 without the claim. Reservations that were
    /// made before this was set have no owner; only fulfilment, operators and admins see them. Set the same claim at
    /// edges and origins. If empty, nothing has an owner.
    pub(crate) owner_claim: String,
    /// Whether lookups need no token.
    pub(crate) public_reads: bool,
    /// More issuers, each with keys, an audience, scopes and bounds of its own. `issuer` must then be set too, so that
    /// tokens can be told apart.
    pub(crate) issuers: Vec<Issuer>,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            key_file: String::new(),
            jwks_file: String::new(),
            jwks_url: SecretUrl::default(),
            insecure: false,
            refresh: Span::s(60),
            max_stale: Span::s(24 * 3600),
            start_timeout: Span::s(30),
            issuer: String::new(),
            audience: String::new(),
            scopes: ScopeMap::default(),
            owner_claim: String::new(),
            public_reads: true,
            issuers: Vec::new(),
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

/// One issuer of the configuration.
#[derive(Debug, Clone)]
pub(crate) struct Trusted {
    /// Its section: `auth`, or `auth.issuers[0]`.
    pub(crate) section: String,
    pub(crate) sources: KeySources,
    pub(crate) expected: Expected,
}

impl KeySources {
    /// The sources, or what to set.
    fn of(key_file: &str, jwks_file: &str, url: &SecretUrl) -> Result<Self, String> {
        let file = match (key_file.is_empty(), jwks_file.is_empty()) {
            (true, true) => None,
            (false, true) => Some(KeyFile::Pem(key_file.to_owned())),
            (true, false) => Some(KeyFile::Jwks(jwks_file.to_owned())),
            (false, false) => return Err("key_file and jwks_file are both set; only one of them may be".to_owned()),
        };
        let url = Some(url.clone()).filter(|url| !url.is_empty());
        if file.is_none() && url.is_none() {
            return Err("none of key_file, jwks_file and jwks_url is set".to_owned());
        }
        Ok(Self { file, url })
    }
}

const NONE: &str = "auth: none of auth.key_file, auth.jwks_file and auth.jwks_url is set: name the public keys that \
    tokens are judged with; `onhand token keygen` makes one";
const NO_AUDIENCE: &str = "must be set where jwks_url is: an issuer signs tokens for other services with the same keys, \
    and each of them would be accepted here";
const LEAST_REFRESH: Span = Span::s(1);

impl Auth {
    /// Whether keys are fetched from another system.
    pub(crate) fn asks_others(&self) -> bool {
        !self.jwks_url.is_empty() || self.issuers.iter().any(|issuer| !issuer.jwks_url.is_empty())
    }

    /// Whether `[auth]` itself names an issuer's keys.
    fn has_own(&self) -> bool {
        !(self.key_file.is_empty() && self.jwks_file.is_empty() && self.jwks_url.is_empty())
    }

    /// Every issuer, or what to set.
    pub(crate) fn trusted(&self) -> Result<Vec<Trusted>, String> {
        let mut trusted = Vec::new();
        if self.has_own() {
            let sources = KeySources::of(&self.key_file, &self.jwks_file, &self.jwks_url);
            let sources = sources.map_err(|wrong| format!("auth: {wrong}"))?;
            trusted.push(Trusted { section: "auth".to_owned(), sources, expected: self.expected() });
        }
        for (number, issuer) in self.issuers.iter().enumerate() {
            let section = format!("auth.issuers[{number}]");
            let sources = issuer.sources().map_err(|wrong| format!("{section}: {wrong}"))?;
            trusted.push(Trusted { section, sources, expected: self.expected_of(issuer) });
        }
        let Some((first, others)) = trusted.split_first_mut() else { return Err(NONE.to_owned()) };
        let others = others.iter().filter_map(|other| other.expected.issuer.clone()).collect();
        first.expected.subjects = Subjects::Bare { others };
        Ok(trusted)
    }

    /// What is wrong with it, except that no source is named: not every command needs one.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = self.scopes.faults("auth.scopes");
        if self.has_own() {
            let sources = KeySources::of(&self.key_file, &self.jwks_file, &self.jwks_url);
            faults.extend(sources.err().map(|wrong| format!("auth: {wrong}")));
        }
        if !self.jwks_url.is_empty() {
            faults.extend(self.jwks_url.http_fault("auth.jwks_url"));
            if self.audience.is_empty() {
                faults.push(format!("auth.audience: {NO_AUDIENCE}"));
            }
        }
        if self.refresh < LEAST_REFRESH {
            faults.push("auth.refresh: must be 1s or more".to_owned());
        }
        if self.max_stale <= self.refresh {
            faults.push("auth.max_stale: must be longer than auth.refresh".to_owned());
        }
        faults.extend(self.faults_of_issuers());
        faults
    }

    fn faults_of_issuers(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if !self.issuers.is_empty() && self.has_own() && self.issuer.is_empty() {
            faults.push(
                "auth.issuer: must be set if there are auth.issuers, because tokens are told apart by it".to_owned(),
            );
        }
        let mut names = vec![self.issuer.as_str()];
        for (number, issuer) in self.issuers.iter().enumerate() {
            let section = format!("auth.issuers[{number}]");
            faults.extend(issuer.faults(&section, !self.owner_claim.is_empty()));
            if names.contains(&issuer.issuer.as_str()) && !issuer.issuer.is_empty() {
                faults.push(format!("{section}.issuer: {} is another issuer's already", issuer.issuer));
            }
            names.push(&issuer.issuer);
        }
        faults
    }

    fn expected(&self) -> Expected {
        Expected {
            issuer: set(&self.issuer),
            audience: set(&self.audience),
            scopes: self.scopes.clone(),
            owner_claim: set(&self.owner_claim),
            ..Expected::default()
        }
    }

    fn expected_of(&self, issuer: &Issuer) -> Expected {
        Expected {
            issuer: Some(issuer.issuer.clone()),
            audience: set(&issuer.audience),
            scopes: issuer.scopes.clone(),
            owner_claim: set(&issuer.owner_claim).or_else(|| set(&self.owner_claim)),
            gives: issuer.gives(),
            subjects: Subjects::After(issuer.issuer.clone()),
        }
    }
}

fn set(value: &str) -> Option<String> {
    Some(value.to_owned()).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_a_url_or_both_are_taken() {
        let none = Auth::default();
        assert!(none.trusted().unwrap_err().contains("keygen") && none.faults().is_empty());
        let sources = |auth: &Auth| auth.trusted().unwrap().remove(0).sources;
        let file = Auth { jwks_file: "keys.json".into(), ..Auth::default() };
        assert_eq!(sources(&file), KeySources { file: Some(KeyFile::Jwks("keys.json".into())), url: None });
        let url = SecretUrl::new("https://id.example/keys");
        let both =
            Auth { key_file: "a.pem".into(), jwks_url: url.clone(), audience: "stock".into(), ..Auth::default() };
        assert_eq!(sources(&both), KeySources { file: Some(KeyFile::Pem("a.pem".into())), url: Some(url) });
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
        let right = ["key_file and jwks_file", "auth.jwks_url", "auth.audience", "auth.refresh", "auth.max_stale"];
        assert_eq!(faults.len(), right.len(), "{faults:?}");
        assert!(right.iter().zip(&faults).all(|(right, fault)| fault.contains(right)), "{faults:?}");
    }

    /// Otherwise a token that the issuer made for any other service would be accepted here.
    #[test]
    fn an_issuers_url_needs_an_audience() {
        let mut auth = Auth { jwks_url: SecretUrl::new("https://id.example/keys"), ..Auth::default() };
        assert_eq!(auth.faults(), [format!("auth.audience: {NO_AUDIENCE}")]);
        auth.audience = "stock".into();
        assert!(auth.faults().is_empty());
    }

    fn issuer(toml: &str) -> Issuer {
        toml::from_str(toml).unwrap()
    }

    #[test]
    fn more_issuers_are_trusted_with_as_little_as_may_be() {
        let shop = issuer("issuer = \"https://shop\"\njwks_file = \"shop.json\"");
        assert_eq!((shop.greatest, shop.beside.len()), (onhand_http::auth::Scope::Storefront, 0));
        let auth = Auth { issuers: vec![shop.clone()], ..Auth::default() };
        assert!(auth.faults().is_empty(), "{:?}", auth.faults());
        assert!(matches!(auth.trusted().unwrap()[0].expected.subjects, Subjects::Bare { .. }), "the only one");
        let both = Auth { key_file: "a.pem".into(), issuer: "house".into(), issuers: vec![shop], ..Auth::default() };
        let trusted = both.trusted().unwrap();
        assert!(matches!(&trusted[0].expected.subjects, Subjects::Bare { others } if others == &["https://shop"]));
        assert!(matches!(&trusted[1].expected.subjects, Subjects::After(name) if name == "https://shop"));
    }

    #[test]
    fn every_fault_of_an_issuer_is_told() {
        let bad = "issuer = \"a b\"\njwks_url = \"https://id\"\ngreatest = \"edge\"\nbeside = [\"admin\"]\nowner_claim = \"shop\"";
        let auth = Auth { key_file: "a.pem".into(), issuers: vec![issuer(bad), issuer(bad)], ..Auth::default() };
        let faults = auth.faults();
        for right in [
            "auth.issuer:",
            "[0].issuer:",
            "[0].audience",
            "[0].greatest",
            "[0].beside",
            "[1].owner_claim",
            "another issuer's already",
        ] {
            assert!(faults.iter().any(|fault| fault.contains(right)), "{right}: {faults:?}");
        }
    }
}
