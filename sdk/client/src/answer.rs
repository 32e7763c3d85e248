//! What comes back: as it is, and as a value with what its headers say.

use std::time::Duration;

use bytes::Bytes;
use onhand_wire::{Timestamp, session};
use reqwest::{StatusCode, header::HeaderMap};
use serde::de::DeserializeOwned;

use crate::{Error, Problem};

/// An answer as it came, of any status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Method and path.
    pub call: String,
    /// Which of the client's nodes answered.
    pub node: usize,
    /// The same, as it may be shown.
    pub from: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// How often the call was made.
    pub tries: u32,
}

/// Where a lookup's answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    L1,
    L2,
    Origin,
}

/// A value, and what the answer says about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply<T> {
    pub value: T,
    /// 201 for what is new, else 200.
    pub status: StatusCode,
    /// Which of the client's nodes answered.
    pub node: usize,
    /// Of a lookup: every change acknowledged before it is in. Of a write: every answer with a later one reflects it.
    pub as_of: Option<Timestamp>,
    /// Of a lookup.
    pub source: Option<Source>,
    /// The node could not keep its promise of freshness, and says so.
    pub stale: bool,
    /// Of a write: a lookup that brings it ([`crate::Call::session`]) shows the write, at any node.
    pub session: Option<String>,
    /// The first answer again, by the call's idempotency key.
    pub replayed: bool,
    /// The node's log has it.
    pub correlation_id: Option<String>,
}

impl<T> Reply<T> {
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Reply<U> {
        let Self { value, status, node, as_of, source, stale, session, replayed, correlation_id } = self;
        Reply { value: change(value), status, node, as_of, source, stale, session, replayed, correlation_id }
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn as_of(&self) -> Option<Timestamp> {
        self.header("onhand-as-of").and_then(Timestamp::parse)
    }

    pub(crate) fn problem(&self) -> Problem {
        let seconds = self.header("retry-after").and_then(|text| text.parse().ok());
        Problem {
            retry_after: seconds.map(Duration::from_secs),
            correlation_id: self.header("x-correlation-id").map(str::to_owned),
            tries: self.tries,
            ..Problem::of(&self.call, &self.from, self.status, &self.body)
        }
    }

    /// Itself, if it succeeded.
    pub fn success(&self) -> Result<&Self, Error> {
        if self.status.is_success() { Ok(self) } else { Err(Error::Problem(Box::new(self.problem()))) }
    }

    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| self.unreadable(error))
    }

    pub(crate) fn messagepack<T: DeserializeOwned>(&self) -> Result<T, Error> {
        rmp_serde::from_slice(&self.body).map_err(|error| self.unreadable(error))
    }

    fn unreadable(&self, error: impl std::error::Error) -> Error {
        Error::Unreadable { call: self.call.clone(), what: error.to_string() }
    }

    pub(crate) fn with<T>(&self, value: T) -> Reply<T> {
        let text = |name| self.header(name).map(str::to_owned);
        Reply {
            value,
            status: self.status,
            node: self.node,
            as_of: self.as_of(),
            source: match self.header("onhand-source") {
                Some("l1") => Some(Source::L1),
                Some("l2") => Some(Source::L2),
                Some("origin") => Some(Source::Origin),
                _ => None,
            },
            stale: self.header("onhand-stale").is_some(),
            session: text(session::HEADER),
            replayed: self.header("idempotent-replayed").is_some(),
            correlation_id: text("x-correlation-id"),
        }
    }
}
