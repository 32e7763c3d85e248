//! `[[auth.issuers]]`: more issuers, beside the one that `[auth]` itself names.

use onhand_http::{
    auth::{Gives, Scope, ScopeMap},
    setting::SecretUrl,
};
use serde::{Deserialize, Serialize};

use super::{KeySources, NO_AUDIENCE};

/// Longest name, in bytes: subjects in keys and in the ledger begin with it.
const LONGEST: usize = 255;

/// One more issuer. Its tokens' subjects are written after its name and a space, such as `https://id.example bob`;
/// those of the first issuer are written as they are.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Issuer {
    /// Its tokens' `iss`, which tells tokens apart.
    pub(crate) issuer: String,
    /// What their `aud` must contain.
    #[serde(default)]
    pub(crate) audience: String,
    #[serde(default)]
    pub(crate) key_file: String,
    #[serde(default)]
    pub(crate) jwks_file: String,
    #[serde(default)]
    pub(crate) jwks_url: SecretUrl,
    /// Like `auth.insecure`, for its own keys.
    #[serde(default)]
    pub(crate) insecure: bool,
    /// Which claim says a token's scope, and what its values mean.
    #[serde(default)]
    pub(crate) scopes: ScopeMap,
    /// The greatest scope that it may give: storefront, fulfilment, operator or admin. Greater scopes in its tokens are
    /// ignored.
    #[serde(default = "storefront")]
    pub(crate) greatest: Scope,
    /// Which of the scopes edge and alerting it may give.
    #[serde(default)]
    pub(crate) beside: Vec<Scope>,
    /// Replaces `auth.owner_claim` for its tokens.
    #[serde(default)]
    pub(crate) owner_claim: String,
}

fn storefront() -> Scope {
    Scope::Storefront
}

impl Issuer {
    pub(super) fn sources(&self) -> Result<KeySources, String> {
        KeySources::of(&self.key_file, &self.jwks_file, &self.jwks_url)
    }

    pub(super) fn gives(&self) -> Gives {
        Gives { greatest: self.greatest, beside: self.beside.clone() }
    }

    /// `section`: its section, such as `auth.issuers[0]`; `owned`: whether `auth.owner_claim` is set.
    pub(super) fn faults(&self, section: &str, owned: bool) -> Vec<String> {
        let mut faults = self.scopes.faults(&format!("{section}.scopes"));
        let mut fault = |key: &str, right: &str| faults.push(format!("{section}{key}: {right}"));
        let sound = |byte: u8| byte.is_ascii_graphic();
        if self.issuer.is_empty() || self.issuer.len() > LONGEST || !self.issuer.bytes().all(sound) {
            fault(".issuer", "must name the iss of its tokens: 1 to 255 visible ASCII characters");
        }
        if let Err(wrong) = self.sources() {
            fault("", &wrong);
        }
        if !self.jwks_url.is_empty() {
            faults.extend(self.jwks_url.http_fault(&format!("{section}.jwks_url")));
        }
        let mut fault = |key: &str, right: &str| faults.push(format!("{section}{key}: {right}"));
        if !self.jwks_url.is_empty() && self.audience.is_empty() {
            fault(".audience", NO_AUDIENCE);
        }
        if beside(self.greatest) {
            fault(".greatest", "one of storefront, fulfilment, operator and admin; edge and alerting belong in beside");
        }
        if self.beside.iter().any(|scope| !beside(*scope)) {
            fault(".beside", "only edge and alerting; greatest is for the others");
        }
        if !owned && !self.owner_claim.is_empty() {
            fault(
                ".owner_claim",
                "auth.owner_claim must be set too; otherwise the other issuers' tokens see every owner's reservations",
            );
        }
        faults
    }
}

fn beside(scope: Scope) -> bool {
    matches!(scope, Scope::Edge | Scope::Alerting)
}
