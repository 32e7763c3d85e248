//! One TOML file, every key overridable by environment.

mod auth;
mod load;
mod names;

use serde::{Deserialize, Serialize};

pub(crate) use self::{
    auth::{Auth, KeySource},
    load::{Faults, load},
};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) log: Log,
    pub(crate) auth: Auth,
    pub(crate) kafka: Kafka,
    pub(crate) http: onhand_wire::setting::HttpConfig,
    pub(crate) freshness: onhand_edge::FreshnessConfig,
    pub(crate) origin: onhand_origin::Config,
    pub(crate) edge: onhand_edge::Config,
    pub(crate) rules: onhand_rules::Config,
}

impl Config {
    /// What is wrong with values that each are well-formed.
    fn faults(&self) -> Vec<String> {
        let sections = [self.auth.faults(), self.http.faults(), self.edge.limits.faults()];
        sections.into_iter().flatten().collect()
    }

    /// The edge's part, with the sections that stand beside it.
    pub(crate) fn edge(&self) -> onhand_edge::Config {
        onhand_edge::Config { http: self.http.clone(), freshness: self.freshness.clone(), ..self.edge.clone() }
    }

    /// The origin's part, likewise.
    pub(crate) fn origin(&self) -> onhand_origin::Config {
        onhand_origin::Config { http: self.http.clone(), ..self.origin.clone() }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    Json,
    Text,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,onhand_edge=debug`.
    pub(crate) level: String,
    pub(crate) format: Format,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Kafka {
    /// `HOST:PORT`, several with commas.
    pub(crate) brokers: String,
    /// The change feed's topic.
    pub(crate) topic: String,
    /// Partitions of a topic that the origin has to make, 1 or more.
    pub(crate) partitions: i32,
    /// Replicas of a topic that the origin has to make; 3 in production.
    pub(crate) replication: i32,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: Format::Auto }
    }
}

impl Default for Kafka {
    fn default() -> Self {
        Self {
            brokers: String::new(),
            topic: onhand_wire::event::STOCK_CHANGES.to_owned(),
            partitions: 8,
            replication: 1,
        }
    }
}
