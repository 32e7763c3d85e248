//! What operators watch: low stock, writes, restock notifications, connections for reads.

use std::time::Duration;

use prometheus::{Gauge, Histogram, IntCounterVec, IntGauge, Opts, Registry, core::Collector};

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
}

impl Operations {
    pub(super) fn new(registry: &Registry) -> Self {
        let restock = Opts::new("origin_restock_total", "Attempts to tell of a crossing, by target and outcome.");
        let usage =
            Gauge::new("hikaricp_connections_usage", "Connections for reads at work, of all that there may be.");
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
        };
        let all: [Box<dyn Collector>; 11] = [
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
        ];
        for collector in all {
            registry.register(collector).expect("each metric is registered once");
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
