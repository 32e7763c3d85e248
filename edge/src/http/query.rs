//! `POST /v1/availability/query`: up to 500 SKUs; their bodies are concatenated, not rendered again.

use std::time::Instant;

use http::StatusCode;
use onhand_http::{body::require_json, query::no_parameters};
use onhand_wire::{
    Problem, Sku, Timestamp,
    request::{self, AvailabilityQuery},
};

use super::{
    Asked, Failure, Reply,
    ask::Query,
    availability::{Moment, mark_stale},
    whole,
};
use crate::{cache::Loaded, node::Node, tier::Tier, topology::Snapshot, view, view::Ask};

/// How many SKUs are rendered before other requests of the thread have their turn.
const RENDERED_AT_ONCE: usize = 4;

pub(super) async fn post(node: &Node, asked: Asked<'_>) -> Result<Reply, Failure> {
    let began = Instant::now();
    let peer = asked.peer;
    let (head, content) = asked.request.into_parts();
    node.auth.may_read(&head.headers)?;
    no_parameters(head.uri.query())?;
    require_json(&head.headers)?;
    let content = whole(node, content).await?;
    let AvailabilityQuery { skus, channel, locations } = request::read(&content)?;
    let query = Query::of_names(channel, locations);
    let moment = Moment::begin(node, &head.headers, Instant::now()).await?;
    let snapshot = node.topology.snapshot();
    let ask = query.resolve(&snapshot)?;
    let loaded = node.cache.all(&skus, &moment.need, || super::asking(node, &head.headers, peer).caller()).await?;
    let shown = shown(node, &skus, ask, &snapshot, &loaded).await?;
    let reply = promised(node, &moment, &skus, &loaded, shown);
    node.metrics.lookup_took(began.elapsed());
    Ok(reply)
}

async fn shown(
    node: &Node,
    skus: &[Sku],
    ask: Ask<'_>,
    snapshot: &Snapshot,
    loaded: &[Loaded],
) -> Result<Reply, Problem> {
    let mut body = Vec::with_capacity(64 + loaded.len() * 384);
    body.extend_from_slice(br#"{"items":["#);
    let mut unknown: Vec<&Sku> = Vec::new();
    // One answer uses one set of releases.
    let rules = node.rules.pinned();
    let (release, has_view) = (rules.release(), rules.has_view());
    for ((sku, loaded), at) in skus.iter().zip(loaded).zip(1..) {
        // Rules may use their whole deadline for each SKU, so other requests have their turn in between.
        if has_view && at % RENDERED_AT_ONCE == 0 {
            tokio::task::yield_now().await;
        }
        if body.last() == Some(&b'}') {
            body.push(b',');
        }
        if !view::append(&loaded.entry, ask, snapshot, &rules, release, &mut body) {
            sku.check_spelling().map_err(|right| Problem::field(&format!("skus[{}]", at - 1), right))?;
            unknown.push(sku);
        }
    }
    if body.last() == Some(&b',') {
        body.pop();
    }
    body.extend_from_slice(br#"],"unknown":"#);
    serde_json::to_writer(&mut body, &unknown).expect("plain data encodes");
    body.push(b'}');
    Ok(super::json(StatusCode::OK, body))
}

/// Headers with the as-of that an answer with all these may claim; also counts them as lookups.
pub(super) fn promised(node: &Node, moment: &Moment, skus: &[Sku], loaded: &[Loaded], mut reply: Reply) -> Reply {
    for tier in [Tier::L1, Tier::L2, Tier::Origin] {
        node.metrics.looked_up(tier, loaded.iter().filter(|loaded| loaded.tier == tier).count());
    }
    let as_of = earned(node, moment, loaded);
    moment.show(&mut reply, as_of, worst(loaded));
    node.sampler.offer_one_of(skus, loaded, as_of);
    if loaded.iter().any(|loaded| loaded.superseded) {
        mark_stale(&mut reply);
    }
    reply
}

/// The least as-of that the answers may claim.
fn earned(node: &Node, moment: &Moment, loaded: &[Loaded]) -> Timestamp {
    loaded.iter().map(|loaded| moment.earned(node, loaded.at)).min().unwrap_or(moment.as_of.t)
}

/// The furthest tier that was asked.
fn worst(loaded: &[Loaded]) -> Tier {
    loaded.iter().map(|loaded| loaded.tier).max().unwrap_or(Tier::L1)
}
