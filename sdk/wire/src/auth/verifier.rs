//! Judging tokens.
//!
//! A verified token is remembered: verifying an Ed25519 signature is by far the most costly part
//! of reading a request. What is remembered counts only until the token's own end, and only under
//! the keys that it was verified with.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use arc_swap::ArcSwap;
use jsonwebtoken::{Algorithm, Validation, errors::ErrorKind};
use moka::sync::Cache;

use super::{BadKey, Claims, KeySet, Scope, subject_fault};
use crate::{Code, Problem};

/// Seconds by which clocks may differ.
pub const LEEWAY: u64 = 5;
/// Verified tokens that are remembered.
const REMEMBERED: u64 = 10_000;
/// Longest token that is remembered, in bytes.
const LONGEST_REMEMBERED: usize = 4096;

/// What a token must say besides; `None`: anything.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// Its `iss`.
    pub issuer: Option<String>,
    /// One of its `aud`.
    pub audience: Option<String>,
}

/// The keys, numbered: each replacement has the next number.
struct Current {
    generation: u64,
    keys: KeySet,
}

/// A token that was verified, and under which keys.
#[derive(Clone)]
struct Remembered {
    generation: u64,
    claims: Arc<Claims>,
}

/// How the keys stand, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub keys: usize,
    /// Times that the keys have been replaced by others.
    pub replaced: u64,
    pub failed_refreshes: u64,
    /// Whether the last refresh failed: the keys are the last good ones.
    pub failing: bool,
}

type Act = Box<dyn Fn() + Send + Sync>;

/// Judges tokens with the present keys.
pub struct Verifier {
    validation: Validation,
    current: ArcSwap<Current>,
    remembered: Cache<Box<str>, Remembered>,
    on_unknown_key: OnceLock<Act>,
    failed_refreshes: AtomicU64,
    failing: AtomicBool,
}

fn unauthenticated(detail: &'static str) -> Problem {
    Problem::new(Code::Unauthenticated, detail)
}

impl Verifier {
    pub fn new(keys: KeySet, expected: &Expected) -> Self {
        Self::remembering(REMEMBERED, keys, expected)
    }

    /// With room for `tokens` verified tokens; 0 verifies every time.
    pub fn remembering(tokens: u64, keys: KeySet, expected: &Expected) -> Self {
        Self {
            validation: validation(expected),
            current: ArcSwap::from_pointee(Current { generation: 0, keys }),
            remembered: Cache::new(tokens),
            on_unknown_key: OnceLock::new(),
            failed_refreshes: AtomicU64::new(0),
            failing: AtomicBool::new(false),
        }
    }

    /// One key, any issuer and audience. `pem`: SubjectPublicKeyInfo.
    pub fn from_pem(pem: &[u8]) -> Result<Self, BadKey> {
        Ok(Self::new(KeySet::from_pem(pem)?, &Expected::default()))
    }

    /// Judges by these keys from now on; answers whether they are others than before. For one
    /// caller at a time.
    pub fn replace(&self, keys: KeySet) -> bool {
        self.failing.store(false, Ordering::Relaxed);
        let present = self.current.load_full();
        if present.keys == keys {
            return false;
        }
        self.current.store(Arc::new(Current { generation: present.generation + 1, keys }));
        self.remembered.invalidate_all();
        true
    }

    /// The present keys stay; counted.
    pub fn refresh_failed(&self) {
        self.failed_refreshes.fetch_add(1, Ordering::Relaxed);
        self.failing.store(true, Ordering::Relaxed);
    }

    /// What to do when a token names a key that is not in the set; must be quick. Set once.
    pub fn on_unknown_key(&self, act: impl Fn() + Send + Sync + 'static) {
        let _first_stays = self.on_unknown_key.set(Box::new(act));
    }

    pub fn standing(&self) -> Standing {
        let current = self.current.load();
        Standing {
            keys: current.keys.len(),
            replaced: current.generation,
            failed_refreshes: self.failed_refreshes.load(Ordering::Relaxed),
            failing: self.failing.load(Ordering::Relaxed),
        }
    }

