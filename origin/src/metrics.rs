//! One named function for each thing that is measured.

mod feeds;
mod operations;

use std::time::Duration;

use axum::http::Method;
use onhand_http::{auth::refusal, connections::Refusal, vitals::Calls};
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

pub use self::feeds::FeedMetrics;
use self::{feeds::Feeds, operations::Operations};

/// What became of a command.
#[derive(Debug, Clone, Copy)]
pub enum Decision {
    Replayed,
    Done,
    InsufficientStock,
    Refused,
}

impl Decision {
    fn as_str(self) -> &'static str {
        match self {
            Self::Replayed => "replayed",
            Self::Done => "done",
            Self::InsufficientStock => "insufficient_stock",
            Self::Refused => "refused",
        }
    }
}

#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    operations: Operations,
    feeds: Feeds,
    batch_size: Histogram,
    batch_seconds: Histogram,
    parked: IntGauge,
    decisions: IntCounterVec,
    expired: IntCounter,
    auth_keys: IntGauge,
    auth_failing: IntGauge,
    auth_refresh_failures: IntGauge,
    auth_keys_age: IntGauge,
    auth_keys_too_old: IntGauge,
    tokens_refused: IntCounterVec,
    connections_refused: IntCounterVec,
    rate_limited: IntCounterVec,
    calls: Calls,
    call_seconds: HistogramVec,
}

fn histogram(name: &str, help: &str, buckets: Vec<f64>) -> Histogram {
    Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets)).expect("a valid metric")
}

fn seconds(name: &str, help: &str) -> Histogram {
    histogram(name, help, prometheus::exponential_buckets(0.0005, 2.0, 14).expect("valid buckets"))
}

fn counter(name: &str, help: &str) -> IntCounter {
    IntCounter::new(name, help).expect("a valid metric")
}

fn gauge(name: &str, help: &str) -> IntGauge {
    IntGauge::new(name, help).expect("a valid metric")
}

impl Metrics {
    pub fn new(registry: Registry) -> Self {
        let sizes = prometheus::exponential_buckets(1.0, 2.0, 10).expect("valid buckets");
        let decisions =
            IntCounterVec::new(Opts::new("origin_decisions_total", "Commands decided, by outcome."), &["outcome"]);
        let metrics = Self {
            batch_size: histogram("origin_batch_commands", "Commands in a batch.", sizes),
            batch_seconds: seconds("origin_batch_duration_seconds", "From a batch's first lock to its commit."),
            parked: gauge("origin_commands_parked", "Commands that wait for rows which others hold."),
            decisions: decisions.expect("a valid metric"),
            expired: counter("origin_expired_total", "Reservations closed by the sweeper."),
            auth_keys: gauge("origin_auth_keys", "Public keys that judge tokens."),
            auth_failing: gauge("origin_auth_refresh_failing", "1 while the keys cannot be refreshed."),
            auth_refresh_failures: gauge("origin_auth_refresh_failures", "Failed refreshes of the keys, since start."),
            auth_keys_age: gauge(
                "origin_auth_keys_age_seconds",
                "Time since the keys were last read: from auth.jwks_url if it is set, else from the file.",
            ),
            auth_keys_too_old: gauge(
                "origin_auth_keys_too_old",
                "1 while the keys of auth.jwks_url are not used, not having been fetched for auth.max_stale.",
            ),
            tokens_refused: IntCounterVec::new(
                Opts::new("origin_tokens_refused_total", "Calls refused for their token, by reason."),
                &["reason"],
            )
            .expect("a valid metric"),
            connections_refused: IntCounterVec::new(
                Opts::new("origin_connections_refused_total", "Connections refused, by reason: full or beyond_share."),
                &["reason"],
            )
            .expect("a valid metric"),
            rate_limited: IntCounterVec::new(
                Opts::new("origin_rate_limited_total", "Calls refused because their caller made too many, by limit."),
                &["limit"],
            )
            .expect("a valid metric"),
            calls: Calls::new(&registry, "origin_calls_total").expect("a valid metric"),
            call_seconds: HistogramVec::new(
                HistogramOpts::new("origin_call_duration_seconds", "Time to answer a call, by route and method.")
                    .buckets(prometheus::exponential_buckets(0.0005, 2.0, 14).expect("valid buckets")),
                &["route", "method"],
            )
            .expect("a valid metric"),
            operations: Operations::new(&registry),
            feeds: Feeds::new(&registry),
            registry,
        };
        let all: [Box<dyn prometheus::core::Collector>; 14] = [
            Box::new(metrics.batch_size.clone()),
            Box::new(metrics.batch_seconds.clone()),
            Box::new(metrics.parked.clone()),
            Box::new(metrics.decisions.clone()),
            Box::new(metrics.expired.clone()),
            Box::new(metrics.auth_keys.clone()),
            Box::new(metrics.auth_failing.clone()),
            Box::new(metrics.auth_refresh_failures.clone()),
            Box::new(metrics.auth_keys_age.clone()),
            Box::new(metrics.auth_keys_too_old.clone()),
            Box::new(metrics.tokens_refused.clone()),
            Box::new(metrics.connections_refused.clone()),
            Box::new(metrics.rate_limited.clone()),
            Box::new(metrics.call_seconds.clone()),
        ];
        for collector in all {
            metrics.registry.register(collector).expect("each metric is registered once");
        }
        metrics.begin();
        metrics
    }

