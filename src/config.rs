//! One TOML file, every key overridable by environment.

mod auth;
mod load;
mod names;
mod regions;

use onhand_http::setting::{SecretUrl, count_fault};
use onhand_kafka::{Brokers, Options, Security};
use serde::{Deserialize, Serialize};

pub(crate) use self::{
    auth::{Auth, KeyFile, Trusted},
    load::{Faults, load},
    regions::{Member, Regions, Rpo},
};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) log: Log,
    pub(crate) auth: Auth,
    pub(crate) kafka: Kafka,
    pub(crate) regions: Regions,
    pub(crate) http: onhand_http::setting::HttpConfig,
    pub(crate) orders: onhand_orders::Config,
    pub(crate) freshness: onhand_edge::FreshnessConfig,
    pub(crate) origin: onhand_origin::Config,
    pub(crate) edge: onhand_edge::Config,
    pub(crate) rules: onhand_rules::Config,
    pub(crate) metrics: onhand_origin::MetricsConfig,
    pub(crate) console: onhand_console::Config,
}

impl Config {
    /// Faults of values that are each well-formed.
    fn faults(&self) -> Vec<String> {
        let sections = [
            self.log.faults(),
            self.auth.faults(),
            self.kafka.faults(),
            self.regions.faults(&self.origin.region),
            self.http.faults(),
            self.orders.faults(),
            self.origin().faults(),
            self.edge.faults(),
            self.rules.faults(),
            self.console.faults(),
        ];
        let mut faults: Vec<_> = sections.into_iter().flatten().collect();
        if !self.origin.database.url.is_empty() {
            faults.extend(self.regions.home_faults(&self.origin.region));
        }
        faults
    }

    /// The whole configuration in TOML, with secrets hidden.
    pub(crate) fn shown(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(self)
    }

    /// The edge's part, with the sections that it shares.
    pub(crate) fn edge(&self) -> onhand_edge::Config {
        onhand_edge::Config {
            http: self.http.clone(),
            freshness: self.freshness.clone(),
            orders: self.orders.clone(),
            ..self.edge.clone()
        }
    }

    /// Where changes are published: this region's Kafka, and each other's.
    pub(crate) fn feed(&self) -> onhand_origin::Feed {
        let others = self.regions.feeds.iter().map(|feed| (feed.region.clone(), feed.brokers())).collect();
        let Kafka { topic, partitions, replication, .. } = self.kafka.clone();
        onhand_origin::Feed::Kafka { brokers: self.kafka.brokers(), others, topic, partitions, replication }
    }

    /// The console's part, likewise.
    pub(crate) fn console(&self) -> onhand_console::Config {
        onhand_console::Config { http: self.http.clone(), ..self.console.clone() }
    }

    /// The origin's part, likewise.
    pub(crate) fn origin(&self) -> onhand_origin::Config {
        let (http, feed_patience) = (self.http.clone(), self.regions.feed_patience);
        let (orders, metrics) = (self.orders.clone(), self.metrics.clone());
        let among = self.regions.among(&self.origin.region);
        onhand_origin::Config { http, feed_patience, among, orders, metrics, ..self.origin.clone() }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// Text on a terminal, else JSON.
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
    /// `HOST:PORT`, or several separated by commas.
    pub(crate) brokers: SecretUrl,
    /// If true, `onhand check` accepts that this hop leaves the machine in the clear.
    pub(crate) insecure: bool,
    /// The change feed's topic.
    pub(crate) topic: String,
    /// Partitions of a topic that the origin creates, 1 or more.
    pub(crate) partitions: i32,
    /// Replicas of a topic that the origin creates; 3 in production.
    pub(crate) replication: i32,
    pub(crate) security: Security,
    /// librdkafka's other settings, by its own names: `"socket.timeout.ms" = "30000"`.
    pub(crate) options: Options,
}

impl Log {
    /// An unknown level would switch all logging off without a word.
    fn faults(&self) -> Vec<String> {
        let wrong = |part: &&str| {
            let level = part.rsplit_once('=').map_or(*part, |(_, level)| level);
            level.trim().is_empty() || level.trim().parse::<tracing_subscriber::filter::LevelFilter>().is_err()
        };
        let parts = self.level.split(',').filter(|part| !part.contains(['[', '{']));
        let told = |part| {
            format!(
                "log.level: {part:?} is not a level; write error, warn, info, debug, trace or off, as in \"info,onhand_edge=debug\""
            )
        };
        parts.filter(wrong).map(told).collect()
    }
}

impl Kafka {
    fn faults(&self) -> Vec<String> {
        let brokers = self.brokers.hosts_fault("kafka.brokers");
        let counts = brokers.into_iter().chain(count_fault("kafka.partitions", self.partitions < 1));
        let counts = counts.chain(count_fault("kafka.replication", self.replication < 1));
        counts.chain(self.brokers().faults()).collect()
    }

    pub(crate) fn brokers(&self) -> Brokers {
        let Self { brokers, security, options, .. } = self.clone();
        Brokers { addresses: brokers, security, options }
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
            brokers: SecretUrl::default(),
            insecure: false,
            topic: onhand_wire::event::STOCK_CHANGES.to_owned(),
            partitions: 8,
            replication: 1,
            security: Security::default(),
            options: Options::default(),
        }
    }
}
