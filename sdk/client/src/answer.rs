//! Answers: raw, and as a value with the data of its headers.

use std::time::Duration;

use bytes::Bytes;
use onhand_wire::{Timestamp, session};
use reqwest::{StatusCode, header::HeaderMap};
use serde::de::DeserializeOwned;

use crate::{Error, Problem};

/// A raw answer, of any status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Method and path.
    pub call: String,
    /// Which of the client's nodes answered.
    pub node: usize,
    /// The node's address, without secrets.
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

/// A value, and what the answer's headers say about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply<T> {
    pub value: T,
    /// 201 if something was created, else 200.
    pub status: StatusCode,
    /// Which of the client's nodes answered.
    pub node: usize,
    /// A lookup's answer has every change that was acknowledged before this time. Every answer with a later time than a
    /// write's reflects that write.
    pub as_of: Option<Timestamp>,
    /// Present for a lookup.
    pub source: Option<Source>,
    /// Whether the node marked the answer because it could not keep its promise of freshness.
    pub stale: bool,
    /// Present for a write: a lookup that sends it ([`crate::Call::session`]) shows the write, at any node.
    pub session: Option<String>,
    /// Whether this is the first answer again, found by the call's idempotency key.
    pub replayed: bool,
    /// The id that the node's log has for this call.
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

    /// Returns itself if the call succeeded.
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
