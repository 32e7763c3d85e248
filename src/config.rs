//! One TOML file, every key overridable by environment.

mod auth;
mod load;
mod names;

use onhand_wire::setting::count_fault;
use serde::{Deserialize, Serialize};

pub(crate) use self::{
    auth::{Auth, KeyFile},
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
        let sections = [
            self.log.faults(),
            self.auth.faults(),
            self.kafka.faults(),
            self.http.faults(),
            self.origin.faults(),
            self.edge.faults(),
            self.rules.faults(),
        ];
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

/// The user and the password of any URL in a text that will be shown: `http://user:password@host` has them.
pub(crate) fn hide_userinfo(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let end = after.find(|c: char| c.is_whitespace() || "/\"'?#".contains(c)).unwrap_or(after.len());
        rest = match after[..end].rfind('@') {
            Some(at) => {
                shown.push_str("(hidden)");
                &after[at..]
            }
            None => after,
        };
    }
    shown + rest
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

impl Log {
    /// A level that is none would switch everything off, and nobody would hear of it.
    fn faults(&self) -> Vec<String> {
        let wrong = |part: &&str| {
            let level = part.rsplit_once('=').map_or(*part, |(_, level)| level);
            level.trim().is_empty() || level.trim().parse::<tracing_subscriber::filter::LevelFilter>().is_err()
        };
        let parts = self.level.split(',').filter(|part| !part.contains(['[', '{']));
        let told = |part| {
            format!(
                "log.level: {part:?} names no level; error, warn, info, debug, trace or off, as in \"info,onhand_edge=debug\""
            )
        };
        parts.filter(wrong).map(told).collect()
    }
}

impl Kafka {
    fn faults(&self) -> Vec<String> {
        let partitions = count_fault("kafka.partitions", self.partitions < 1);
        partitions.into_iter().chain(count_fault("kafka.replication", self.replication < 1)).collect()
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_url_is_shown_with_its_password() {
        let text = "a = \"http://user:hunter2@x:1/y?to=me@home\"\nb = [\"https://h/p\", \"http://t0ken@z\"]\n";
        let shown = hide_userinfo(text);
        let right = "a = \"http://(hidden)@x:1/y?to=me@home\"\nb = [\"https://h/p\", \"http://(hidden)@z\"]\n";
        assert_eq!(shown, right);
    }
}
