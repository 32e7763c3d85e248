//! More than the node can carry: what is over is refused at once, the rest goes on.

use std::{sync::Arc, time::Duration};

use onhand_http::{auth::Scope, setting::Span};
use tokio::task::JoinSet;

use crate::{
    origin::State,
    world::{Answer, World, fact, soon},
};

const FOR_EVER: Span = Span::s(3600);

/// A node whose origin takes its calls and answers none.
async fn stalled(change: impl FnOnce(&mut onhand_edge::Config)) -> Arc<World> {
    let world = World::start_with(|config| {
        config.origin.timeout = FOR_EVER;
        change(config);
    });
    let world = world.await;
    world.store(fact("a", "eu-1", 5, 1));
    assert_eq!(world.available("a").await, 5);
    world.origin.with(|state| state.slow = FOR_EVER.0);
    Arc::new(world)
}

fn overloaded(answer: &Answer) {
    assert_eq!(answer.code(), (503, "overloaded".to_owned()), "{}", answer.text);
    assert_eq!((answer.header("retry-after"), answer.json()["retry"].as_str()), ("1", Some("same_key")));
}

#[tokio::test]
async fn calls_beyond_those_under_way_to_the_origin_are_refused() {
    let world = stalled(|config| config.limits.forwarded = 2).await;
    let mut waiting = JoinSet::new();
    let hold = async |world: &World, key: &str| {
        let token = world.token(Scope::Storefront);
        let headers = [("authorization", token.as_str()), ("idempotency-key", key)];
        world.post("/v1/reservations", &headers, r#"{"lines":[{"sku":"a","quantity":1}]}"#).await
    };
    for key in ["1", "2"] {
        let world = world.clone();
        waiting.spawn(async move { hold(&world, key).await });
    }
    world.eventually("two under way", async || world.metric("edge_forwarded_calls").await == 2).await;
    overloaded(&soon(hold(&world, "3")).await);
    assert_eq!(world.available("a").await, 5, "a lookup is none of them");
    world.origin.with(|state| state.slow = Duration::ZERO);
    while let Some(answered) = waiting.join_next().await {
        assert_eq!(answered.unwrap().status, 200, "those under way went on");
    }
    assert_eq!(hold(&world, "4").await.status, 200);
    assert_eq!(world.metric("edge_forwarded_calls").await, 0);
}

#[tokio::test]
async fn misses_beyond_those_that_wait_are_refused() {
    let world = stalled(|config| config.limits.misses = 500).await;
    let skus: Vec<String> = (0..500).map(|number| format!("cold-{number}")).collect();
    let body = serde_json::json!({ "skus": skus }).to_string();
    let asking = {
        let world = world.clone();
        tokio::spawn(async move { world.post("/v1/availability/query", &[], &body).await })
    };
    let asked = |state: &mut State| state.loads.iter().any(|load| load.skus[0].as_str().starts_with("cold-"));
    world.eventually("a load is under way", async || world.origin.with(asked)).await;
    overloaded(&soon(world.get("/v1/availability/another")).await);
    let query = soon(world.post("/v1/availability/query", &[], r#"{"skus":["a","another"]}"#)).await;
    overloaded(&query);
    assert_eq!(world.available("a").await, 5);
    let query = world.post("/v1/availability/query", &[], r#"{"skus":["a","a"]}"#).await;
    assert_eq!(query.status, 200, "hits do not wait");
    world.origin.with(|state| state.slow = Duration::ZERO);
    assert_eq!(asking.await.unwrap().status, 200, "those that waited went on");
    assert_eq!(world.get("/v1/availability/another").await.status, 404);
}

/// The line itself is tested where it is; here, that POSTs stand in it and all get their turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_queries_at_once_are_all_served() {
    // A busy machine may be slow about them.
    let world = Arc::new(World::start_with(|config| config.limits.queue_time = FOR_EVER).await);
    world.store(fact("a", "eu-1", 5, 1));
    let mut asking = JoinSet::new();
    for _ in 0..500 {
        let world = world.clone();
        asking.spawn(async move { world.post("/v1/availability/query", &[], r#"{"skus":["a"]}"#).await.status });
    }
    while let Some(status) = asking.join_next().await {
        assert_eq!(status.unwrap(), 200);
    }
    assert_eq!(world.metric("edge_queued_calls").await, 0);
}
