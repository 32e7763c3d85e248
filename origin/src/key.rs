//! How calls and reservations are identified: digests of calls, the keys of kept answers, reservations by owner.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// SHA-256 of method, path and parsed JSON: whether two calls are the same.
pub type Digest = [u8; 32];

pub fn digest(method: &str, path: &str, body: &[u8]) -> Digest {
    // Parsed and written again, so that member order and white space do not matter.
    let body = if body.is_empty() { b"{}" } else { body };
    let parsed: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let mut hash = Sha256::new();
    for part in [method.as_bytes(), path.as_bytes(), parsed.to_string().as_bytes()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The key under which a call's answer is kept: its owner, and the caller's key.
pub type CallKey = (String, String);

/// Separates subject and owner in one text: neither has control characters.
const BETWEEN: char = '\u{1f}';

/// A subject has separate keys for each owner.
pub fn call_key(subject: &str, owner: Option<&str>, key: &str) -> CallKey {
    let keeper = match owner {
        Some(owner) => format!("{subject}{BETWEEN}{owner}"),
        None => subject.to_owned(),
    };
    (keeper, key.to_owned())
}

/// A reservation that a command names, and the only owner who may see it; without one, anybody may.
pub type NamedReservation = (Uuid, Option<String>);
