//! A node's refusal of a call.

use std::{fmt, time::Duration};

use reqwest::StatusCode;
use serde_json::{Map, Value};

/// Whether the same call may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It would be refused again.
    Never,
    /// At once, with the same `Idempotency-Key`: whatever happened to the first call, it is done once.
    SameKey,
    /// After [`Problem::retry_after`].
    Later,
}

/// `application/problem+json`, or what replaces it if something between client and node answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Method and path.
    pub call: String,
    /// The node's address without secrets.
    pub node: String,
    pub status: StatusCode,
    /// One of the contract's codes; empty if the answer is not from a node of Onhand.
    pub code: String,
    /// Names the field and says what would be right.
    pub detail: String,
    pub retry: Retry,
    pub retry_after: Option<Duration>,
    /// The id that the node's log has for this call.
    pub correlation_id: Option<String>,
    /// The other members, such as `field`, `lines` or `state`.
    pub members: Map<String, Value>,
    /// How often the call was made.
    pub tries: u32,
}

const COMMON: [&str; 7] = ["type", "title", "status", "detail", "code", "retry", "correlation_id"];

impl Problem {
    /// Made from an answer's body, whatever it contains.
    pub(crate) fn of(call: &str, node: &str, status: StatusCode, body: &[u8]) -> Self {
        let mut members: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (code, detail, retry) = (text("code"), text("detail"), retry(status, &text("retry")));
        members.retain(|name, _| !COMMON.contains(&name.as_str()));
        let (call, node, retry_after, correlation_id) = (call.to_owned(), node.to_owned(), None, None);
        Self { call, node, status, code, detail, retry, retry_after, correlation_id, members, tries: 1 }
    }

    fn advice(&self) -> &'static str {
        match (self.status.as_u16(), self.retry) {
            (401, _) => "give tokens that these nodes' key verifies and that have not expired",
            (403, _) => "give a token of the scope that this call needs",
            (404, _) if self.code.is_empty() => {
                "check that edges are named by their public listeners and origins by their API listeners"
            }
            (_, Retry::SameKey) => "the same call with the same Idempotency-Key is safe",
            (_, Retry::Later) => "make the call again later",
            _ => "see the node's log under this call's correlation id",
        }
    }
}

/// A proxy's answer has no `retry`, so its status decides.
fn retry(status: StatusCode, said: &str) -> Retry {
    match (said, status.as_u16()) {
        ("same_key", _) | ("", 502..=504) => Retry::SameKey,
        ("later", _) | ("", 429) => Retry::Later,
        _ => Retry::Never,
    }
}

impl std::error::Error for Problem {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, node, status, detail, tries, .. } = self;
        write!(f, "{call} was refused by {node} with {status}: {detail}; {}", self.advice())?;
        if *tries > 1 {
            write!(f, " ({tries} tries)")?;
        }
        self.correlation_id.as_ref().map_or(Ok(()), |id| write!(f, " (correlation id {id})"))
    }
}
