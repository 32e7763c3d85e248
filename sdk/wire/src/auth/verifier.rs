//! Judging tokens.
//!
//! A verified token is remembered: verifying an Ed25519 signature is by far the most costly part
//! of reading a request. What is remembered counts only until the token's own end, and only under
//! the keys that it was verified with.

use std::sync::{Arc, OnceLock};

use moka::sync::Cache;

use super::{
    BadKey, Claims, Expected, KeySet, Scope,
    expected::has_ended,
    held::{Current, Held, Keys, Place, Standing},
    token::Token,
};
use crate::{Code, Problem};

/// Seconds by which clocks may differ.
pub const LEEWAY: u64 = 5;
/// Verified tokens that are remembered.
const REMEMBERED: u64 = 10_000;
/// Longest token that is remembered, in bytes.
const LONGEST_REMEMBERED: usize = 4096;

/// A token that was verified, and under which keys.
#[derive(Clone)]
struct Remembered {
    generation: u64,
    place: Place,
    claims: Arc<Claims>,
}

type Act = Box<dyn Fn() + Send + Sync>;

/// Judges tokens with the present keys.
pub struct Verifier {
    expected: Expected,
    held: Held,
    remembered: Cache<Box<str>, Remembered>,
    on_unknown_key: OnceLock<Act>,
}

fn unauthenticated(why: &str) -> Problem {
    Problem::new(Code::Unauthenticated, format!("Authorization: {why}"))
}

fn not_valid() -> Problem {
    unauthenticated("the token is not valid here")
}

impl Verifier {
    /// Keys that always count.
    pub fn new(keys: KeySet, expected: &Expected) -> Self {
        Self::remembering(REMEMBERED, Keys { file: Some(keys), ..Keys::default() }, expected)
    }

    pub fn with_keys(keys: Keys, expected: &Expected) -> Self {
        Self::remembering(REMEMBERED, keys, expected)
    }

    /// With room for `tokens` verified tokens; 0 verifies every time.
    pub fn remembering(tokens: u64, keys: Keys, expected: &Expected) -> Self {
        Self {
            expected: expected.clone(),
            held: Held::new(keys),
            remembered: Cache::new(tokens),
            on_unknown_key: OnceLock::new(),
        }
    }

    /// One key, any issuer and audience. `pem`: SubjectPublicKeyInfo.
    pub fn from_pem(pem: &[u8]) -> Result<Self, BadKey> {
        Ok(Self::new(KeySet::from_pem(pem)?, &Expected::default()))
    }

    /// Judges by these keys from now on; answers whether they are others than before. For one
    /// caller at a time.
    pub fn replace(&self, place: Place, keys: KeySet) -> bool {
        let others = self.held.replace(place, keys);
        if others {
            self.remembered.invalidate_all();
        }
        others
    }

    /// The present keys stay; counted.
    pub fn refresh_failed(&self, place: Place) {
        self.held.refresh_failed(place);
    }

    /// What to do when a token names a key that is not in the set; must be quick. Set once.
    pub fn on_unknown_key(&self, act: impl Fn() + Send + Sync + 'static) {
        let _first_stays = self.on_unknown_key.set(Box::new(act));
    }

    /// Whether `auth.owner_claim` is set: reservations have owners.
    pub fn knows_owners(&self) -> bool {
        self.expected.owner_claim.is_some()
    }

    pub fn standing(&self) -> Standing {
        self.held.standing()
    }

    /// Judges an `Authorization` header: 401 without a valid token, 403 with too small a scope.
    pub fn judge(&self, authorization: Option<&[u8]>, needed: Scope) -> Result<Claims, Problem> {
        let token = authorization.and_then(bearer);
        let token = token.ok_or_else(|| unauthenticated("send Bearer and a token"))?;
        let claims = self.claims(token)?;
        claims.need(needed)?;
        self.expected.owner_claim.as_deref().map_or(Ok(()), |claim| claims.judge_owner(claim))?;
        Ok(Claims::clone(&claims))
    }

    fn claims(&self, token: &str) -> Result<Arc<Claims>, Problem> {
        let current = self.held.current();
        let remembered = self.remembered.get(token).filter(|held| held.generation == current.generation);
        if let Some(held) = remembered {
            let ended = has_ended(held.claims.exp, jsonwebtoken::get_current_timestamp());
            if !ended && self.held.count(held.place) {
                return Ok(held.claims);
            }
            self.remembered.invalidate(token);
        }
        let (place, claims) = self.verify(token, &current)?;
        let claims = Arc::new(claims);
        if token.len() <= LONGEST_REMEMBERED {
            let held = Remembered { generation: current.generation, place, claims: claims.clone() };
            self.remembered.insert(token.into(), held);
        }
        Ok(claims)
    }

    fn verify(&self, text: &str, current: &Current) -> Result<(Place, Claims), Problem> {
        let token = Token::parse(text).ok_or_else(not_valid)?;
        if !token.is_access_token() {
            return Err(unauthenticated("the token is of another type (typ) than JWT or at+jwt"));
        }
        let place = self.signed_by(&token, current)?;
        let claims = token.claims().ok_or_else(not_valid)?;
        let read = self.expected.read(&claims, jsonwebtoken::get_current_timestamp());
        read.map(|claims| (place, claims)).map_err(|why| unauthenticated(&why))
    }

    /// The place of the key that signed it.
    fn signed_by(&self, token: &Token<'_>, current: &Current) -> Result<Place, Problem> {
        let mut candidates = current.candidates(token.kid()).filter(|(place, _)| self.held.count(*place));
        if let Some((place, _)) = candidates.find(|(_, key)| token.is_signed_by(key)) {
            return Ok(place);
        }
        if token.kid().is_some_and(|kid| !current.has(kid))
            && let Some(act) = self.on_unknown_key.get()
        {
            act();
        }
        if self.held.count(Place::Url) {
            return Err(not_valid());
        }
        Err(unauthenticated(
            "the token cannot be judged: the keys of its issuer are too old to count, since they could not be fetched \
             again for auth.max_stale",
        ))
    }
}

fn bearer(header: &[u8]) -> Option<&str> {
    let (scheme, token) = std::str::from_utf8(header).ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod algorithms;
