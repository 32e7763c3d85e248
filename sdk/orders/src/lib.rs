//! How an order gets into its lane: the same at every edge and at every origin.
//!
//! | step | module |
//! |---|---|
//! | subject and key make the id, and a MAC shows that it was issued | [`ids`] |
//! | the record is appended to its lane's log, and acknowledged | [`lanes`] |
//! | what is refused, what is remembered, what the caller is told of its wait | [`accept`] |
//!
//! Nothing is decided here: that is the origin's.

mod config;
pub mod ids;
pub mod lanes;
pub mod accept;

pub use self::{
    accept::{Accepted, Acceptor, Refused, Request},
    config::Config,
    ids::{Ids, Place},
    lanes::{Lanes, Log, MemoryLanes, topic_of},
};

/// SHA-256 of a call's canonical body, in hexadecimal: member order and white space do not make another call.
pub fn digest(body: &[u8]) -> String {
    use sha2::Digest;
    let parsed: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    hex(&sha2::Sha256::digest(parsed.to_string().as_bytes()))
}

/// By this node's clock.
pub fn now() -> onhand_wire::Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    onhand_wire::Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _written = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_same_call_has_the_same_digest() {
        let one = super::digest(br#"{"a": 1, "b": [2]}"#);
        assert_eq!(one, super::digest(br#"{"b":[2],"a":1}"#));
        assert_ne!(one, super::digest(br#"{"b":[2],"a":2}"#));
        assert_eq!(one.len(), 64);
    }
}
