//! What a token with a good signature must say, and what it then means.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{
    Claims, LEEWAY, Scope, ScopeMap, Scopes,
    owner::{OWNED_BY_SUBJECT, OWNER_CLAIM},
    scope_map::find,
    subject_fault,
};

/// What a token must say; `None` accepts anything.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// Its `iss`.
    pub issuer: Option<String>,
    /// One of its `aud` values.
    pub audience: Option<String>,
    /// Where its scopes are.
    pub scopes: ScopeMap,
    /// The claim that names the owner of a token's reservations; `None` means that nothing has an owner.
    pub owner_claim: Option<String>,
    /// The scopes that the issuer may give.
    pub gives: Gives,
    /// How its subjects are distinguished from those of other issuers.
    pub subjects: Subjects,
}

/// The scopes that an issuer may give; other scopes in its tokens are ignored.
#[derive(Debug, Clone)]
pub struct Gives {
    /// The greatest scope from storefront to admin.
    pub greatest: Scope,
    /// Which of edge and alerting it may give.
    pub beside: Vec<Scope>,
}

impl Default for Gives {
    fn default() -> Self {
        Self { greatest: Scope::Admin, beside: vec![Scope::Edge, Scope::Alerting] }
    }
}

impl Gives {
    fn of(&self, scopes: Scopes) -> Option<Scopes> {
        let given = |scope: &Scope| {
            let ladder = !matches!(scope, Scope::Edge | Scope::Alerting);
            if ladder { self.greatest.includes(*scope) } else { self.beside.contains(scope) }
        };
        Scopes::of(scopes.iter().filter(given))
    }
}

/// How an issuer's subjects are written in keys, shares and the ledger.
#[derive(Debug, Clone)]
pub enum Subjects {
    /// As in the token. A subject that begins like another issuer's (with one of these names) is refused.
    Bare { others: Vec<String> },
    /// After the issuer's name and a space.
    After(String),
}

impl Default for Subjects {
    fn default() -> Self {
        Self::Bare { others: Vec::new() }
    }
}

impl Subjects {
    fn written(&self, sub: &str) -> Result<String, Refusal> {
        match self {
            Self::After(issuer) => Ok(format!("{issuer} {sub}")),
            Self::Bare { others } => {
                let begins =
                    |other: &String| sub.strip_prefix(other.as_str()).is_some_and(|rest| rest.starts_with(' '));
                if others.iter().any(begins) {
                    return Err("the token's subject (sub) begins as those of another issuer are written".into());
                }
                Ok(sub.to_owned())
            }
        }
    }
}

/// Why a token with a good signature is refused. It says what to change, but never what would be accepted.
type Refusal = Cow<'static, str>;

impl Expected {
    /// `now`: seconds since 1970.
    pub(super) fn read(&self, claims: &Map<String, Value>, now: u64) -> Result<Claims, Refusal> {
        self.in_time(claims, now)?;
        self.judge_issuer_and_audience(claims)?;
        let sub = claims.get("sub").and_then(Value::as_str).ok_or("the token names no subject (sub)")?;
        if let Some(fault) = subject_fault(sub) {
            return Err(format!("the token's subject (sub) {fault}").into());
        }
        let sub = self.subjects.written(sub)?;
        let Some(scope) = self.scopes.scopes(claims).and_then(|said| self.gives.of(said)) else {
            return Err(format!("the token has no scope of this service (claim {})", self.scopes.claim).into());
        };
        let [exp, iat] = ["exp", "iat"].map(|name| date(claims, name).ok().flatten().unwrap_or(0));
        let claimed = Claims { iat, ..Claims::new(sub, scope, exp) };
        let own = claims.get(OWNER_CLAIM).filter(|own| !own.is_null());
        match (own, &self.owner_claim) {
            (Some(own), _) if own == OWNED_BY_SUBJECT => Ok(claimed.owned_by_subject()),
            (Some(_), _) => Err(format!("the token's {OWNER_CLAIM} is not \"{OWNED_BY_SUBJECT}\"").into()),
            (None, Some(claim)) => Ok(claimed.with_owner(find(claims, claim).unwrap_or(&Value::Null))),
            (None, None) => Ok(claimed),
        }
    }

    fn in_time(&self, claims: &Map<String, Value>, now: u64) -> Result<(), Refusal> {
        date(claims, "iat")?;
        let exp = date(claims, "exp")?.ok_or("the token names no end (exp)")?;
        if has_ended(exp, now) {
            return Err("the token has expired".into());
        }
        if date(claims, "nbf")?.is_some_and(|nbf| nbf > now.saturating_add(LEEWAY)) {
            return Err("the token is not valid yet".into());
        }
        Ok(())
    }

    fn judge_issuer_and_audience(&self, claims: &Map<String, Value>) -> Result<(), Refusal> {
        let said = |name: &str| claims.get(name).filter(|value| !value.is_null());
        if let Some(issuer) = &self.issuer {
            let iss = said("iss").ok_or("the token names no issuer (iss)")?;
            if iss.as_str() != Some(issuer) {
                return Err("the token is from another issuer".into());
            }
        }
        if let Some(audience) = &self.audience {
            let aud = said("aud").ok_or("the token names no audience (aud)")?;
            let named = aud.as_array().map_or(std::slice::from_ref(aud), Vec::as_slice);
            if !named.iter().any(|one| one.as_str() == Some(audience)) {
                return Err("the token is for another audience".into());
            }
        }
        Ok(())
    }
}

pub(super) fn has_ended(exp: u64, now: u64) -> bool {
    exp.saturating_add(LEEWAY) < now
}

/// A NumericDate (RFC 7519, 2): any JSON number of seconds since 1970. Fractions are cut off; times before 1970 become
/// 1970, and times beyond the range become the last possible time.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // `as` saturates, as intended
fn date(claims: &Map<String, Value>, name: &str) -> Result<Option<u64>, Refusal> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match (value.as_u64(), value.as_f64()) {
            (Some(whole), _) => Ok(Some(whole)),
            (None, Some(number)) => Ok(Some(number as u64)),
            (None, None) => Err(format!("the token's {name} is not a number").into()),
        },
    }
}
