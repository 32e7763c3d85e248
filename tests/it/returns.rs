//! Origins killed and started again, as their edge sees it.

use std::time::{Duration, Instant};

use onhand_harness::{Reply, World, eventually};
use serde_json::json;

async fn hold(world: &World) -> Reply {
    let shop = world.edge(0).client(&world.tokens.storefront);
    shop.post("/v1/reservations", json!({"lines": [{"sku": "x", "quantity": 1}]})).await
}

async fn breaker(world: &World) -> f64 {
    world.edge(0).metric("edge_origin_breaker_state{of=\"calls\"}").await.unwrap()
}

async fn world(origins: usize) -> World {
    // Twice as long as this test waits: what is served again before was noticed, not tried by time.
    let world = World::start().origins(origins).env("CIRCUIT_BREAKER_BASE_TIMEOUT", "10m");
    let world = world.env("CIRCUIT_BREAKER_MAX_TIMEOUT", "10m").ready().await;
    world.location("a", 0).await;
    world.stock("x", "a", 1000).await;
    eventually!(hold(&world).await.status == 201);
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_only_origin_that_comes_back_is_served_from_again() {
    let world = world(1).await;
    world.origin(0).kill();
    eventually!({
        let refused = hold(&world).await;
        assert!(matches!(refused.status, 503 | 504), "{}", refused.text());
        breaker(&world).await == 1.0
    });
    let refused = hold(&world).await.expect(503);
    assert_eq!((refused.code().as_str(), refused.header("retry-after")), ("origin_unavailable", Some("30")));
    world.origin(0).start().await;
    let back = Instant::now();
    eventually!(Duration::from_secs(60), hold(&world).await.status == 201);
    println!("writes again {:?} after the origin was back", back.elapsed());
    // Two calls that succeed close it.
    hold(&world).await.expect(201);
    assert_eq!(breaker(&world).await, 0.0);
}

/// Killed, or frozen, which answers nothing and refuses nothing: either way the other one serves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_two_origins_the_loss_of_one_costs_one_call_its_time() {
    let world = world(2).await;
    for (lost, stays) in [(0, 1), (1, 0)] {
        world.origin(lost).freeze();
        for number in 0..20 {
            hold(&world).await.expect(201);
            let miss = world.edge(0).anonymous().get(&format!("/v1/availability/none-{lost}-{number}")).await;
            assert_eq!(miss.code(), "unknown_sku", "{}", miss.text());
        }
        world.origin(lost).thaw();
        world.origin(lost).kill();
        for _ in 0..20 {
            hold(&world).await.expect(201);
        }
        assert_eq!(breaker(&world).await, 0.0);
        world.origin(lost).start().await;
        assert!(world.origin(stays).is_running());
    }
}