    /// Judges an `Authorization` header: 401 without a valid token, 403 with too small a scope.
    pub fn judge(&self, authorization: Option<&[u8]>, needed: Scope) -> Result<Claims, Problem> {
        let token = authorization.and_then(bearer);
        let token = token.ok_or_else(|| unauthenticated("Authorization: send Bearer and a token"))?;
        let claims = self.claims(token)?;
        if claims.scope >= needed {
            return Ok(Claims::clone(&claims));
        }
        let detail = format!("Authorization: needs scope {}, the token has {}", needed.as_str(), claims.scope.as_str());
        Err(Problem::new(Code::Forbidden, detail))
    }

    fn claims(&self, token: &str) -> Result<Arc<Claims>, Problem> {
        let current = self.current.load();
        let remembered = self.remembered.get(token).filter(|held| held.generation == current.generation);
        if let Some(held) = remembered {
            if held.claims.exp.saturating_add(LEEWAY) >= jsonwebtoken::get_current_timestamp() {
                return Ok(held.claims);
            }
            self.remembered.invalidate(token);
        }
        let claims = Arc::new(self.verify(token, &current.keys)?);
        if token.len() <= LONGEST_REMEMBERED {
            let held = Remembered { generation: current.generation, claims: claims.clone() };
            self.remembered.insert(token.into(), held);
        }
        Ok(claims)
    }

    fn verify(&self, token: &str, keys: &KeySet) -> Result<Claims, Problem> {
        let not_valid = || unauthenticated("Authorization: the token is not valid here");
        let header = jsonwebtoken::decode_header(token).map_err(|_| not_valid())?;
        // RFC 7515, 4.1.11: what is marked critical must be understood, and nothing here is.
        if header.crit.is_some() {
            return Err(not_valid());
        }
        for key in keys.candidates(header.kid.as_deref()) {
            match jsonwebtoken::decode::<Claims>(token, key, &self.validation) {
                Ok(decoded) => {
                    return match subject_fault(&decoded.claims.sub) {
                        None => Ok(decoded.claims),
                        Some(fault) => {
                            let detail = format!("Authorization: the token's subject (sub) {fault}");
                            Err(Problem::new(Code::Unauthenticated, detail))
                        }
                    };
                }
                Err(error) if *error.kind() == ErrorKind::InvalidSignature => {}
                Err(error) => return Err(refused(error.kind())),
            }
        }
        if header.kid.is_some_and(|kid| !keys.has(&kid))
            && let Some(act) = self.on_unknown_key.get()
        {
            act();
        }
        Err(not_valid())
    }
}

fn validation(expected: &Expected) -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.leeway = LEEWAY;
    validation.validate_nbf = true;
    validation.validate_aud = false;
    let mut required = vec!["exp", "sub"];
    if let Some(issuer) = &expected.issuer {
        validation.set_issuer(&[issuer]);
        required.push("iss");
    }
    if let Some(audience) = &expected.audience {
        validation.set_audience(&[audience]);
        validation.validate_aud = true;
        required.push("aud");
    }
    validation.set_required_spec_claims(&required);
    validation
}

/// Why a well-signed token does not count. It is told what to change, never what would be accepted.
fn refused(kind: &ErrorKind) -> Problem {
    unauthenticated(match kind {
        ErrorKind::ExpiredSignature => "Authorization: the token has expired",
        ErrorKind::ImmatureSignature => "Authorization: the token is not valid yet",
        ErrorKind::InvalidIssuer => "Authorization: the token is from another issuer",
        ErrorKind::InvalidAudience => "Authorization: the token is for another audience",
        ErrorKind::MissingRequiredClaim(name) if name == "iss" => "Authorization: the token names no issuer (iss)",
        ErrorKind::MissingRequiredClaim(name) if name == "aud" => "Authorization: the token names no audience (aud)",
        _ => "Authorization: the token is not valid here",
    })
}

fn bearer(header: &[u8]) -> Option<&str> {
    let (scheme, token) = std::str::from_utf8(header).ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests;
