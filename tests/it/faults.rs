//! Real orders while things die: nothing oversold, nothing lost, nothing that differs.

mod load;
mod readers;
mod writers;
mod books;
mod stage;
mod records;
mod drills;
mod modes;
mod early;

use std::time::Duration;

use onhand_harness::{
    World,
    drill::{faults, ledger_tells_the_rows, start_replay},
};

/// An origin killed by -9 in the middle and another started; Kafka stopped for ten seconds. The
/// whole stream is played by `make demo-faults`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_survive_a_killed_origin_and_a_stopped_kafka() {
    let world = World::start().edges(2).origins(2).idle_origins(1).dedicated().ready().await;
    let more = ["--limit-lines", "12000", "--lines-per-s", "500", "--callers", "16"].map(str::to_owned);
    let mut replay = start_replay(&world, true, &more).unwrap();
    tokio::select! {
        status = replay.wait() => panic!("the replay ended before the faults were over: {status:?}"),
        () = faults(&world, Duration::from_secs(3)) => {}
    }
    let status = replay.wait().await.unwrap();
    assert!(status.success(), "the replay's verdict, above: {status}");
    ledger_tells_the_rows(&world).unwrap();
}

/// The edge goes on answering what it has; writes come back by themselves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_restarted_under_an_edge_loses_nothing() {
    use onhand_harness::eventually;
    use serde_json::json;

    let world = World::start().edges(1).origins(1).dedicated().ready().await;
    world.location("a", 0).await;
    world.stock("x", "a", 10).await;
    let shop = world.edge(0).client(&world.tokens.storefront);
    let hold = json!({"lines": [{"sku": "x", "quantity": 1}]});
    eventually!(shop.get("/v1/availability/x").await.json()["available"] == 10);
    shop.post("/v1/reservations", hold.clone()).await.expect(201);
    assert_eq!(shop.get("/v1/availability/x").await.json()["available"], 9);
    world.postgres().kill();
    let refused = shop.post("/v1/reservations", hold.clone()).await;
    assert!(refused.status == 503 || refused.status == 504, "{}", refused.text());
    assert_eq!(refused.json()["retry"], "same_key");
    assert_eq!(shop.get("/v1/availability/x").await.json()["available"], 9, "what is cached is answered");
    world.postgres().start().await;
    eventually!(Duration::from_secs(45), shop.post("/v1/reservations", hold.clone()).await.status == 201);
    eventually!(shop.get("/v1/availability/x").await.json()["available"] == 8);
}
