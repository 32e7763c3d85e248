//! Releases swap under load, at edges and at origins: no request fails for it, no answer is a mixture.

use std::{path::Path, sync::atomic::AtomicU64};

use onhand_harness::Client;

use super::*;

/// ONHAND_SWAPS=200 is the long form.
fn swaps() -> u64 {
    std::env::var("ONHAND_SWAPS").ok().and_then(|text| text.parse().ok()).unwrap_or(12)
}

/// Whole or not at all: the folder is watched.
fn put(dir: &Path, file: &str, text: &str) {
    let part = dir.join(format!("{file}.part"));
    std::fs::write(&part, text).unwrap();
    std::fs::rename(part, dir.join(file)).unwrap();
}

/// What tells this release from others: its view's label, and where both of its ranks lead.
fn release(dir: &Path, number: u64) {
    put(dir, "channel-buffer.toml", &format!("[config]\nhide_last = \"0\"\nbucket = \"{number}\"\n"));
    let ranks = if number.is_multiple_of(2) { "a=0,b=1" } else { "a=1,b=0" };
    for rule in ["rank-a", "rank-b"] {
        put(dir, &format!("{rule}.toml"), &format!("[config]\nranks = {ranks:?}\n"));
    }
}

async fn look(edge: Client, stop: Arc<AtomicBool>, seen: Arc<AtomicU64>) {
    while !stop.load(Ordering::Relaxed) {
        let answer = edge.post("/v1/availability/query", json!({"skus": ["x", "y", "z"]})).await.expect(200).json();
        let labels: Vec<&str> =
            answer["items"].as_array().unwrap().iter().filter_map(|item| item["label"].as_str()).collect();
        assert!(labels.len() == 3 && labels.iter().all(|label| *label == labels[0]), "a mixture: {labels:?}");
        seen.store(labels[0].trim_end_matches('+').parse().unwrap(), Ordering::Relaxed);
    }
}

async fn hold(shop: Client, stop: Arc<AtomicBool>, held: Arc<AtomicU64>) {
    while !stop.load(Ordering::Relaxed) {
        let body = json!({"lines": [{"sku": "x", "quantity": 1}], "channel": "web"});
        let answer = shop.post("/v1/reservations", body).await.expect(201).json();
        assert_eq!(answer["allocated_by"], "rank-a,rank-b", "a swap took a rule away");
        held.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn releases_swap_under_load_at_edges_and_origins() {
    let rules = folder(&[
        ("channel-buffer", "channel-buffer", ""),
        ("hostile-ranking", "rank-a", ""),
        ("hostile-ranking", "rank-b", ""),
    ]);
    release(rules.path(), 1);
    let world = World::start().rules(rules.path()).edges(2).origins(2).env("ONHAND_RULES__POLL", "50ms");
    let world = world.env("ONHAND_RULES__DEADLINE", "500ms").env("ONHAND_RULES__BATCH_DEADLINE", "500ms");
    let world = world.env("ONHAND_RULES__MAX_DEADLINE", "500ms").ready().await;
    for (id, priority) in [("a", 0), ("b", 1)] {
        world.location(id, priority).await;
        for sku in ["x", "y", "z"] {
            world.stock(sku, id, 1_000_000).await;
        }
    }
    channel(&world, "web", &["a", "b"], "rank-a,rank-b").await;
    let stop = Arc::new(AtomicBool::new(false));
    let (mut seen, mut load) = (Vec::new(), Vec::new());
    let held = Arc::new(AtomicU64::new(0));
    for edge in world.edges() {
        let all = async || edge.anonymous().post("/v1/availability/query", json!({"skus": ["x", "y", "z"]})).await;
        eventually!(
            all().await.json()["items"]
                .as_array()
                .is_some_and(|items| items.len() == 3 && items.iter().all(|item| item["label"] == "1+"))
        );
        seen.push(Arc::new(AtomicU64::new(0)));
        load.push(tokio::spawn(look(edge.anonymous(), stop.clone(), seen.last().unwrap().clone())));
        load.push(tokio::spawn(hold(edge.client(&world.tokens.storefront), stop.clone(), held.clone())));
    }
    for number in 2..=swaps() {
        let before = held.load(Ordering::Relaxed);
        release(rules.path(), number);
        eventually!(
            seen.iter().all(|seen| seen.load(Ordering::Relaxed) == number) && held.load(Ordering::Relaxed) > before
        );
    }
    stop.store(true, Ordering::Relaxed);
    for task in load {
        task.await.unwrap();
    }
    let nodes = world.edges().iter().chain(world.origins());
    for node in nodes {
        let report = node.management().get("/actuator/rules").await.expect(200).json();
        let stages: Vec<_> =
            report["rules"].as_array().unwrap().iter().map(|rule| &rule["releases"][0]["stage"]).collect();
        assert_eq!((stages.len(), stages.iter().all(|stage| *stage == "full")), (3, true), "{report}");
        assert_eq!(report["refused"], json!([]), "{report}");
    }
    println!("{} swaps beside {} holds", swaps(), held.load(Ordering::Relaxed));
}
