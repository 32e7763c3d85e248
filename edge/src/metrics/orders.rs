//! Orders, by the names that the flash-sale runbook has for them.

use std::time::Duration;

use onhand_wire::{Code, Problem};
use prometheus::{Histogram, IntCounter, IntGauge};

use super::{Metrics, Registering};

pub(super) struct OrderMetrics {
    received: IntCounter,
    successful: IntCounter,
    failed: IntCounter,
    invalid: IntCounter,
    idempotency: IntCounter,
    seconds: Histogram,
    pub(super) breaker: IntGauge,
}

impl OrderMetrics {
    pub(super) fn new(r: &Registering) -> Self {
        Self {
            received: r.counter("gateway_orders_received_total", "Orders that callers sent"),
            successful: r.counter("gateway_orders_successful_total", "Orders accepted: 202, and in their lane"),
            failed: r.counter("gateway_orders_failed_total", "Orders not accepted, or not known to be: 503 and 504"),
            invalid: r.counter("gateway_orders_validation_failed_total", "Orders refused for what they say"),
            idempotency: r.counter(
                "gateway_orders_idempotency_rejected_total",
                "Calls under a key that an order has: the same one again, or another one",
            ),
            seconds: r.seconds("gateway_request_duration_seconds", "Time to answer one order"),
            breaker: r.gauge(
                "gateway_circuit_breaker_state",
                "0 closed, 1 open, 2 half-open; of the order lanes, else of calls to the origin",
            ),
        }
    }
}

impl Metrics {
    pub(crate) fn order_received(&self) {
        self.orders.received.inc();
    }

    pub(crate) fn order_accepted(&self) {
        self.orders.successful.inc();
    }

    pub(crate) fn order_repeated(&self) {
        self.orders.idempotency.inc();
    }

    pub(crate) fn order_failed(&self) {
        self.orders.failed.inc();
    }

    pub(crate) fn order_refused(&self, problem: &Problem) {
        match problem.code {
            Code::IdempotencyKeyReused => self.orders.idempotency.inc(),
            code if code.status() < 500 => self.orders.invalid.inc(),
            _ => self.orders.failed.inc(),
        }
    }

    pub(crate) fn order_took(&self, time: Duration) {
        self.orders.seconds.observe(time.as_secs_f64());
    }
}
