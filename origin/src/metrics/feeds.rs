//! What the relays measure, for each feed.

use std::time::Duration;

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

/// Of all feeds. There are as many values of `feed` as regions are configured.
#[derive(Clone)]
pub(super) struct Feeds {
    leading: IntGaugeVec,
    rounds: IntCounterVec,
    round_failures: IntCounterVec,
    published: IntCounterVec,
    publish_seconds: HistogramVec,
    round_seconds: HistogramVec,
    outbox: IntGaugeVec,
    filled: IntCounterVec,
}

/// Of one feed.
#[derive(Clone)]
pub struct FeedMetrics {
    leading: IntGauge,
    rounds: IntCounter,
    round_failures: IntCounter,
    published: IntCounter,
    publish_seconds: Histogram,
    round_seconds: Histogram,
    outbox: IntGauge,
    filled: IntCounter,
}

const FEED: &[&str] = &["feed"];

fn gauge(name: &str, help: &str) -> IntGaugeVec {
    IntGaugeVec::new(Opts::new(name, help), FEED).expect("a valid metric")
}

fn counter(name: &str, help: &str) -> IntCounterVec {
    IntCounterVec::new(Opts::new(name, help), FEED).expect("a valid metric")
}

fn seconds(name: &str, help: &str) -> HistogramVec {
    let buckets = prometheus::exponential_buckets(0.0005, 2.0, 14).expect("valid buckets");
    HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets), FEED).expect("a valid metric")
}

impl Feeds {
    pub(super) fn new(registry: &Registry) -> Self {
        let feeds = Self {
            leading: gauge("origin_relay_leading", "1 while this replica's relay leads the region's feed."),
            rounds: counter("origin_relay_watermarks_total", "Relay rounds that ended with a watermark."),
            round_failures: counter("origin_relay_failures_total", "Relay rounds that failed and were tried again."),
            published: counter("origin_relay_published_total", "Changes published to the feed."),
            publish_seconds: seconds(
                "origin_relay_publish_duration_seconds",
                "From a round's T to the feed's last acknowledgement.",
            ),
            round_seconds: seconds("origin_relay_round_duration_seconds", "From a round's T to its watermark."),
            outbox: gauge("origin_outbox_pending", "Changes that the last round found unpublished."),
            filled: counter("origin_feed_filled_total", "Rows that a feed was filled with when it entered."),
        };
        let all: [Box<dyn prometheus::core::Collector>; 8] = [
            Box::new(feeds.leading.clone()),
            Box::new(feeds.rounds.clone()),
            Box::new(feeds.round_failures.clone()),
            Box::new(feeds.published.clone()),
            Box::new(feeds.publish_seconds.clone()),
            Box::new(feeds.round_seconds.clone()),
            Box::new(feeds.outbox.clone()),
            Box::new(feeds.filled.clone()),
        ];
        for collector in all {
            registry.register(collector).expect("each metric is registered once");
        }
        feeds
    }

    pub(super) fn of(&self, feed: &str) -> FeedMetrics {
        let feed = &[feed];
        FeedMetrics {
            leading: self.leading.with_label_values(feed),
            rounds: self.rounds.with_label_values(feed),
            round_failures: self.round_failures.with_label_values(feed),
            published: self.published.with_label_values(feed),
            publish_seconds: self.publish_seconds.with_label_values(feed),
            round_seconds: self.round_seconds.with_label_values(feed),
            outbox: self.outbox.with_label_values(feed),
            filled: self.filled.with_label_values(feed),
        }
    }
}

impl FeedMetrics {
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
        self.outbox.set(i64::try_from(pending).unwrap_or(i64::MAX));
    }

    pub fn filled(&self, rows: usize) {
        self.filled.inc_by(rows as u64);
    }
}
