//! A node's health. An unhealthy node answers 503, which is a value here, not an error.

use onhand_wire::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{Answer, Call, Client, Error};

/// `None` for dependencies that are not configured.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct EdgeHealth {
    /// `healthy` or `unhealthy`.
    pub status: String,
    pub redis: Option<bool>,
    pub kafka: Option<bool>,
    pub origin: bool,
    /// Of the order lanes where it is not closed, else of the breaker for callers' own calls to the origin.
    pub circuit_breaker_state: String,
    /// None where orders are not taken.
    #[serde(default)]
    pub orders_circuit_breaker_state: Option<String>,
    pub loads_circuit_breaker_state: String,
    pub mode: String,
    pub as_of: Option<Timestamp>,
    /// The highest that the feed has told.
    #[serde(default)]
    pub term: Option<u16>,
    pub region: String,
    pub version: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct OriginHealth {
    /// `healthy` or `unhealthy`.
    pub status: String,
    pub database: bool,
    pub kafka: Option<bool>,
    pub region: String,
    pub term: Option<u16>,
    pub maintenance: Option<bool>,
    /// The operator's message, under maintenance.
    pub message: Option<String>,
    /// None of an older origin.
    #[serde(default)]
    pub alerting: Option<AlertingHealth>,
}

/// When alerting was last heard.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct AlertingHealth {
    pub says: String,
    /// `None`: never.
    pub last_heard_s: Option<u64>,
    pub silent: bool,
}

impl Client {
    /// `GET /health`, at an edge. One try.
    pub fn edge_health(&self) -> Call<EdgeHealth> {
        self.gets::<EdgeHealth>("/health").once().read_by(told)
    }

    /// `GET /inventory/health`, at an origin. One try.
    pub fn origin_health(&self) -> Call<OriginHealth> {
        self.gets::<OriginHealth>("/inventory/health").once().read_by(told)
    }
}

fn told<T: DeserializeOwned>(answer: &Answer) -> Result<T, Error> {
    // A problem has another form, and is not a node's health.
    answer.json().or_else(|unreadable| answer.success().and(Err(unreadable)))
}
