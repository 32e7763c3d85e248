//! `/health`: for people, not for probes. Dependencies that are not configured are `null`.

use std::sync::atomic::Ordering;

use http::StatusCode;
use serde::Serialize;

use super::{Reply, json};
use crate::{freshness::Mode, node::Node, origin::Way};

#[derive(Serialize)]
struct Health<'a> {
    status: &'a str,
    redis: Option<bool>,
    kafka: Option<bool>,
    origin: bool,
    /// The order lanes', where it is not closed; else that of callers' own calls to the origin.
    circuit_breaker_state: &'a str,
    orders_circuit_breaker_state: Option<&'a str>,
    loads_circuit_breaker_state: &'a str,
    mode: &'a str,
    as_of: Option<onhand_wire::Timestamp>,
    /// The highest that the feed or an origin has told; none before the first watermark.
    term: Option<u16>,
    region: &'a str,
    version: &'a str,
}

pub(super) fn report(node: &Node) -> Reply {
    let redis = node.l2.is_some().then(|| node.redis_answers.load(Ordering::Relaxed));
    let kafka = node.kafka.then(|| node.position.connected());
    let origin = node.origin.reachable();
    let mode = node.mode();
    let good = redis != Some(false) && kafka != Some(false) && origin && mode != Mode::Unavailable && node.is_ready();
    let health = Health {
        status: if good { "healthy" } else { "unhealthy" },
        redis,
        kafka,
        origin,
        circuit_breaker_state: node.breaker().as_str(),
        orders_circuit_breaker_state: node.orders.as_ref().map(|orders| orders.breaker().as_str()),
        loads_circuit_breaker_state: node.origin.breaker(Way::Loads).as_str(),
        mode: mode.as_str(),
        as_of: node.freshness.as_of().map(|as_of| as_of.t),
        term: Some(node.freshness.terms().term).filter(|term| *term > 0),
        region: &node.region,
        version: &node.build,
    };
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, serde_json::to_vec(&health).expect("plain data encodes"))
}
