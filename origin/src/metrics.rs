//! One named function for each thing that is measured.

mod operations;

use std::time::Duration;

use axum::http::Method;
use onhand_http::{auth::refusal, connections::Refusal, vitals::Calls};
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use self::operations::Operations;

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
    batch_size: Histogram,
    batch_seconds: Histogram,
    parked: IntGauge,
    decisions: IntCounterVec,
    leading: IntGauge,
    rounds: IntCounter,
    round_failures: IntCounter,
    published: IntCounter,
    publish_seconds: Histogram,
    round_seconds: Histogram,
    outbox: IntGauge,
    expired: IntCounter,
    auth_keys: IntGauge,
    auth_failing: IntGauge,
    auth_refresh_failures: IntGauge,
    auth_keys_age: IntGauge,
    auth_keys_too_old: IntGauge,
    tokens_refused: IntCounterVec,
    connections_refused: IntCounterVec,
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
            leading: gauge("origin_relay_leading", "1 while this replica's relay leads."),
            rounds: counter("origin_relay_watermarks_total", "Relay rounds that ended with a watermark."),
            round_failures: counter("origin_relay_failures_total", "Relay rounds that failed and were tried again."),
            published: counter("origin_relay_published_total", "Changes published to the feed."),
            publish_seconds: seconds(
                "origin_relay_publish_duration_seconds",
                "From a round's T to the feed's last acknowledgement.",
            ),
            round_seconds: seconds("origin_relay_round_duration_seconds", "From a round's T to its watermark."),
            outbox: gauge("origin_outbox_pending", "Changes that the last round found unpublished."),
            expired: counter("origin_expired_total", "Reservations closed by the sweeper."),
            auth_keys: gauge("origin_auth_keys", "Public keys that tokens are judged with."),
            auth_failing: gauge("origin_auth_refresh_failing", "1 while the keys cannot be looked at again."),
            auth_refresh_failures: gauge("origin_auth_refresh_failures", "Looks at the keys that failed, since start."),
            auth_keys_age: gauge(
                "origin_auth_keys_age_seconds",
                "Since the keys were last got: from auth.jwks_url where it is set, else from the file.",
            ),
            auth_keys_too_old: gauge(
                "origin_auth_keys_too_old",
                "1 while keys of auth.jwks_url do not count, having not been fetched for auth.max_stale.",
            ),
            tokens_refused: IntCounterVec::new(
                Opts::new("origin_tokens_refused_total", "Calls refused for their token, by why."),
                &["reason"],
            )
            .expect("a valid metric"),
            connections_refused: IntCounterVec::new(
                Opts::new("origin_connections_refused_total", "Connections turned away, by why: full or beyond_share."),
                &["reason"],
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
            registry,
        };
        let all: [Box<dyn prometheus::core::Collector>; 20] = [
            Box::new(metrics.batch_size.clone()),
            Box::new(metrics.batch_seconds.clone()),
            Box::new(metrics.parked.clone()),
            Box::new(metrics.decisions.clone()),
            Box::new(metrics.leading.clone()),
            Box::new(metrics.rounds.clone()),
            Box::new(metrics.round_failures.clone()),
            Box::new(metrics.published.clone()),
            Box::new(metrics.publish_seconds.clone()),
            Box::new(metrics.round_seconds.clone()),
            Box::new(metrics.outbox.clone()),
            Box::new(metrics.expired.clone()),
            Box::new(metrics.auth_keys.clone()),
            Box::new(metrics.auth_failing.clone()),
            Box::new(metrics.auth_refresh_failures.clone()),
            Box::new(metrics.auth_keys_age.clone()),
            Box::new(metrics.auth_keys_too_old.clone()),
            Box::new(metrics.tokens_refused.clone()),
            Box::new(metrics.connections_refused.clone()),
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

    pub fn set_leading(&self, leads: bool) {
        self.leading.set(leads.into());
    }

    pub fn published(&self, changes: usize, took: Duration) {
        self.published.inc_by(changes as u64);
        self.publish_seconds.observe(took.as_secs_f64());
    }

    pub fn watermark(&self, took: Duration) {
        self.rounds.inc();
        self.round_seconds.observe(took.as_secs_f64());
    }

    pub fn round_failed(&self) {
        self.round_failures.inc();
    }

    pub fn outbox(&self, pending: usize) {
        self.outbox.set(pending as i64);
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