    /// Series whose labels are known stand on the page from the start: a rate needs a value before the first event.
    fn begin(&self) {
        for outcome in [Decision::Replayed, Decision::Done, Decision::InsufficientStock, Decision::Refused] {
            self.decisions.with_label_values(&[outcome.as_str()]);
        }
        refusal::words().for_each(|reason| drop(self.tokens_refused.with_label_values(&[reason])));
        for reason in ["full", "beyond_share"] {
            self.connections_refused.with_label_values(&[reason]);
        }
        self.rate_limited.with_label_values(&["orders"]);
    }

    /// `route`: one of the router's.
    pub fn answered(&self, route: &str, method: &Method, status: u16, took: Duration) {
        self.calls.answered(route, method, status);
        let method = onhand_http::vitals::word(method);
        self.call_seconds.with_label_values(&[route, method]).observe(took.as_secs_f64());
    }

    pub fn batch_size(&self, commands: usize) {
        self.batch_size.observe(commands as f64);
    }

    pub fn batch_duration(&self, took: Duration) {
        self.batch_seconds.observe(took.as_secs_f64());
    }

    /// How many more, or fewer, than before.
    pub fn add_parked(&self, more: i64) {
        self.parked.add(more);
    }

    pub fn decided(&self, decision: Decision) {
        self.decisions.with_label_values(&[decision.as_str()]).inc();
    }

    pub fn token_refused(&self, reason: &str) {
        self.tokens_refused.with_label_values(&[reason]).inc();
    }

    pub(crate) fn connection_refused(&self, refusal: Refusal) {
        let reason = match refusal {
            Refusal::Full => "full",
            Refusal::BeyondShare => "beyond_share",
        };
        self.connections_refused.with_label_values(&[reason]).inc();
    }

    /// One order more than its caller may place now.
    pub(crate) fn order_rate_limited(&self) {
        self.rate_limited.with_label_values(&["orders"]).inc();
    }

    /// What the relay of one region's feed measures.
    pub fn feed(&self, name: &str) -> FeedMetrics {
        self.feeds.of(name)
    }

    pub fn expired(&self, reservations: usize) {
        self.expired.inc_by(reservations as u64);
    }

    pub fn auth(&self, standing: onhand_http::auth::Standing) {
        self.auth_keys.set(i64::try_from(standing.keys).unwrap_or(i64::MAX));
        self.auth_failing.set(standing.failing.into());
        self.auth_refresh_failures.set(i64::try_from(standing.failed_refreshes).unwrap_or(i64::MAX));
        self.auth_keys_age.set(i64::try_from(standing.age.as_secs()).unwrap_or(i64::MAX));
        self.auth_keys_too_old.set(standing.too_old.into());
    }

    /// Everything, as it is now.
    pub fn gather(&self) -> Vec<prometheus::proto::MetricFamily> {
        self.registry.gather()
    }

    /// The page in Prometheus' text format.
    pub fn page(&self) -> String {
        prometheus::TextEncoder::new().encode_to_string(&self.gather()).unwrap_or_default()
    }
}
