//! `[edge.limits]`: how much of the node one caller may use, and how much all of them together.

use onhand_http::{
    rate::RateConfig,
    setting::{Span, count_fault},
};
use onhand_wire::limits;
use serde::{Deserialize, Serialize};

/// The limits beyond which calls are refused.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// For `POST /v1/orders`, for each token's subject. Also set by `RATE_LIMIT_MAX_REQUESTS` and `RATE_LIMIT_WINDOW`.
    pub orders: RateConfig,
    /// For lookups and quotes, for each subject, or for each address of callers without a token.
    pub lookups: RateConfig,
    /// For everything under `/v1/reservations`, for each subject.
    pub reservations: RateConfig,
    /// How many of your proxies are in front of the node and add to `X-Forwarded-For`: the caller's address is the one
    /// that the outermost of them saw. With 0 it is the connection's own.
    pub trusted_proxies: usize,
    /// How many callers the node itself remembers for each limit; beyond that, it forgets those that it has not seen
    /// for longest.
    pub callers: u64,
    /// POSTs that may wait for their turn at the processor; one more is answered 503 overloaded.
    pub queue: usize,
    /// How long the last of them should wait at the queue's present pace; beyond that, 503 overloaded.
    pub queue_time: Span,
    /// Callers' own calls (writes, and reads of reservations) that may be under way to the origin; one more is answered
    /// 503 overloaded.
    pub forwarded: usize,
    /// Lookups with `reservation` that may wait for the origin at once, because nothing is cached for them; one more is
    /// answered 503 overloaded.
    pub reservation_lookups: usize,
    /// How many of these one token's subject may have waiting; one more is answered 429 rate_limited. 0 means no limit
    /// except the node's.
    pub reservation_lookups_per_caller: usize,
    /// SKUs that may wait to be loaded, each counted once for each caller, however many of its requests wait for it;
    /// beyond that, 503 overloaded.
    pub misses: usize,
    /// How many of these one caller may wait for (a token's subject, or the address of a caller without a valid token).
    /// Names that turn out to be unknown count too. Beyond that, 429 rate_limited; 0 means no limit except the node's.
    pub misses_per_caller: usize,
    /// How many of `edge.streams` one caller may have open; one more is answered 429 rate_limited. 0 means no limit
    /// except the node's.
    pub streams_per_caller: usize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            orders: RateConfig::of_orders(),
            lookups: RateConfig::default(),
            reservations: RateConfig::default(),
            trusted_proxies: 0,
            callers: 100_000,
            queue: 512,
            queue_time: Span::ms(250),
            forwarded: 2048,
            reservation_lookups: 256,
            reservation_lookups_per_caller: 25,
            misses: 50_000,
            misses_per_caller: 5_000,
            streams_per_caller: 1_000,
        }
    }
}

impl LimitsConfig {
    /// What is wrong with it, key by key.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (name, rate) in [("orders", self.orders), ("lookups", self.lookups), ("reservations", self.reservations)] {
            faults.extend(rate.fault(&format!("edge.limits.{name}")));
        }
        faults.extend(count_fault("edge.limits.queue", self.queue == 0));
        faults.extend(count_fault("edge.limits.forwarded", self.forwarded == 0));
        faults.extend(count_fault("edge.limits.reservation_lookups", self.reservation_lookups == 0));
        faults.extend(count_fault("edge.limits.callers", self.callers == 0));
        if self.queue_time < Span::ms(1) {
            faults.push("edge.limits.queue_time: must be 1ms or more".to_owned());
        }
        if self.misses < limits::QUERY_SKUS {
            faults.push(format!("edge.limits.misses: must be {} or more, one query's", limits::QUERY_SKUS));
        }
        if (1..limits::QUERY_SKUS).contains(&self.misses_per_caller) {
            let least = limits::QUERY_SKUS;
            faults.push(format!("edge.limits.misses_per_caller: must be 0 or {least} or more, one query's"));
        }
        faults
    }
}
