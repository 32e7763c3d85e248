//! Rules in WebAssembly take part: the origin allocates through one, the edge shows through another.

mod prices;
mod push;
mod ranks;
mod swaps;
mod traces;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use onhand_harness::{World, eventually};
use serde_json::json;

pub(crate) fn built() -> PathBuf {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/plugins");
    assert!(dir.join("nearest-allocation.wasm").exists(), "the rules are not built: run `make rules`");
    dir
}

/// A folder of rules: each a component, perhaps under another name, and its settings.
pub(crate) fn folder(rules: &[(&str, &str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (component, name, settings) in rules {
        std::fs::copy(built().join(format!("{component}.wasm")), dir.path().join(format!("{name}.wasm"))).unwrap();
        if !settings.is_empty() {
            std::fs::write(dir.path().join(format!("{name}.toml")), settings).unwrap();
        }
    }
    dir
}

/// A world whose rules have time: an unoptimised host on a busy machine is slow around the guest,
/// and these tests are about what a rule decides.
async fn patient(rules: &Path) -> World {
    // Nor do their releases change: the folder may be gone by then.
    let world = World::start().rules(rules).env("ONHAND_RULES__DEADLINE", "500ms").env("ONHAND_RULES__POLL", "0s");
    world.env("ONHAND_RULES__BATCH_DEADLINE", "500ms").ready().await
}

async fn place(world: &World, id: &str, lat: f64, lon: f64) {
    let body = json!({"name": id, "lat": lat, "lon": lon});
    let status =
        world.origin(0).client(&world.tokens.admin).put(&format!("/inventory/locations/{id}"), body).await.status;
    assert!(status == 200 || status == 201);
}

async fn channel(world: &World, id: &str, locations: &[&str], allocation: &str) {
    let body = json!({"locations": locations, "allocation": allocation});
    world.origin(0).client(&world.tokens.admin).put(&format!("/inventory/channels/{id}"), body).await.expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_allocation_rule_decides_where_a_hold_goes() {
    let rules = folder(&[("nearest-allocation", "nearest-allocation", "")]);
    let world = patient(rules.path()).await;
    place(&world, "rotterdam", 51.92, 4.48).await;
    place(&world, "lyon", 45.76, 4.84).await;
    channel(&world, "web", &["rotterdam", "lyon"], "nearest-allocation").await;
    world.stock("x", "rotterdam", 10).await;
    world.stock("x", "lyon", 10).await;
    let shop = world.edge(0).client(&world.tokens.storefront);
    for (city, lat, lon) in [("lyon", 43.3, 5.4), ("rotterdam", 52.4, 4.9)] {
        let body = json!({"lines": [{"sku": "x", "quantity": 2}], "channel": "web", "destination": {"country": "FR", "lat": lat, "lon": lon}});
        let held = shop.post("/v1/reservations", body).await.expect(201).json();
        assert_eq!(held["lines"][0]["allocations"], json!([{"location": city, "quantity": 2}]));
        assert_eq!(held["allocated_by"], "nearest-allocation");
    }
}

/// The guest is cut at its deadline, the built-in strategy answers, and another SKU's holds are
/// not slowed beyond the batch that they share with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_loops_is_cut_and_slows_nobody_beyond_its_batch() {
    let rules = folder(&[("hostile", "looping", "[config]\nbehaviour = \"loop\"\n")]);
    let world = World::start().rules(rules.path()).ready().await;
    world.location("a", 0).await;
    channel(&world, "looping", &["a"], "looping").await;
    world.stock("x", "a", 1_000_000).await;
    world.stock("y", "a", 1_000_000).await;
    let shop = world.edge(0).client(&world.tokens.storefront);
    let hold = |sku: &str, channel: Option<&str>| json!({"lines": [{"sku": sku, "quantity": 1}], "channel": channel});
    let alone = typical(async || drop(shop.post("/v1/reservations", hold("y", None)).await.expect(201))).await;

    let stop = Arc::new(AtomicBool::new(false));
    let (looper, stopped) = (shop.clone(), stop.clone());
    let looping = tokio::spawn(async move {
        while !stopped.load(Ordering::Relaxed) {
            let body = json!({"lines": [{"sku": "x", "quantity": 1}], "channel": "looping"});
            let held = looper.post("/v1/reservations", body).await.expect(201).json();
            assert_eq!(held["allocated_by"], "priority", "the built-in strategy answers");
        }
    });
    let beside = typical(async || drop(shop.post("/v1/reservations", hold("y", None)).await.expect(201))).await;
    stop.store(true, Ordering::Relaxed);
    looping.await.unwrap();
    println!("a hold of another SKU: {alone:?} alone, {beside:?} beside a rule that loops");
    // One deadline of 2 ms in the batch before and one in its own; the rest is this machine's noise, with room.
    assert!(beside < alone + Duration::from_millis(100), "{beside:?} beside, {alone:?} alone");
    let failures = world.origin(0).metric("rules_failures_total{reason=\"deadline\",rule=\"looping\"}").await;
    assert!(failures.is_some_and(|count| count >= 1.0), "{failures:?}");
}

/// The median of a few.
async fn typical(call: impl AsyncFn()) -> Duration {
    let mut took = Vec::new();
    for _ in 0..40 {
        let began = Instant::now();
        call().await;
        took.push(began.elapsed());
    }
    took.sort();
    took[took.len() / 2]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_view_rule_shapes_what_its_channel_sees() {
    let rules = folder(&[(
        "channel-buffer",
        "channel-buffer",
        "channels = [\"market\"]\n[config]\nhide_last = \"2\"\nbucket = \"10\"\n",
    )]);
    let world = patient(rules.path()).await;
    world.location("a", 0).await;
    world.channel("market", &["a"]).await;
    world.channel("web", &["a"]).await;
    world.stock("many", "a", 40).await;
    world.stock("few", "a", 5).await;
    let edge = world.edge(0).anonymous();
    let see = async |sku: &str, channel: &str| edge.get(&format!("/v1/availability/{sku}?channel={channel}")).await;
    eventually!(see("few", "web").await.status == 200 && see("many", "web").await.status == 200);
    assert_eq!(see("few", "web").await.json()["available"], 5);
    assert_eq!(see("few", "market").await.json()["available"], 3);
    assert_eq!(see("many", "market").await.json()["label"], "10+");
    let shop = world.edge(0).client(&world.tokens.storefront);
    shop.post("/v1/reservations", json!({"lines": [{"sku": "few", "quantity": 4}]})).await.expect(201);
    assert_eq!(see("few", "market").await.json()["available"], 0, "the buffer follows the facts");
}
