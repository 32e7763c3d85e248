//! A standby is promoted under load: the term rises by itself, edges follow, and what each kind of
//! replication promises holds.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use onhand_harness::{Client, Postgres, World, eventually};
use serde_json::json;
use tokio::task::JoinSet;

/// Callers that hold one unit at a time, and what they were told was held.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<BTreeSet<String>>>,
    callers: JoinSet<()>,
}

impl Load {
    pub(crate) fn start(client: &Client, callers: usize) -> Self {
        let mut load = Self { stop: Arc::default(), acknowledged: Arc::default(), callers: JoinSet::new() };
        for _ in 0..callers {
            let (client, stop, acknowledged) = (client.clone(), load.stop.clone(), load.acknowledged.clone());
            load.callers.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    hold_once(&client, &acknowledged).await;
                }
            });
        }
        load
    }

    pub(crate) fn count(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    pub(crate) async fn end(mut self) -> BTreeSet<String> {
        self.stop.store(true, Ordering::Relaxed);
        while self.callers.join_next().await.is_some() {}
        std::mem::take(&mut self.acknowledged.lock().unwrap())
    }
}

/// With the same key until it is settled, as a caller would.
async fn hold_once(client: &Client, acknowledged: &Mutex<BTreeSet<String>>) {
    let key = uuid::Uuid::new_v4().to_string();
    for _ in 0..200 {
        let body = json!({"lines": [{"sku": "x", "quantity": 1}]});
        let call = client.call(reqwest::Method::POST, "/v1/reservations").key(&key).json(body);
        match call.try_send().await {
            Ok(reply) if reply.status == 201 => {
                acknowledged.lock().unwrap().insert(reply.json()["id"].as_str().unwrap().to_owned());
                return;
            }
            Ok(reply) => assert!(reply.status >= 500, "{}", reply.text()),
            Err(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn reserved(server: &Postgres, world: &World) -> i64 {
    server.sql(world.database(), "SELECT reserved FROM inventory_items WHERE sku = 'x'").await[0].get(0)
}

async fn terms(server: &Postgres, world: &World) -> (i32, i32) {
    let row = server.sql(world.database(), "SELECT term, good_since FROM origin_state").await;
    (row[0].get(0), row[0].get(1))
}

async fn held(server: &Postgres, world: &World) -> BTreeSet<String> {
    let rows = server.sql(world.database(), "SELECT id::text FROM reservations").await;
    rows.iter().map(|row| row.get(0)).collect()
}

/// The edge and the origin agree on what is left.
async fn edge_follows(world: &World, server: &Postgres) {
    let left = 100_000 - reserved(server, world).await;
    let edge = world.edge(0).anonymous();
    let limit = Duration::from_secs(60);
    eventually!(limit, edge.get("/v1/availability/x").await.json()["available"] == left, "left: {left}");
}

/// Nothing acknowledged is lost, and what edges hold goes on to count.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promoted_with_synchronous_replication() {
    let world = World::start().edges(1).origins(2).standby().ready().await;
    world.location("a", 0).await;
    world.stock("x", "a", 100_000).await;
    let standby = world.standby();
    world.postgres().wait_for_standby(standby).await;
    world.postgres().synchronous(true).await;
    let load = Load::start(&world.edge(0).client(&world.tokens.storefront), 8);
    eventually!(Duration::from_secs(30), load.count() > 200);
    let lossless = "SELECT 1 FROM origin_state WHERE lossless";
    assert_eq!(world.sql(lossless).await.len(), 1, "the origin wrote down that commits wait");

    world.postgres().kill();
    standby.promote().await;
    let before = load.count();
    eventually!(Duration::from_secs(60), load.count() > before + 200);
    let acknowledged = load.end().await;

    assert_eq!(terms(standby, &world).await, (2, 1), "raised by itself; what edges hold still counts");
    let held = held(standby, &world).await;
    let lost: Vec<_> = acknowledged.difference(&held).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged holds are lost", lost.len(), acknowledged.len());
    assert_eq!(reserved(standby, &world).await, held.len() as i64, "none counted twice");
    edge_follows(&world, standby).await;
    println!("{} acknowledged, {} held, none lost", acknowledged.len(), held.len());
}

/// What the standby had not got is lost, as that kind of replication says; nobody goes on showing it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promoted_without_synchronous_replication() {
    let world = World::start().edges(1).origins(2).standby().ready().await;
    world.location("a", 0).await;
    world.stock("x", "a", 100_000).await;
    let standby = world.standby();
    world.postgres().wait_for_standby(standby).await;
    let client = world.edge(0).client(&world.tokens.storefront);
    let load = Load::start(&client, 8);
    eventually!(Duration::from_secs(30), load.count() > 100);
    // From here on the standby gets nothing: cut off, and then the primary is gone.
    standby.stop_following().await;
    let cut = load.count();
    eventually!(Duration::from_secs(30), load.count() > cut + 100);
    // A SKU and a location that only the lost history knows of.
    world.location("lost", 5).await;
    world.stock("ghost", "lost", 3).await;
    eventually!(world.edge(0).anonymous().get("/v1/availability/ghost").await.json()["available"] == 3);

    world.postgres().kill();
    standby.promote().await;
    let before = load.count();
    eventually!(Duration::from_secs(60), load.count() > before + 100);
    let acknowledged = load.end().await;

    assert_eq!(terms(standby, &world).await, (2, 2), "facts of the old term count no more");
    let held = held(standby, &world).await;
    let lost = acknowledged.difference(&held).count();
    assert!(lost > 0, "the test cut the standby off: something must be lost, or it proves nothing");
    assert_eq!(reserved(standby, &world).await, held.len() as i64);
    edge_follows(&world, standby).await;
    let edge = world.edge(0).anonymous();
    eventually!(Duration::from_secs(30), edge.get("/v1/availability/ghost").await.status == 404);
    eventually!(edge.get("/v1/availability/x?location=lost").await.code() == "unknown_location");
    println!("{} acknowledged, {lost} of them lost with the old primary, edges follow", acknowledged.len());
}
