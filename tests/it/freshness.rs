//! A change committed while an edge loads the same SKU: the edge never shows the older one after
//! the newer one, whichever tier it came from.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use onhand_harness::{Client, World, eventually};
use onhand_wire::Version;
use serde_json::json;

const CHANGES: i64 = 150;

/// Looks one SKU up again and again; panics when a version goes back. Counts its answers by source.
async fn watch(edge: Client, stop: Arc<AtomicBool>) -> std::collections::BTreeMap<String, u64> {
    let mut highest = Version::ZERO;
    let mut sources = std::collections::BTreeMap::new();
    while !stop.load(Ordering::Relaxed) {
        let answer = edge.get("/v1/availability/hot").await.expect(200);
        let body = answer.json();
        let version = Version::parse(body["locations"][0]["version"].as_str().unwrap()).unwrap();
        let source = answer.header("onhand-source").unwrap_or_default().to_owned();
        assert!(version >= highest, "{version} from {source} after {highest}");
        highest = version;
        *sources.entry(source).or_default() += 1;
    }
    sources
}

/// Changes come while `disturb` makes the edge load again and again.
async fn never_back(world: &World, wanted: &[&str], disturb: impl AsyncFn()) {
    world.location("a", 0).await;
    world.stock("hot", "a", 1_000_000).await;
    let edge = world.edge(0).anonymous();
    eventually!(edge.get("/v1/availability/hot").await.json()["available"] == 1_000_000);
    let stop = Arc::new(AtomicBool::new(false));
    let watchers: Vec<_> = (0..3).map(|_| tokio::spawn(watch(edge.clone(), stop.clone()))).collect();
    // Through the other edge and straight at the origin, so that the watched one hears by the feed only.
    let shops = [world.edge(1).client(&world.tokens.storefront), world.origin(0).client(&world.tokens.storefront)];
    for change in 0..CHANGES {
        let body = json!({"lines": [{"sku": "hot", "quantity": 1}]});
        shops[change as usize % 2].post("/v1/reservations", body).await.expect(201);
        disturb().await;
    }
    eventually!(edge.get("/v1/availability/hot").await.json()["available"] == 1_000_000 - CHANGES);
    stop.store(true, Ordering::Relaxed);
    let mut seen = std::collections::BTreeMap::new();
    for watcher in watchers {
        for (source, answers) in watcher.await.expect("no version went back") {
            *seen.entry(source).or_insert(0) += answers;
        }
    }
    println!("answers by source: {seen:?}");
    for source in wanted {
        assert!(
            seen.get(*source).is_some_and(|answers| *answers > 10),
            "too few answers from {source} to prove anything: {seen:?}"
        );
    }
}

/// Empties the watched edge's own tier.
async fn clear(world: &World) {
    let call = world.edge(0).management().call("DELETE".parse().unwrap(), "/actuator/caches/l1");
    call.header("authorization", &format!("Bearer {}", world.tokens.operator)).send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_during_loads_never_goes_back_through_l1() {
    let world = World::start().edges(2).ready().await;
    never_back(&world, &["l1"], async || ()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_during_loads_never_goes_back_through_l2() {
    let world = World::start().edges(2).ready().await;
    never_back(&world, &["l2"], async || clear(&world).await).await;
}

/// Without its L2, every cleared entry is loaded from the origin.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_during_loads_never_goes_back_through_the_origin() {
    let world = World::start().edges(2).env("ONHAND_EDGE__REDIS__URL", "").ready().await;
    never_back(&world, &["origin"], async || clear(&world).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_hold_is_known_at_the_edges_within_half_a_second() {
    let world = World::start().edges(1).ready().await;
    world.location("a", 0).await;
    world.stock("x", "a", 5).await;
    let shop = world.edge(0).client(&world.tokens.storefront);
    shop.post("/v1/reservations", json!({"lines": [{"sku": "x", "quantity": 5}], "ttl_s": 1})).await.expect(201);
    assert_eq!(shop.get("/v1/availability/x").await.json()["available"], 0);
    tokio::time::sleep(Duration::from_secs(1)).await;
    eventually!(shop.get("/v1/availability/x").await.json()["available"] == 5);
}
