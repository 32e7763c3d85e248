//! How calls and reservations are identified: digests of calls, the keys of kept answers, reservations by owner.

use percent_encoding::percent_decode_str;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// SHA-256 of what makes a call.
pub type Digest = [u8; 32];

/// How [`CallDigest::now`] is made, kept beside it: what was kept under an earlier form is compared in that form.
pub const DIGEST_FORM: u8 = 2;

/// Whether two calls are the same, however they are spelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallDigest {
    /// Of the method, the path's decoded segments and the body's canonical JSON (RFC 8785).
    pub now: Digest,
    /// The first form: of the method, the path as it was spelt and the body with its numbers as they were spelt.
    /// None where no earlier program could have kept it.
    pub before: Option<Digest>,
}

impl CallDigest {
    pub fn of(method: &str, path: &str, body: &[u8]) -> Self {
        let body = if body.is_empty() { b"{}" } else { body };
        let parsed: Value = serde_json::from_slice(body).unwrap_or_default();
        let segments = path.split('/').map(|segment| percent_decode_str(segment).collect::<Vec<u8>>());
        let canonical = serde_json_canonicalizer::to_vec(&parsed).unwrap_or_default();
        let now = std::iter::once(method.as_bytes().to_vec()).chain(segments).chain([canonical]);
        let before = [method.as_bytes(), path.as_bytes(), parsed.to_string().as_bytes()].map(<[u8]>::to_vec);
        Self { now: parts(now), before: Some(parts(before)) }
    }

    /// A call that nobody else makes.
    pub fn own(now: Digest) -> Self {
        Self { now, before: None }
    }

    /// Whether what was kept under this form is of the same call.
    pub fn is(&self, kept: &Digest, form: u8) -> bool {
        if form == DIGEST_FORM { *kept == self.now } else { Some(*kept) == self.before }
    }

    /// In hexadecimal digits, as reservations keep it.
    pub fn text(&self) -> String {
        text(&self.now)
    }

    /// Whether a reservation keeps this call's digest, in either form.
    pub fn is_text(&self, kept: &str) -> bool {
        kept == text(&self.now) || self.before.is_some_and(|before| kept == text(&before))
    }
}

/// Each with its length: where one ends and the next begins is part of it.
fn parts(parts: impl IntoIterator<Item = Vec<u8>>) -> Digest {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn text(digest: &Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Under which a call's answer is kept: whose the key is, and the caller's key.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: (&str, &str), other: (&str, &str)) -> bool {
        let [one, other] = [one, other].map(|(path, body)| CallDigest::of("PUT", path, body.as_bytes()));
        one.now == other.now
    }

    #[test]
    fn a_call_is_the_same_however_it_is_spelt() {
        let call = ("/inventory/products/A(1)", r#"{"quantity":51,"reason":"é"}"#);
        assert!(same(call, ("/inventory/products/A%281%29", r#"{"reason":"\u00e9", "quantity":51.0}"#)));
        assert!(same(call, ("/inventory/products/A(1)", "{\"quantity\":5.1e1,\n\"reason\":\"é\"}")));
        assert!(!same(call, ("/inventory/products/A(2)", call.1)));
        assert!(!same(call, (call.0, r#"{"quantity":52,"reason":"é"}"#)));
        assert!(!same(("/p/x%2Fstock", ""), ("/p/x/stock", "")), "an encoded slash belongs to a name");
    }

    /// Written by the program before: `sha256` over length and bytes of method, path and JSON as serde_json prints it.
    #[test]
    fn the_first_form_stays_as_it_was() {
        let digest = CallDigest::of("POST", "/v1/reservations", br#"{"ttl_s": 60.0, "lines": []}"#);
        let kept = "4424bf62";
        assert_eq!(&text(&digest.before.unwrap())[..8], kept);
    }
}
