//! The events of a stream, and the ids that resume one.
//!
//! An id says what its reader has seen: the question, then what the last event of each SKU showed, as 48 bits of a hash
//! each. So it needs no memory here and is good on every node. What has changed since is whatever is now shown
//! differently, for any reason: stock, topology, a rule, another term.

use std::hash::Hasher;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use onhand_wire::{Sku, Timestamp};
use serde_json::json;

use super::ask::Wanted;

/// Bytes of each part of an id, which are 8 characters.
const PART: usize = 6;

/// What an event showed of one SKU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen(u64);

impl Seen {
    pub(super) const NOTHING: Self = Self(0);
    /// The SKU was deleted.
    pub(super) const UNKNOWN: Self = Self(1);

    pub(super) fn of(body: &[u8]) -> Self {
        Self((hash(&[body]) >> 16).max(2))
    }
}

/// The parts' lengths separate them.
fn hash(parts: &[&[u8]]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    for part in parts {
        hasher.write_usize(part.len());
        hasher.write(part);
    }
    hasher.finish()
}

/// What its id says that a stream's reader has seen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Resume {
    question: u64,
    pub(super) seen: Vec<Seen>,
}

impl Resume {
    pub(super) fn new(wanted: &Wanted) -> Self {
        let channel = wanted.channel.as_ref().map_or("", |channel| channel.as_str());
        let parts: Vec<&[u8]> =
            wanted.skus.iter().map(|sku| sku.as_str().as_bytes()).chain([channel.as_bytes()]).collect();
        Self { question: hash(&parts) >> 16, seen: vec![Seen::NOTHING; wanted.skus.len()] }
    }

    /// `None` if it is not an id of this question, so that everything must be shown.
    pub(super) fn decode(id: &[u8], wanted: &Wanted) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(id).ok()?;
        let mut parts =
            bytes.chunks(PART).map(|part| part.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)));
        let new = Self::new(wanted);
        let question = parts.next().filter(|question| *question == new.question)?;
        let seen: Vec<Seen> = parts.map(Seen).collect();
        let whole = seen.len() == new.seen.len() && bytes.len() == PART * (seen.len() + 1);
        whole.then_some(Self { question, seen })
    }

    pub(super) fn encode(&self) -> String {
        let numbers = std::iter::once(self.question).chain(self.seen.iter().map(|seen| seen.0));
        let bytes: Vec<u8> = numbers.flat_map(|number| number.to_be_bytes().into_iter().skip(8 - PART)).collect();
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }
}

pub(super) fn availability(id: &str, body: &[u8]) -> Bytes {
    let body = std::str::from_utf8(body).expect("JSON is UTF-8");
    format!("id: {id}\nevent: availability\ndata: {body}\n\n").into()
}

/// The SKU was deleted. If it is created again, its state follows.
pub(super) fn unknown(id: &str, sku: &Sku) -> Bytes {
    format!("id: {id}\nevent: unknown\ndata: {}\n\n", json!({"sku": sku})).into()
}

pub(super) fn as_of(at: Timestamp, stale: bool) -> Bytes {
    let stale = if stale { r#","stale":true"# } else { "" };
    format!("event: as_of\ndata: {{\"as_of\":\"{at}\"{stale}}}\n\n").into()
}

/// Why a stream ends from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    SlowReader,
    ShuttingDown,
    TokenExpired,
    OriginUnavailable,
    UnknownChannel,
}

impl End {
    pub(super) fn as_str(self) -> &'static str {
        self.parts().0
    }

    fn parts(self) -> (&'static str, &'static str) {
        match self {
            Self::SlowReader => {
                ("slow_reader", "changes came faster than they were read; reconnect with Last-Event-ID")
            }
            Self::ShuttingDown => ("shutting_down", "this node shuts down; reconnect with Last-Event-ID"),
            Self::TokenExpired => {
                ("token_expired", "the token has expired; reconnect with a new one and Last-Event-ID")
            }
            Self::OriginUnavailable => ("origin_unavailable", "feed and origin cannot be reached for too long"),
            Self::UnknownChannel => ("unknown_channel", "the channel is not there any more"),
        }
    }

    pub(super) fn event(self) -> Bytes {
        let (reason, detail) = self.parts();
        format!("event: end\ndata: {}\n\n", json!({"reason": reason, "detail": detail})).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(query: &str) -> Wanted {
        Wanted::read(Some(query)).unwrap()
    }

    #[test]
    fn an_id_holds_for_its_own_question_only() {
        let asked = wanted("sku=a&sku=b");
        let mut resume = Resume::new(&asked);
        resume.seen[1] = Seen::of(b"{}");
        let id = resume.encode();
        assert_eq!(id.len(), 24);
        assert_eq!(Resume::decode(id.as_bytes(), &asked), Some(resume));
        for other in ["sku=b&sku=a", "sku=a", "sku=a&sku=b&channel=web", "sku=ab&sku=b", "sku=a&sku=b&sku=c"] {
            assert_eq!(Resume::decode(id.as_bytes(), &wanted(other)), None, "{other}");
        }
        for nonsense in ["", "?", "AAAA", &id[..23], &format!("{id}AAAA")] {
            assert_eq!(Resume::decode(nonsense.as_bytes(), &asked), None, "{nonsense}");
        }
    }

    #[test]
    fn bodies_that_differ_are_told_apart_from_each_other_and_from_none() {
        assert_ne!(Seen::of(b"1"), Seen::of(b"2"));
        assert!(Seen::of(b"").0 > Seen::UNKNOWN.0);
    }
}
