//! Faults: whatever dies, every 202 has one outcome.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use onhand_harness::{Node, World, eventually};
use serde_json::json;
use tokio::task::JoinSet;

use super::{LONG, body, books, count, id, place, read, ready, world};

async fn leader(world: &World) -> &Node {
    for _ in 0..400 {
        for origin in world.origins().iter().filter(|origin| origin.is_running()) {
            if origin.metric("processor_leading").await == Some(1.0) {
                return origin;
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody works on the order lanes");
}

/// Every 202 of so many callers, by its id, until told to stop.
struct Buyers {
    stop: Arc<AtomicBool>,
    callers: JoinSet<BTreeMap<String, String>>,
}

impl Buyers {
    fn start(world: &World, callers: usize, skus: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut set = JoinSet::new();
        for caller in 0..callers {
            let client = world.edge(caller % world.edges().len()).client(&world.tokens.storefront);
            let stop = stop.clone();
            set.spawn(async move {
                let mut accepted = BTreeMap::new();
                for number in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let (key, sku) = (format!("k-{caller}-{number}"), format!("s{}", number % skus));
                    let mut order = body(&sku, 1);
                    order["priority"] = json!(if number % 4 == 0 { "low" } else { "high" });
                    // A 504 says that the same key settles it.
                    for _ in 0..20 {
                        let call = client.call("POST".parse().unwrap(), "/v1/orders").key(&key).json(order.clone());
                        match call.try_send().await {
                            Ok(answer) if answer.status == 202 => {
                                accepted.insert(id(&answer), sku.clone());
                                break;
                            }
                            _ => tokio::time::sleep(Duration::from_millis(100)).await,
                        }
                    }
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                accepted
            });
        }
        Self { stop, callers: set }
    }

    async fn end(self) -> BTreeMap<String, String> {
        self.stop.store(true, Ordering::Relaxed);
        self.callers.join_all().await.into_iter().flatten().collect()
    }
}

/// Each accepted order has one outcome, nothing is oversold, and the books agree.
async fn verdict(world: &World, accepted: &BTreeMap<String, String>, stock: &BTreeMap<String, i64>) {
    let states = async || -> BTreeMap<String, String> {
        let rows = world.sql("SELECT id, state FROM orders").await;
        rows.iter().map(|row| (row.get::<_, uuid::Uuid>(0).to_string(), row.get(1))).collect()
    };
    // What is in Kafka may not be taken in yet.
    let open = async || {
        let states = states().await;
        let is_open =
            |order: &&String| !matches!(states.get(*order).map(String::as_str), Some("confirmed" | "sold_out"));
        accepted.keys().filter(is_open).cloned().collect::<Vec<_>>()
    };
    eventually!(2 * LONG, open().await.is_empty(), "202s without an outcome: {:?}", open().await);
    eventually!(LONG, count(world, "state IN ('queued', 'processing')").await == 0);
    for (sku, units) in stock {
        let (confirmed, reserved) = books(world, sku).await;
        assert_eq!(confirmed, reserved, "{sku}: what is confirmed is what is reserved");
        assert!(confirmed <= *units, "{sku}: {confirmed} of {units}");
        let asked = accepted.values().filter(|of| *of == sku).count() as i64;
        assert!(confirmed == *units || confirmed >= asked, "{sku}: {confirmed} sold of {units}, {asked} asked for");
    }
    let operator = world.origins().iter().find(|origin| origin.is_running()).unwrap().client(&world.tokens.operator);
    let report = json!({"mode": "report", "counts": []});
    let books = operator.post("/internal/api/inventory/reconcile", report).await.expect(200).json();
    assert_eq!(books["differences"], json!([]), "{books}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_origin_killed_in_the_middle_loses_and_doubles_nothing() {
    let world = world().edges(2).origins(2).ready().await;
    world.location("a", 0).await;
    let stock = BTreeMap::from([("s0".to_owned(), 40), ("s1".to_owned(), 100_000), ("s2".to_owned(), 15)]);
    for (sku, units) in &stock {
        world.stock(sku, "a", *units).await;
    }
    ready(&world).await;
    let buyers = Buyers::start(&world, 8, 3);
    for _ in 0..2 {
        let before = count(&world, "state <> 'queued'").await;
        eventually!(LONG, count(&world, "state <> 'queued'").await > before + 60);
        let leader = leader(&world).await;
        leader.kill();
        let decided = count(&world, "state <> 'queued'").await;
        // The other one goes on by itself.
        eventually!(LONG, count(&world, "state <> 'queued'").await > decided + 30);
        leader.start().await;
    }
    let accepted = buyers.end().await;
    println!("{} orders were accepted while the leading origin was killed twice", accepted.len());
    verdict(&world, &accepted, &stock).await;
}

/// A frozen leader wakes when another one leads: it changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_wakes_late_changes_nothing() {
    let world = world().edges(1).origins(2).ready().await;
    world.location("a", 0).await;
    let stock = BTreeMap::from([("s0".to_owned(), 120), ("s1".to_owned(), 100_000)]);
    for (sku, units) in &stock {
        world.stock(sku, "a", *units).await;
    }
    ready(&world).await;
    let buyers = Buyers::start(&world, 8, 2);
    eventually!(LONG, count(&world, "state <> 'queued'").await > 50);
    let frozen = leader(&world).await;
    frozen.freeze();
    let other = world.origins().iter().find(|origin| origin.name() != frozen.name()).unwrap();
    eventually!(LONG, other.metric("processor_leading").await == Some(1.0));
    let decided = count(&world, "state <> 'queued'").await;
    eventually!(LONG, count(&world, "state <> 'queued'").await > decided + 50);
    frozen.thaw();
    eventually!(LONG, count(&world, "state <> 'queued'").await > decided + 150);
    let accepted = buyers.end().await;
    verdict(&world, &accepted, &stock).await;
}

/// Without an origin orders are accepted all the same, and decided when there is one again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_are_accepted_while_no_origin_is_there() {
    let world = world().ready().await;
    world.location("a", 0).await;
    world.stock("x", "a", 20).await;
    ready(&world).await;
    // So that the edge knows it.
    world.edge(0).anonymous().get("/v1/availability/x").await.expect(200);
    world.origin(0).kill();
    let mut orders = Vec::new();
    for number in 0..30 {
        let placed = place(&world, world.edge(0), &format!("k-{number}"), body("x", 1)).await.expect(202);
        orders.push(id(&placed));
    }
    let client = world.edge(0).client(&world.tokens.storefront);
    let seen = client.get(&format!("/v1/orders/{}", orders[0])).await.expect(200);
    assert_eq!((seen.json()["state"].as_str(), seen.header("onhand-stale")), (Some("queued"), Some("true")));
    client.get("/v1/orders/7b1c52d4-8c3a-8f61-9d2e-4f0a6b7c8d9e").await.expect(404);
    world.origin(0).start().await;
    eventually!(LONG, count(&world, "state IN ('confirmed', 'sold_out')").await == 30);
    assert_eq!(books(&world, "x").await, (20, 20));
    eventually!(LONG, read(&world, world.edge(0), &orders[0]).await["state"] == "confirmed");
    eventually!(LONG, read(&world, world.edge(0), &orders[29]).await["state"] == "sold_out");
}

/// The lanes' breaker: 0 closed, 1 open, 2 half-open; its threshold from the environment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_kafka_orders_are_refused_and_the_breaker_opens() {
    let world = world()
        .dedicated()
        .env("CIRCUIT_BREAKER_FAILURE_THRESHOLD", "3")
        .env("CIRCUIT_BREAKER_BASE_TIMEOUT", "2s")
        .env("ONHAND_ORDERS__APPEND_WITHIN", "500ms")
        .ready()
        .await;
    world.location("a", 0).await;
    world.stock("x", "a", 20).await;
    ready(&world).await;
    let state = async || world.edge(0).metric("gateway_circuit_breaker_state").await;
    assert_eq!(state().await, Some(0.0));
    world.kafka().kill();
    for number in 0..3 {
        let answer = place(&world, world.edge(0), &format!("k-{number}"), body("x", 1)).await;
        // Unacknowledged it may be in; unreachable it is not.
        assert!(matches!(answer.status, 503 | 504), "{}", answer.text());
        assert_eq!(answer.json()["retry"], "same_key");
        assert_eq!(answer.json()["id"].is_string(), answer.status == 504, "{}", answer.text());
    }
    assert_eq!(state().await, Some(1.0));
    let refused = place(&world, world.edge(0), "k-9", body("x", 1)).await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "origin_unavailable"), "{}", refused.text());
    assert!(refused.header("retry-after").is_some());
    let health = world.edge(0).anonymous().get("/health").await;
    assert_eq!(health.json()["orders_circuit_breaker_state"], "open", "{}", health.text());
    world.kafka().start().await;
    eventually!(LONG, place(&world, world.edge(0), "k-0", body("x", 1)).await.status == 202);
    eventually!(LONG, place(&world, world.edge(0), "k-1", body("x", 1)).await.status == 202);
    eventually!(LONG, place(&world, world.edge(0), "k-2", body("x", 1)).await.status == 202);
    eventually!(LONG, state().await == Some(0.0));
    eventually!(LONG, count(&world, "state = 'confirmed'").await == 3, "each key is one order");
    assert_eq!(books(&world, "x").await, (3, 3));
}
