//! Judging tokens.
//!
//! A verified token is remembered, because verifying an Ed25519 signature is by far the most expensive part of reading
//! a request. It is remembered only until the token expires, and only under the keys that verified it.

use std::sync::{Arc, OnceLock};

use moka::sync::Cache;

use super::{
    BadKey, Claims, Expected, KeySet, Scope,
    expected::has_ended,
    held::{Current, Held, Keys, Place, Standing},
    token::Token,
};
use onhand_wire::{Code, Problem};

/// Seconds by which clocks may differ.
pub const LEEWAY: u64 = 5;
/// How many verified tokens are remembered.
const REMEMBERED: u64 = 10_000;
/// Longest token that is remembered, in bytes.
const LONGEST_REMEMBERED: usize = 4096;

/// A verified token: whose it is, and which keys verified it.
#[derive(Clone)]
struct Remembered {
    issuer: usize,
    generation: u64,
    place: Place,
    claims: Arc<Claims>,
}

type Act = Box<dyn Fn() + Send + Sync>;

/// An issuer: its keys, and what its tokens must say.
struct Trusted {
    expected: Expected,
    held: Held,
    on_unknown_key: OnceLock<Act>,
}

/// Judges the tokens of one or several issuers with their current keys.
pub struct Verifier {
    issuers: Vec<Trusted>,
    remembered: Cache<Box<str>, Remembered>,
}

fn unauthenticated(why: &str) -> Problem {
    Problem::new(Code::Unauthenticated, format!("Authorization: {why}"))
}

fn not_valid() -> Problem {
    unauthenticated("the token is not valid here")
}

impl Verifier {
    /// With keys that are always valid.
    pub fn new(keys: KeySet, expected: &Expected) -> Self {
        Self::remembering(REMEMBERED, Keys { file: Some(keys), ..Keys::default() }, expected)
    }

    pub fn with_keys(keys: Keys, expected: &Expected) -> Self {
        Self::remembering(REMEMBERED, keys, expected)
    }

    /// With one or more issuers, told apart by `iss`.
    pub fn of_issuers(issuers: Vec<(Keys, Expected)>) -> Self {
        Self::with(REMEMBERED, issuers)
    }

    /// Remembers up to `tokens` verified tokens; 0 verifies every time.
    pub fn remembering(tokens: u64, keys: Keys, expected: &Expected) -> Self {
        Self::with(tokens, vec![(keys, expected.clone())])
    }

    fn with(tokens: u64, issuers: Vec<(Keys, Expected)>) -> Self {
        let trusted = |(keys, expected)| Trusted { expected, held: Held::new(keys), on_unknown_key: OnceLock::new() };
        Self { issuers: issuers.into_iter().map(trusted).collect(), remembered: Cache::new(tokens) }
    }

    /// With one key, for any issuer and audience. `pem`: SubjectPublicKeyInfo.
    pub fn from_pem(pem: &[u8]) -> Result<Self, BadKey> {
        Ok(Self::new(KeySet::from_pem(pem)?, &Expected::default()))
    }

    /// Judges an issuer's tokens by these keys from now on; returns whether they differ from those before. For one
    /// caller at a time. Issuers are numbered in the order in which they were given.
    pub fn replace(&self, issuer: usize, place: Place, keys: KeySet) -> bool {
        let others = self.issuers[issuer].held.replace(place, keys);
        if others {
            self.remembered.invalidate_all();
        }
        others
    }

    /// Counts the failure; the current keys stay.
    pub fn refresh_failed(&self, issuer: usize, place: Place) {
        self.issuers[issuer].held.refresh_failed(place);
    }

    /// Sets what to do when an issuer's token names a key that is not in its set. `act` must be quick. Call this once.
    pub fn on_unknown_key(&self, issuer: usize, act: impl Fn() + Send + Sync + 'static) {
        let _first_stays = self.issuers[issuer].on_unknown_key.set(Box::new(act));
    }

    /// Whether `auth.owner_claim` is set: reservations have owners.
    pub fn knows_owners(&self) -> bool {
        self.issuers.iter().any(|issuer| issuer.expected.owner_claim.is_some())
    }

    /// The state of all issuers together: the worst of each.
    pub fn standing(&self) -> Standing {
        let each = self.issuers.iter().map(|issuer| issuer.held.standing());
        each.reduce(Standing::and).unwrap_or_default()
    }

    /// Judges an `Authorization` header: 401 without a valid token, 403 with too small a scope.
    pub fn judge(&self, authorization: Option<&[u8]>, needed: Scope) -> Result<Claims, Problem> {
        let token = authorization.and_then(bearer);
        let token = token.ok_or_else(|| unauthenticated("send Bearer and a token"))?;
        let (issuer, claims) = self.claims(token)?;
        claims.need(needed)?;
        issuer.expected.owner_claim.as_deref().map_or(Ok(()), |claim| claims.judge_owner(claim))?;
        Ok(Claims::clone(&claims))
    }

    fn claims(&self, token: &str) -> Result<(&Trusted, Arc<Claims>), Problem> {
        if let Some(held) = self.remembered.get(token) {
            let issuer = &self.issuers[held.issuer];
            let ended = has_ended(held.claims.exp, jsonwebtoken::get_current_timestamp());
            if !ended && held.generation == issuer.held.current().generation && issuer.held.count(held.place) {
                return Ok((issuer, held.claims));
            }
            self.remembered.invalidate(token);
        }
        let verified = self.verify(token)?;
        let (issuer, claims) = (&self.issuers[verified.issuer], verified.claims.clone());
        if token.len() <= LONGEST_REMEMBERED {
            self.remembered.insert(token.into(), verified);
        }
        Ok((issuer, claims))
    }

    fn verify(&self, text: &str) -> Result<Remembered, Problem> {
        let token = Token::parse(text).ok_or_else(not_valid)?;
        if !token.is_access_token() {
            return Err(unauthenticated("the token is of another type (typ) than JWT or at+jwt"));
        }
        let issuer = self.issuer_of(&token)?;
        let trusted = &self.issuers[issuer];
        let current = trusted.held.current();
        let place = trusted.signed_by(&token, &current)?;
        let claims = token.claims().ok_or_else(not_valid)?;
        let read = trusted.expected.read(&claims, jsonwebtoken::get_current_timestamp());
        let claims = Arc::new(read.map_err(|why| unauthenticated(&why))?);
        Ok(Remembered { issuer, generation: current.generation, place, claims })
    }

    /// The issuer whose keys judge the token. The token's claim about its issuer is trusted only once one of these keys
    /// has verified it.
    fn issuer_of(&self, token: &Token<'_>) -> Result<usize, Problem> {
        if self.issuers.len() == 1 {
            return Ok(0);
        }
        let claims = token.claims().ok_or_else(not_valid)?;
        let iss = claims.get("iss").and_then(serde_json::Value::as_str);
        let iss = iss.ok_or_else(|| unauthenticated("the token names no issuer (iss)"))?;
        let named = |issuer: &Trusted| issuer.expected.issuer.as_deref() == Some(iss);
        self.issuers.iter().position(named).ok_or_else(|| unauthenticated("the token is from another issuer"))
    }
}

impl Trusted {
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
