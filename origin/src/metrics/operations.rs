//! What operators watch: low stock, writes, restock notifications, connections for reads.

use std::time::Duration;

use prometheus::{Gauge, Histogram, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, core::Collector};

use super::{Metrics, gauge, seconds};

#[derive(Clone)]
pub(super) struct Operations {
    low_stock: IntGauge,
    write_seconds: Histogram,
    restock: IntCounterVec,
    restock_pending: IntGauge,
    restock_failed: IntGauge,
    unannounced: IntGauge,
    pool_max: IntGauge,
    pool_active: IntGauge,
    pool_idle: IntGauge,
    pool_pending: IntGauge,
    pool_usage: Gauge,
    database_up: IntGauge,
    feed_up: IntGauge,
    term: IntGauge,
    maintenance: IntGauge,
    region_waits: IntGauge,
    region_alone: IntGauge,
    backlog: IntGauge,
    backlog_age: Gauge,
    alerting_age: Gauge,
    alerting_silent: IntGauge,
    level: IntGaugeVec,
}

impl Operations {
    pub(super) fn new(registry: &Registry) -> Self {
        let restock = Opts::new("origin_restock_total", "Attempts to tell of a crossing, by target and outcome.");
        let usage =
            Gauge::new("hikaricp_connections_usage", "Connections for reads at work, of all that there may be.");
        let backlog_age = Gauge::new(
            "origin_outbox_oldest_age_seconds",
            "Age of the oldest commit whose changes are not yet published.",
        );
        let quiet = Gauge::new(
            "origin_alerting_heard_age_seconds",
            "Since alerting was last heard, or since this process started where that is less.",
        );
        let level = Opts::new(
            "processor_inventory_level",
            "Units available of each of metrics.watched_skus, over all locations.",
        );
        let metrics = Self {
            low_stock: gauge("origin_low_stock_items", "Stock rows at or below their threshold."),
            write_seconds: seconds("origin_write_duration_seconds", "Time of one write call, its wait included."),
            restock: IntCounterVec::new(restock, &["target", "outcome"]).expect("a valid metric"),
            restock_pending: gauge("origin_restock_pending", "Restock notifications not yet acknowledged."),
            restock_failed: gauge("origin_restock_failed", "Restock notifications given up in the last seven days."),
            unannounced: gauge("origin_rules_unannounced", "Rules whose present state the topic does not have yet."),
            pool_max: gauge("hikaricp_connections_max", "Most connections for reads."),
            pool_active: gauge("hikaricp_connections_active", "Connections for reads at work."),
            pool_idle: gauge("hikaricp_connections_idle", "Connections for reads that are open and idle."),
            pool_pending: gauge("hikaricp_connections_pending", "Calls that wait for a connection for reads."),
            pool_usage: usage.expect("a valid metric"),
            database_up: gauge("origin_database_up", "1 while the database answers."),
            feed_up: gauge("origin_feed_up", "1 while a broker of the feed is connected; also without Kafka."),
            term: gauge("origin_term", "The database's present term, as last seen."),
            maintenance: gauge("origin_maintenance", "1 under maintenance: writes are refused."),
            region_waits: gauge("origin_region_waits", "1 while another region is open, and this one's origins wait."),
            region_alone: gauge(
                "origin_region_alone",
                "1 while a region that a failover has opened writes, and no other region confirms.",
            ),
            backlog: gauge("origin_outbox_rows", "Batches whose changes are not yet published and deleted."),
            backlog_age: backlog_age.expect("a valid metric"),
            alerting_age: quiet.expect("a valid metric"),
            alerting_silent: gauge(
                "origin_alerting_silent",
                "1 while alerting has not been heard for origin.alerting.silent_after.",
            ),
            level: IntGaugeVec::new(level, &["item_id"]).expect("a valid metric"),
        };
        let all: [Box<dyn Collector>; 22] = [
            Box::new(metrics.low_stock.clone()),
            Box::new(metrics.write_seconds.clone()),
            Box::new(metrics.restock.clone()),
            Box::new(metrics.restock_pending.clone()),
            Box::new(metrics.restock_failed.clone()),
            Box::new(metrics.unannounced.clone()),
            Box::new(metrics.pool_max.clone()),
            Box::new(metrics.pool_active.clone()),
            Box::new(metrics.pool_idle.clone()),
            Box::new(metrics.pool_pending.clone()),
            Box::new(metrics.pool_usage.clone()),
            Box::new(metrics.database_up.clone()),
            Box::new(metrics.feed_up.clone()),
            Box::new(metrics.term.clone()),
            Box::new(metrics.maintenance.clone()),
            Box::new(metrics.region_waits.clone()),
            Box::new(metrics.region_alone.clone()),
            Box::new(metrics.backlog.clone()),
            Box::new(metrics.backlog_age.clone()),
            Box::new(metrics.alerting_age.clone()),
            Box::new(metrics.alerting_silent.clone()),
            Box::new(metrics.level.clone()),
        ];
        for collector in all {
            registry.register(collector).expect("each metric is registered once");
        }
        // From the start on: a rate needs a value before the first event.
        for target in ["topic", "webhook"] {
            for outcome in ["sent", "again", "given_up"] {
                metrics.restock.with_label_values(&[target, outcome]);
            }
        }
        metrics
    }
}

impl Metrics {
    pub fn low_stock(&self, items: i64) {
        self.operations.low_stock.set(items);
    }

    pub fn write_took(&self, time: Duration) {
        self.operations.write_seconds.observe(time.as_secs_f64());
    }

    pub fn restock(&self, target: &str, outcome: &str) {
        self.operations.restock.with_label_values(&[target, outcome]).inc();
    }

    pub fn undelivered(&self, pending: i64, failed: i64) {
        self.operations.restock_pending.set(pending);
        self.operations.restock_failed.set(failed);
    }

    pub fn depends(&self, database: bool, feed: bool) {
        self.operations.database_up.set(database.into());
        self.operations.feed_up.set(feed.into());
    }

    pub fn backlog(&self, rows: i64, oldest: Duration) {
        self.operations.backlog.set(rows);
        self.operations.backlog_age.set(oldest.as_secs_f64());
    }

    pub fn standing(&self, term: u16, maintenance: bool) {
        self.operations.term.set(term.into());
        self.operations.maintenance.set(maintenance.into());
    }

    pub fn region(&self, waits: bool, alone: bool) {
        self.operations.region_waits.set(waits.into());
        self.operations.region_alone.set(alone.into());
    }

    pub fn alerting(&self, quiet: Duration, silent: bool) {
        self.operations.alerting_age.set(quiet.as_secs_f64());
        self.operations.alerting_silent.set(silent.into());
    }

    /// Of a watched SKU.
    pub fn level(&self, sku: &str, available: i64) {
        self.operations.level.with_label_values(&[sku]).set(available);
    }

    pub fn unannounced(&self, rules: i64) {
        self.operations.unannounced.set(rules);
    }

    /// Connections for reads: the most, those at work, those that are idle, and calls that wait for one.
    pub fn connections(&self, max: usize, active: usize, idle: usize, pending: usize) {
        let set = |gauge: &IntGauge, value: usize| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        set(&self.operations.pool_max, max);
        set(&self.operations.pool_active, active);
        set(&self.operations.pool_idle, idle);
        set(&self.operations.pool_pending, pending);
        self.operations.pool_usage.set(active as f64 / max.max(1) as f64);
    }
}
