//! The lanes' numbers, by the names that their runbook has for them.

use std::time::Duration;

use onhand_wire::order::{Lane, OrderState};
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    core::Collector,
};

use crate::store::orders::TakenIn;

pub(super) struct LaneMetrics {
    leading: IntGauge,
    taken_in: IntCounterVec,
    repeated: IntCounter,
    reused: IntCounter,
    expired: IntCounter,
    processed: IntCounter,
    success: IntCounter,
    failed: IntCounter,
    sold_out: IntCounter,
    outcomes: IntCounterVec,
    set_aside: IntCounter,
    dead: IntCounter,
    dead_by_cause: IntCounterVec,
    seconds: Histogram,
    dlq_size: IntGauge,
    dlq_age: Gauge,
    lag: IntGaugeVec,
    lag_seconds: GaugeVec,
    paused: IntGaugeVec,
    payments: IntCounterVec,
    told: IntCounterVec,
    notices: IntGaugeVec,
}

struct Registering<'a>(&'a Registry);

impl Registering<'_> {
    fn add<C: Collector + Clone + 'static>(&self, collector: prometheus::Result<C>) -> C {
        let collector = collector.expect("names and labels are constants");
        self.0.register(Box::new(collector.clone())).expect("each name is registered once");
        collector
    }

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.add(IntCounter::new(name, help))
    }

    fn counters(&self, name: &str, help: &str, label: &str) -> IntCounterVec {
        self.add(IntCounterVec::new(Opts::new(name, help), &[label]))
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.add(IntGauge::new(name, help))
    }

    fn gauges(&self, name: &str, help: &str, label: &str) -> IntGaugeVec {
        self.add(IntGaugeVec::new(Opts::new(name, help), &[label]))
    }
}

impl LaneMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let r = Registering(registry);
        let buckets = prometheus::exponential_buckets(0.001, 2.0, 15).expect("valid buckets");
        let seconds = HistogramOpts::new(
            "processor_order_processing_duration_seconds",
            "From an order's turn to its decision's commit.",
        );
        let metrics = Self {
            leading: r.gauge("processor_leading", "1 while this replica works on the order lanes."),
            taken_in: r.counters("processor_orders_taken_in_total", "Orders taken in, by lane.", "lane"),
            repeated: r.counter("processor_orders_repeated_total", "Records of orders that were taken in before."),
            reused: r.counter(
                "processor_orders_key_reused_total",
                "Records with another body under a key that an order has; the first one stands.",
            ),
            expired: r.counter(
                "processor_orders_expired_total",
                "Records that their log no longer had when they were to be taken in.",
            ),
            processed: r.counter("processor_orders_processed_total", "Orders decided."),
            success: r.counter("processor_orders_processed_success_total", "Orders for which stock is held."),
            failed: r.counter(
                "processor_orders_processed_failed_total",
                "Orders that failed: rejected, not paid, or dead letters.",
            ),
            sold_out: r.counter("processor_orders_sold_out_total", "Orders for which there was not enough stock."),
            outcomes: r.counters("processor_orders_outcomes_total", "Orders decided, by state.", "state"),
            set_aside: r.counter(
                "processor_orders_set_aside_total",
                "Times that an order left its line for a fault of its own, to be tried again.",
            ),
            dead: r.counter("processor_orders_moved_to_dlq_total", "Orders that became dead letters."),
            dead_by_cause: r.counters("processor_orders_dead_lettered_total", "The same, by cause.", "cause"),
            seconds: r.add(Histogram::with_opts(seconds.buckets(buckets))),
            dlq_size: r.gauge("processor_dlq_size", "Dead letters."),
            dlq_age: r.add(Gauge::new("processor_dlq_oldest_message_age_seconds", "Since the oldest of them failed.")),
            lag: r.gauges("processor_lane_lag_orders", "Orders taken in and not decided, by lane.", "lane"),
            lag_seconds: r.add(GaugeVec::new(
                Opts::new("processor_lane_lag_seconds", "Since the oldest of them was accepted, by lane."),
                &["lane"],
            )),
            paused: r.gauges("processor_lane_paused", "1 while the lane is paused.", "lane"),
            payments: r.counters(
                "processor_payments_total",
                "Calls to the payment hook, by what came of them.",
                "outcome",
            ),
            told: r.counters(
                "processor_notices_total",
                "Calls that told a webhook of an order's decision, by what came of them.",
                "outcome",
            ),
            notices: r.gauges(
                "processor_notices",
                "Notices of decisions that wait (pending), or were given up in the last seven days (failed).",
                "state",
            ),
        };
        // A rate needs a value before the first event.
        for outcome in ["sent", "again", "given_up"] {
            metrics.told.with_label_values(&[outcome]);
        }
        for outcome in ["approved", "declined", "unknown", "voided", "again"] {
            metrics.payments.with_label_values(&[outcome]);
        }
        metrics
    }

    /// What came of telling a webhook of a decision.
    pub(super) fn told(&self, outcome: &str) {
        self.told.with_label_values(&[outcome]).inc();
    }

    pub(super) fn notices(&self, pending: i64, failed: i64) {
        self.notices.with_label_values(&["pending"]).set(pending);
        self.notices.with_label_values(&["failed"]).set(failed);
    }

    /// What came of a call to the payment hook.
    pub(super) fn paid(&self, outcome: &str) {
        self.payments.with_label_values(&[outcome]).inc();
    }

    pub(super) fn payment_failed(&self) {
        self.failed.inc();
        self.outcomes.with_label_values(&[OrderState::PaymentFailed.as_str()]).inc();
    }

    pub(super) fn leads(&self, leads: bool) {
        self.leading.set(leads.into());
    }

    pub(super) fn taken_in(&self, lane: Lane, taken: &TakenIn) {
        self.taken_in.with_label_values(&[lane.as_str()]).inc_by(taken.new as u64);
        self.repeated.inc_by(taken.repeated as u64);
        self.reused.inc_by(taken.reused as u64);
    }

    pub(super) fn expired(&self, records: i64) {
        self.expired.inc_by(u64::try_from(records).unwrap_or_default());
    }

    pub(super) fn processed(&self, _lane: Lane, state: OrderState, took: Duration) {
        self.processed.inc();
        self.outcomes.with_label_values(&[state.as_str()]).inc();
        self.seconds.observe(took.as_secs_f64());
        match state {
            OrderState::Confirmed | OrderState::Processing => self.success.inc(),
            OrderState::SoldOut => self.sold_out.inc(),
            _ => self.failed.inc(),
        }
    }

    pub(super) fn set_aside(&self) {
        self.set_aside.inc();
    }

    pub(super) fn dead_lettered(&self, cause: &str) {
        self.failed.inc();
        self.dead.inc();
        self.dead_by_cause.with_label_values(&[cause]).inc();
    }

    pub(super) fn letters(&self, size: i64, oldest: Duration) {
        self.dlq_size.set(size);
        self.dlq_age.set(oldest.as_secs_f64());
    }

    pub(super) fn lag(&self, lane: Lane, orders: i64, oldest: Duration, paused: bool) {
        let label = &[lane.as_str()];
        self.lag.with_label_values(label).set(orders);
        self.lag_seconds.with_label_values(label).set(oldest.as_secs_f64());
        self.paused.with_label_values(label).set(paused.into());
    }
}
