//! One named function for each metric. Handles of labelled metrics are kept.

mod audit_verdict;
mod orders;

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use http::Method;
use onhand_http::{auth::refusal, connections::Refusal, vitals::Calls};
use onhand_wire::Code;
use prometheus::{
    Encoder, Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder, proto::MetricFamily,
};

use crate::tier::Tier;

pub(crate) use audit_verdict::AuditVerdict;
use orders::OrderMetrics;

/// Seconds, from a cache hit to a slow origin.
const SECONDS: &[f64] = &[
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
    0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The route of a lookup of one SKU.
pub(crate) const LOOKUP: &str = "/v1/availability/{sku}";

pub(crate) struct Metrics {
    registry: Registry,
    calls: Calls,
    /// Of `calls`, the one that counts most.
    lookups_answered: IntCounter,
    lookups: [IntCounter; 3],
    lookup_seconds: Histogram,
    request_failures: IntCounterVec,
    tokens_refused: IntCounterVec,
    writes: IntCounterVec,
    streams: IntGauge,
    stream_events: IntCounter,
    streams_ended: IntCounterVec,
    as_of_age: Gauge,
    mode: IntGauge,
    propagation: Histogram,
    l1_entries: IntGauge,
    unknown_entries: IntGauge,
    waiting: IntGauge,
    recent_entries: IntGauge,
    origin_loads: IntCounter,
    origin_load_skus: IntCounter,
    redis_up: IntGauge,
    feed_connected: IntGauge,
    origin_reachable: IntGauge,
    /// Of calls, then of loads.
    origin_breakers: [IntGauge; 2],
    origin_hedges: IntCounter,
    token_changes: IntCounterVec,
    token_refused: IntCounter,
    forwarded: IntGauge,
    queued: IntGauge,
    connections: IntGauge,
    connections_refused: IntCounter,
    rate_limited: IntCounterVec,
    rate_limit_local: IntCounter,
    l2_hits: IntCounter,
    l2_misses: IntCounter,
    l2_failures: IntCounter,
    l2_fills: IntCounter,
    l2_fills_rejected: IntCounter,
    l2_written: IntCounter,
    orders: OrderMetrics,
    feed_records: IntCounter,
    feed_undecodable: IntCounter,
    auth_keys: IntGauge,
    auth_failing: IntGauge,
    auth_refresh_failures: IntGauge,
    auth_keys_age: IntGauge,
    auth_keys_too_old: IntGauge,
    l2_breaker: IntGauge,
    audited: [IntCounter; 3],
    nines: Gauge,
    cache_gets: IntCounterVec,
    /// One reading at a time, because the counters above are added up again for each.
    gathering: Mutex<()>,
}

/// What is read off the node when the page is asked for.
pub(crate) struct Gauges {
    pub(crate) as_of_age: Duration,
    pub(crate) mode: i64,
    pub(crate) l1_entries: u64,
    pub(crate) unknown_entries: u64,
    /// SKUs that callers wait for.
    pub(crate) waiting: usize,
    pub(crate) recent_entries: usize,
    /// None: there is none.
    pub(crate) redis: Option<bool>,
    /// None: it is inside the process.
    pub(crate) kafka: Option<bool>,
    pub(crate) origin: bool,
    /// Of calls, then of loads.
    pub(crate) breakers: [i64; 2],
    pub(crate) forwarded: usize,
    pub(crate) queued: usize,
    pub(crate) connections: usize,
    /// Of the order lanes, or of calls to the origin.
    pub(crate) breaker: i64,
    pub(crate) l2_breaker: i64,
    pub(crate) auth: onhand_http::auth::Standing,
}

struct Registering(Registry);

impl Registering {
    fn add<C: prometheus::core::Collector + Clone + 'static>(&self, collector: prometheus::Result<C>) -> C {
        let collector = collector.expect("names and labels are constants");
        self.0.register(Box::new(collector.clone())).expect("each name is registered once");
        collector
    }

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.add(IntCounter::new(name, help))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.add(IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.add(IntGauge::new(name, help))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.add(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    fn seconds(&self, name: &str, help: &str) -> Histogram {
        self.add(Histogram::with_opts(HistogramOpts::new(name, help).buckets(SECONDS.to_vec())))
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let r = Registering(Registry::new());
        let lookups = r.counters("edge_lookups_total", "SKUs answered, by the tier that had them", &["source"]);
        let breakers = r.gauges(
            "edge_origin_breaker_state",
            "0 closed, 1 open, 2 half-open; for callers' own calls and for the node's loads",
            &["of"],
        );
        let calls = Calls::new(&r.0, "edge_calls_total").expect("the name is a constant");
        let audited = r.counters("edge_audit_answers_total", "Answers compared with the origin", &["verdict"]);
        let metrics = Self {
            lookups_answered: calls.of(LOOKUP, &Method::GET, 200),
            calls,
            lookups: [Tier::L1, Tier::L2, Tier::Origin].map(|tier| lookups.with_label_values(&[tier.as_str()])),
            lookup_seconds: r.seconds("edge_lookup_duration_seconds", "Time to answer one lookup request"),
            request_failures: r.counters("edge_problems_total", "Requests answered with a problem", &["code"]),
            tokens_refused: r.counters(
                "edge_tokens_refused_total",
                "Calls refused for their token, by reason",
                &["reason"],
            ),
            writes: r.counters("edge_writes_total", "Reservation calls forwarded, by status", &["status"]),
            streams: r.gauge("edge_streams", "Streams open"),
            stream_events: r.counter("edge_stream_events_total", "States of SKUs sent to streams"),
            streams_ended: r.counters(
                "edge_streams_ended_total",
                "Streams ended, by reason; left: by the reader",
                &["reason"],
            ),
            as_of_age: r.add(Gauge::new("edge_as_of_age_seconds", "Staleness of the node, without clock skew")),
            mode: r.gauge("edge_mode", "0 live, 1 catching up, 2 stale, 3 unavailable"),
            propagation: r.seconds("edge_propagation_seconds", "From a change at the origin to its arrival here"),
            l1_entries: r.gauge("edge_l1_entries", "SKUs in L1"),
            unknown_entries: r.gauge("edge_l1_unknown_entries", "Unknown names that are remembered"),
            waiting: r.gauge("edge_waiting_skus", "SKUs that callers wait for, each counted once for each caller"),
            recent_entries: r.gauge("edge_recent_entries", "SKUs in recent"),
            redis_up: r.gauge("edge_redis_up", "1 while Redis answers; also where none is configured"),
            feed_connected: r
                .gauge("edge_feed_connected", "1 while a broker of the feed is connected; also without Kafka"),
            origin_reachable: r.gauge("edge_origin_reachable", "1 while the last try to reach the origin succeeded"),
            origin_loads: r.counter("edge_origin_loads_total", "Bulk loads sent to the origin"),
            origin_load_skus: r.counter("edge_origin_load_skus_total", "SKUs asked for in bulk loads"),
            origin_breakers: ["calls", "loads"].map(|of| breakers.with_label_values(&[of])),
            origin_hedges: r
                .counter("edge_origin_hedges_total", "Loads sent to a second origin because the first was slow"),
            token_changes: r.counters(
                "edge_origin_token_changes_total",
                "Changes of edge.origin.token_file; refused: it held no valid token, and the old one stays",
                &["outcome"],
            ),
            token_refused: r.counter(
                "edge_origin_token_refused_total",
                "The edge's own calls that the origin answered with 401 or 403",
            ),
            forwarded: r.gauge("edge_forwarded_calls", "Callers' own calls under way to the origin"),
            queued: r.gauge("edge_queued_calls", "POSTs that wait for their turn at the processor"),
            connections: r.gauge("edge_connections", "Connections open at the public listener"),
            connections_refused: r.counter("edge_connections_refused_total", "Connections beyond http.max_connections"),
            rate_limited: r.counters("edge_rate_limited_total", "Requests refused with 429, by limit", &["limit"]),
            rate_limit_local: r.counter(
                "edge_rate_limit_local_total",
                "Requests that this node counted by itself, because Redis was gone or too slow",
            ),
            l2_hits: r.counter("edge_l2_hits_total", "Reads of L2 that were used"),
            l2_misses: r.counter("edge_l2_misses_total", "Reads of L2 that found nothing valid"),
            l2_failures: r.counter("edge_l2_failures_total", "Round trips to Redis that failed or were too slow"),
            l2_fills: r.counter("edge_l2_fills_total", "SKUs filled into L2"),
            l2_fills_rejected: r.counter(
                "edge_l2_fills_rejected_total",
                "Fills skipped: too many waiting, Redis failing, or the partition's writer further than this node",
            ),
            l2_written: r.counter("edge_l2_written_total", "Changes written to L2 by this node's writer"),
            orders: OrderMetrics::new(&r),
            feed_records: r.counter("edge_feed_records_total", "Records read from the change feed"),
            feed_undecodable: r.counter("edge_feed_undecodable_total", "Records that could not be decoded"),
            auth_keys: r.gauge("edge_auth_keys", "Public keys that judge tokens"),
            auth_failing: r.gauge("edge_auth_refresh_failing", "1 while the keys cannot be refreshed"),
            auth_refresh_failures: r.gauge("edge_auth_refresh_failures", "Failed refreshes of the keys, since start"),
            auth_keys_age: r.gauge(
                "edge_auth_keys_age_seconds",
                "Time since the keys were last read: from auth.jwks_url if it is set, else from the file",
            ),
            auth_keys_too_old: r.gauge(
                "edge_auth_keys_too_old",
                "1 while the keys of auth.jwks_url are not used, not having been fetched for auth.max_stale",
            ),
            l2_breaker: r.gauge("edge_l2_breaker_state", "0 closed, 1 open, 2 half-open: reads of L2 are then misses"),
            audited: AuditVerdict::ALL.map(|verdict| audited.with_label_values(&[verdict.as_str()])),
            nines: r.add(Gauge::new(
                "edge_audit_nines",
                "Nines of consistency that the audit shows: -log10((violations + 1) / (decided + 1))",
            )),
            cache_gets: r.counters("cache_gets_total", "Lookups of a cache, by what they found", &["cache", "result"]),
            gathering: Mutex::default(),
            registry: r.0,
        };
        metrics.begin();
        metrics
    }

    /// Series whose labels are known stand on the page from the start: a rate needs a value before the first event.
    fn begin(&self) {
        for code in
            [Code::OriginUnavailable, Code::Overloaded, Code::RateLimited, Code::DeadlineExceeded, Code::Internal]
        {
            self.request_failures.with_label_values(&[code.as_str()]);
        }
        refusal::words().for_each(|reason| drop(self.tokens_refused.with_label_values(&[reason])));
        for status in ["201", "200", "409", "503"] {
            self.writes.with_label_values(&[status]);
        }
        for outcome in ["taken", "refused"] {
            self.token_changes.with_label_values(&[outcome]);
        }
        for limit in ["orders", "lookups", "reservations", "connections"] {
            self.rate_limited.with_label_values(&[limit]);
        }
        self.streams_ended.with_label_values(&["left"]);
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// `route`: one of the router's.
    pub(crate) fn answered(&self, route: &str, method: &Method, status: u16) {
        if status == 200 && route == LOOKUP && method == Method::GET {
            self.lookups_answered.inc();
        } else {
            self.calls.answered(route, method, status);
        }
    }

    pub(crate) fn looked_up(&self, tier: Tier, skus: usize) {
        self.lookups[tier as usize].inc_by(skus as u64);
    }

    pub(crate) fn lookup_took(&self, time: Duration) {
        self.lookup_seconds.observe(time.as_secs_f64());
    }

    pub(crate) fn caller_refused(&self, reason: &str) {
        self.tokens_refused.with_label_values(&[reason]).inc();
    }

    pub(crate) fn problem(&self, code: &str) {
        self.request_failures.with_label_values(&[code]).inc();
    }

    pub(crate) fn wrote(&self, status: u16) {
        self.writes.with_label_values(&[&status.to_string()]).inc();
    }

    pub(crate) fn stream_opened(&self) {
        self.streams.inc();
    }

    pub(crate) fn stream_event(&self) {
        self.stream_events.inc();
    }

    pub(crate) fn stream_ended(&self, reason: &str) {
        self.streams.dec();
        self.streams_ended.with_label_values(&[reason]).inc();
    }

    pub(crate) fn propagation(&self, time: Duration) {
        self.propagation.observe(time.as_secs_f64());
    }

    pub(crate) fn origin_load(&self, skus: usize) {
        self.origin_loads.inc();
        self.origin_load_skus.inc_by(skus as u64);
    }

    pub(crate) fn origin_hedged(&self) {
        self.origin_hedges.inc();
    }

    pub(crate) fn token_changed(&self, outcome: &str) {
        self.token_changes.with_label_values(&[outcome]).inc();
    }

    pub(crate) fn token_refused(&self) {
        self.token_refused.inc();
    }

    pub(crate) fn connection_refused(&self, refusal: Refusal) {
        self.connections_refused.inc();
        if refusal == Refusal::BeyondShare {
            self.rate_limited("connections");
        }
    }

    pub(crate) fn rate_limited(&self, limit: &str) {
        self.rate_limited.with_label_values(&[limit]).inc();
    }

    pub(crate) fn rate_limit_local(&self) {
        self.rate_limit_local.inc();
    }

    pub(crate) fn l2_read(&self, counted: bool) {
        if counted { self.l2_hits.inc() } else { self.l2_misses.inc() }
    }

    pub(crate) fn l2_failure(&self) {
        self.l2_failures.inc();
    }

    pub(crate) fn l2_filled(&self, filled: usize, rejected: usize) {
        self.l2_fills.inc_by(filled as u64);
        self.l2_fills_rejected.inc_by(rejected as u64);
    }

    pub(crate) fn l2_fill_rejected(&self) {
        self.l2_fills_rejected.inc();
    }

    pub(crate) fn l2_written(&self, changes: usize) {
        self.l2_written.inc_by(changes as u64);
    }

    pub(crate) fn audited(&self, verdict: AuditVerdict) {
        self.audited[verdict as usize].inc();
    }

    /// No more than what was audited can show: 999 agreements and no violation are three nines.
    fn nines_shown(&self) -> f64 {
        let [agreements, violations, _] = AuditVerdict::ALL.map(|verdict| self.audited[verdict as usize].get() as f64);
        ((agreements + violations + 1.0) / (violations + 1.0)).log10()
    }

    pub(crate) fn feed_record(&self) {
        self.feed_records.inc();
    }

    pub(crate) fn feed_undecodable(&self) {
        self.feed_undecodable.inc();
    }

    /// What the tiers counted, under the name that Spring has for it: the request path counts once.
    fn count_cache_gets(&self) {
        let [l1, l2, origin] = [Tier::L1, Tier::L2, Tier::Origin].map(|tier| self.lookups[tier as usize].get());
        let all = [
            (["l1", "hit"], l1),
            (["l1", "miss"], l2 + origin),
            (["l2", "hit"], self.l2_hits.get()),
            (["l2", "miss"], self.l2_misses.get()),
        ];
        for (labels, count) in all {
            let counter = self.cache_gets.with_label_values(&labels);
            counter.inc_by(count.saturating_sub(counter.get()));
        }
    }

    /// Everything, as it is now.
    pub(crate) fn gather(&self, gauges: &Gauges) -> Vec<MetricFamily> {
        let _alone = self.gathering.lock().unwrap_or_else(PoisonError::into_inner);
        self.count_cache_gets();
        self.as_of_age.set(gauges.as_of_age.as_secs_f64());
        self.mode.set(gauges.mode);
        self.l1_entries.set(i64::try_from(gauges.l1_entries).unwrap_or(i64::MAX));
        self.unknown_entries.set(i64::try_from(gauges.unknown_entries).unwrap_or(i64::MAX));
        self.waiting.set(i64::try_from(gauges.waiting).unwrap_or(i64::MAX));
        self.recent_entries.set(i64::try_from(gauges.recent_entries).unwrap_or(i64::MAX));
        self.redis_up.set(gauges.redis.unwrap_or(true).into());
        self.feed_connected.set(gauges.kafka.unwrap_or(true).into());
        self.origin_reachable.set(gauges.origin.into());
        self.origin_breakers.iter().zip(gauges.breakers).for_each(|(gauge, state)| gauge.set(state));
        self.forwarded.set(i64::try_from(gauges.forwarded).unwrap_or(i64::MAX));
        self.queued.set(i64::try_from(gauges.queued).unwrap_or(i64::MAX));
        self.connections.set(i64::try_from(gauges.connections).unwrap_or(i64::MAX));
        self.l2_breaker.set(gauges.l2_breaker);
        self.orders.breaker.set(gauges.breaker);
        self.nines.set(self.nines_shown());
        self.auth_keys.set(i64::try_from(gauges.auth.keys).unwrap_or(i64::MAX));
        self.auth_failing.set(gauges.auth.failing.into());
        self.auth_refresh_failures.set(i64::try_from(gauges.auth.failed_refreshes).unwrap_or(i64::MAX));
        self.auth_keys_age.set(i64::try_from(gauges.auth.age.as_secs()).unwrap_or(i64::MAX));
        self.auth_keys_too_old.set(gauges.auth.too_old.into());
        self.registry.gather()
    }

    /// The page that Prometheus reads.
    pub(crate) fn page(&self, gauges: &Gauges) -> Vec<u8> {
        let mut page = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.gather(gauges), &mut page) {
            tracing::error!(%error, "the metrics page cannot be written");
        }
        page
    }
}
