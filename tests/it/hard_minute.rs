//! A hard minute: two origins under load while PostgreSQL is restarted twice and an origin killed
//! twice. What was acknowledged, the ledger and the rows agree; nothing is doubled, nothing deadlocks.
//!
//! Shortened in `make test`; `make hard-minute` runs the whole of it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use onhand_harness::World;
use serde_json::json;
use tokio::task::JoinSet;

const SKUS: usize = 20;
const STOCK: i64 = 1_000_000;

/// Reservation id → SKU and quantity, as acknowledged.
type Acknowledged = Arc<Mutex<BTreeMap<String, (usize, i64)>>>;

#[derive(Clone)]
struct Caller {
    clients: Vec<onhand_harness::Client>,
    acknowledged: Acknowledged,
    cancelled: Acknowledged,
    retried: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Caller {
    /// Holds and, each third time, cancels, until told to stop; a call is repeated with its key until settled.
    async fn run(self, number: usize) {
        let mut turn = number;
        while !self.stop.load(Ordering::Relaxed) {
            turn += 1;
            let (sku, quantity) = (turn * 7 % SKUS, 1 + (turn % 3) as i64);
            let body = json!({"lines": [{"sku": format!("s{sku}"), "quantity": quantity}], "ttl_s": 86400});
            let held = self.settle(turn, "/v1/reservations", body).await;
            let id = held["id"].as_str().unwrap().to_owned();
            let again = self.acknowledged.lock().unwrap().insert(id.clone(), (sku, quantity));
            assert!(again.is_none(), "{id} was given to two calls");
            if turn.is_multiple_of(3) {
                self.settle(turn, &format!("/v1/reservations/{id}/cancel"), json!({})).await;
                self.cancelled.lock().unwrap().insert(id, (sku, quantity));
            }
        }
    }

    async fn settle(&self, turn: usize, path: &str, body: serde_json::Value) -> serde_json::Value {
        let key = uuid::Uuid::new_v4().to_string();
        for attempt in 0.. {
            let client = &self.clients[(turn + attempt) % self.clients.len()];
            let call = client.call(reqwest::Method::POST, path).key(&key).json(body.clone());
            match call.try_send().await {
                Ok(reply) if reply.status < 300 => return reply.json(),
                Ok(reply) => assert!(reply.status >= 500, "{path}: {}", reply.text()),
                Err(_) => {}
            }
            self.retried.fetch_add(1, Ordering::Relaxed);
            assert!(attempt < 600, "{path} is never settled");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        unreachable!()
    }
}

/// Each fault in its turn, spread over the time.
async fn trouble(world: &World, whole: Duration) {
    let pause = whole / 6;
    for round in 0..2 {
        tokio::time::sleep(pause).await;
        world.postgres().restart().await;
        tokio::time::sleep(pause).await;
        world.origin(round).restart().await;
    }
    // And one that is frozen, as a machine that swaps: its locks do not outlive their time.
    world.origin(0).freeze();
    tokio::time::sleep(pause).await;
    world.origin(0).thaw();
    tokio::time::sleep(pause).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hard_minute_loses_and_doubles_nothing() {
    let seconds = std::env::var("ONHAND_HARD_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(18);
    let world = World::start().edges(1).origins(2).dedicated().ready().await;
    world.location("a", 0).await;
    for sku in 0..SKUS {
        world.stock(&format!("s{sku}"), "a", STOCK).await;
    }
    let token = &world.tokens.storefront;
    let caller = Caller {
        clients: vec![world.origin(0).client(token), world.origin(1).client(token)],
        acknowledged: Arc::default(),
        cancelled: Arc::default(),
        retried: Arc::default(),
        stop: Arc::default(),
    };
    let began = Instant::now();
    let mut callers = JoinSet::new();
    for number in 0..64 {
        callers.spawn(caller.clone().run(number));
    }
    trouble(&world, Duration::from_secs(seconds)).await;
    caller.stop.store(true, Ordering::Relaxed);
    while let Some(done) = callers.join_next().await {
        done.unwrap();
    }
    judge(&world, &caller, began.elapsed()).await;
}

async fn judge(world: &World, caller: &Caller, took: Duration) {
    let acknowledged = caller.acknowledged.lock().unwrap().clone();
    let cancelled = caller.cancelled.lock().unwrap().clone();
    let there = world.sql("SELECT id::text FROM reservations").await;
    let there: std::collections::BTreeSet<String> = there.iter().map(|row| row.get(0)).collect();
    let lost: Vec<_> = acknowledged.keys().filter(|id| !there.contains(*id)).collect();
    assert!(lost.is_empty(), "{} acknowledged reservations are not there: {lost:?}", lost.len());
    assert_eq!(there.len(), acknowledged.len(), "each call made one reservation");
    let mut expected = [0_i64; SKUS];
    for (id, (sku, quantity)) in &acknowledged {
        if !cancelled.contains_key(id) {
            expected[*sku] += quantity;
        }
    }
    for (sku, expected) in expected.iter().enumerate() {
        let row = world.sql(&format!("SELECT reserved FROM inventory_items WHERE sku = 's{sku}'")).await;
        assert_eq!(row[0].get::<_, i64>(0), *expected, "s{sku}: rows");
        let sum =
            "SELECT coalesce(sum(reserved_after - reserved_before), 0)::bigint, count(*) FILTER (WHERE kind = 'hold')";
        let row = world.sql(&format!("{sum} FROM ledger WHERE sku = 's{sku}'")).await;
        assert_eq!(row[0].get::<_, i64>(0), *expected, "s{sku}: ledger");
        let holds = acknowledged.values().filter(|(held, _)| held == &sku).count();
        assert_eq!(row[0].get::<_, i64>(1), holds as i64, "s{sku}: each hold is in the ledger once");
    }
    let report =
        world.origin(0).client(&world.tokens.operator).post("/internal/api/inventory/reconcile", json!({})).await;
    assert!(report.expect(200).json()["differences"].as_array().is_none_or(Vec::is_empty));
    let log = world.postgres().log();
    assert!(!log.contains("deadlock detected"), "{log}");
    println!(
        "{:.0} s: {} holds and {} cancels acknowledged, {} calls repeated, none lost, none doubled, no deadlock",
        took.as_secs_f64(),
        acknowledged.len(),
        cancelled.len(),
        caller.retried.load(Ordering::Relaxed)
    );
}
