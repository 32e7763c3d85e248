//! Callers that look up: one SKU or all, now and then with a bound, and now and then after L1 was
//! emptied, so that loads from L2 and from the origin race with changes.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use onhand_checker::{Answer, Asked, versions};
use onhand_harness::Reply;
use onhand_wire::{
    Sku, Timestamp,
    availability::{Answers, Availability},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use reqwest::Method;
use serde_json::json;

use super::load::Shared;

const PAUSE: Duration = Duration::from_millis(1);

pub async fn read(shared: Arc<Shared>, node: usize, seed: usize) {
    let mut rng = StdRng::seed_from_u64(seed as u64);
    while !shared.stopped() {
        let plain = shared.from_cache_only.load(Ordering::Relaxed);
        if !plain && rng.random_ratio(1, 100) {
            clear(&shared, node).await;
        }
        let bound = (!plain && rng.random_ratio(1, 20)).then_some("30");
        if rng.random_ratio(1, 4) {
            all(&shared, node, bound).await;
        } else {
            let sku = shared.skus[rng.random_range(0..shared.skus.len())].clone();
            one(&shared, node, sku, bound).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn clear(shared: &Shared, node: usize) {
    let edge = &shared.edges[node];
    let call = edge.management.call(Method::DELETE, "/actuator/caches/l1").header("authorization", &edge.operator);
    let _an_edge_that_is_down_has_nothing_to_clear = call.try_send().await;
}

async fn one(shared: &Shared, node: usize, sku: Sku, bound: Option<&str>) {
    let mut call = shared.edges[node].public.call(Method::GET, &format!("/v1/availability/{sku}"));
    if let Some(ms) = bound {
        call = call.header("onhand-max-staleness", ms);
    }
    let (asked, began) = (shared.checker.asking(), Instant::now());
    let Some(reply) = answered(call.try_send().await) else { return };
    if reply.header("onhand-source") == Some("l1") {
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        shared.hits.lock().unwrap().saturating_record(micros);
    }
    let item: Availability = serde_json::from_slice(&reply.body).expect("an availability");
    judge(shared, node, asked, &reply, &[sku], &[item]);
}

async fn all(shared: &Shared, node: usize, bound: Option<&str>) {
    let mut call = shared.edges[node].public.call(Method::POST, "/v1/availability/query");
    if let Some(ms) = bound {
        call = call.header("onhand-max-staleness", ms);
    }
    let asked = shared.checker.asking();
    let Some(reply) = answered(call.json(json!({"skus": shared.skus})).try_send().await) else { return };
    let items: Answers = serde_json::from_slice(&reply.body).expect("answers");
    judge(shared, node, asked, &reply, &shared.skus, &items.items);
}

/// What an edge does show must be right; it may be down, or say that it cannot tell.
fn answered(reply: Result<Reply, reqwest::Error>) -> Option<Reply> {
    let reply = reply.ok()?;
    assert!(matches!(reply.status, 200 | 503 | 504), "{}: {}", reply.url, reply.text());
    assert!(reply.status == 200 || reply.header("retry-after").is_some(), "{}", reply.text());
    (reply.status == 200).then_some(reply)
}

fn judge(shared: &Shared, node: usize, asked: Asked, reply: &Reply, skus: &[Sku], items: &[Availability]) {
    let as_of = reply.header("onhand-as-of").and_then(Timestamp::parse).expect("every lookup tells its as-of");
    let stale = reply.header("onhand-stale").is_some();
    let shown: HashMap<_, _> = versions(items);
    shared.checker.answered(&Answer { node, asked, as_of, stale, skus, shown });
}
