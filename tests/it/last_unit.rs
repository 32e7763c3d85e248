//! A hundred callers for the last unit.

use onhand_harness::{World, eventually};
use serde_json::json;
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_callers_for_the_last_unit() {
    let world = World::start().edges(2).origins(2).ready().await;
    world.location("a", 0).await;
    world.stock("last", "a", 1).await;
    // By every path: both edges, and both origins asked directly.
    let nodes = [world.edge(0), world.edge(1), world.origin(0), world.origin(1)];
    let mut callers = JoinSet::new();
    for caller in 0..100 {
        let client = nodes[caller % nodes.len()].client(&world.tokens.storefront);
        callers.spawn(async move {
            client.post("/v1/reservations", json!({"lines": [{"sku": "last", "quantity": 1}]})).await
        });
    }
    let answers = callers.join_all().await;
    let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!(
        (count(201), count(409)),
        (1, 99),
        "{:?}",
        answers.iter().map(|answer| answer.status).collect::<Vec<_>>()
    );
    assert!(answers.iter().filter(|answer| answer.status == 409).all(|answer| answer.code() == "insufficient_stock"));
    for edge in world.edges() {
        eventually!(edge.anonymous().get("/v1/availability/last").await.json()["available"] == 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_key_through_every_path_holds_once() {
    let world = World::start().edges(2).origins(2).ready().await;
    world.location("a", 0).await;
    world.stock("x", "a", 50).await;
    let nodes = [world.edge(0), world.edge(1), world.origin(0), world.origin(1)];
    let mut callers = JoinSet::new();
    for caller in 0..40 {
        let client = nodes[caller % nodes.len()].client(&world.tokens.storefront);
        let body = json!({"lines": [{"sku": "x", "quantity": 1}]});
        callers.spawn(async move {
            client.call("POST".parse().unwrap(), "/v1/reservations").key("one-key").json(body).send().await
        });
    }
    let answers = callers.join_all().await;
    let ids: std::collections::BTreeSet<String> =
        answers.iter().map(|answer| answer.json()["id"].to_string()).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(answers.iter().filter(|answer| answer.header("idempotent-replayed").is_none()).count(), 1);
    eventually!(world.edge(0).anonymous().get("/v1/availability/x").await.json()["available"] == 49);
}
