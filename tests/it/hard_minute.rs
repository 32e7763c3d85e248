//! A hard minute: two origins under load while PostgreSQL is restarted twice and an origin killed
//! twice. What was acknowledged, the ledger and the rows agree; nothing is doubled, nothing deadlocks.
//!
//! Shortened in `make test`; `make hard-minute` runs the whole of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use onhand_client::Client;
use onhand_harness::World;
use onhand_wire::{
    Quantity, Sku,
    request::{Cancel, Hold, HoldLine},
};
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;

const SKUS: usize = 20;
const STOCK: i64 = 1_000_000;
const LONGER_THAN_ANY_FAULT: Duration = Duration::from_secs(120);

/// Reservation id → SKU and quantity, as acknowledged.
type Acknowledged = Arc<Mutex<BTreeMap<Uuid, (usize, i64)>>>;

#[derive(Clone)]
struct Caller {
    shop: Client,
    acknowledged: Acknowledged,
    cancelled: Acknowledged,
    stop: Arc<AtomicBool>,
}

impl Caller {
    /// Holds and, each third time, cancels, until told to stop; a call is repeated with its key until settled.
    async fn run(self, number: usize) {
        let mut turn = number;
        while !self.stop.load(Ordering::Relaxed) {
            turn += 1;
            let (sku, units) = (turn * 7 % SKUS, 1 + (turn % 3) as u32);
            let (name, quantity) = (Sku::new(&format!("s{sku}")).unwrap(), Quantity::new(units).unwrap());
            let line = HoldLine { sku: name, quantity, location: None };
            let hold = Hold { ttl_s: 86400, ..Hold::of(vec![line]) };
            let id = self.shop.hold(&hold).starting_at(turn).await.unwrap_or_else(|error| panic!("{error}")).value.id;
            let again = self.acknowledged.lock().unwrap().insert(id, (sku, units.into()));
            assert!(again.is_none(), "{id} was given to two calls");
            if turn.is_multiple_of(3) {
                let cancelled = self.shop.cancel(id, &Cancel::default()).starting_at(turn).await;
                cancelled.unwrap_or_else(|error| panic!("{error}"));
                self.cancelled.lock().unwrap().insert(id, (sku, units.into()));
            }
        }
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
    let shop =
        Client::builder().urls(world.origins().iter().map(|origin| origin.url())).token(&world.tokens.storefront);
    let caller = Caller {
        shop: shop.patience(LONGER_THAN_ANY_FAULT).build().unwrap(),
        acknowledged: Arc::default(),
        cancelled: Arc::default(),
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
    let there: BTreeSet<Uuid> = there.iter().map(|row| row.get::<_, String>(0).parse().unwrap()).collect();
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
        caller.shop.retries()
    );
}
