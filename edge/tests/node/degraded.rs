use std::time::Duration;

use onhand_http::{
    auth::Scope,
    setting::{SecretUrl, Span},
};
use onhand_wire::event::Change;

use crate::world::{World, fact};

#[tokio::test]
async fn nothing_is_claimed_before_the_first_watermark() {
    let world = World::start_without_watermark(|_| {}).await;
    let early = world.get("/v1/availability/a").await;
    assert_eq!((early.code(), early.header("retry-after")), ((503, "origin_unavailable".to_owned()), "1"));
    let at = |path: &str| format!("{}{path}", world.management);
    assert_eq!(world.get(&at("/actuator/health/readiness")).await.status, 503);
    assert_eq!(world.get(&at("/actuator/health/liveness")).await.status, 200);
    assert_eq!(world.get("/health").await.status, 503);
    world
        .eventually("ready", async || {
            world.watermark();
            world.get(&at("/actuator/health/readiness")).await.status == 200
        })
        .await;
    let health = world.get("/health").await;
    assert_eq!(health.status, 200);
    let shown = health.json();
    assert_eq!((&shown["status"], &shown["redis"], &shown["kafka"]), (&"healthy".into(), &().into(), &().into()));
    assert_eq!((&shown["circuit_breaker_state"], &shown["mode"]), (&"closed".into(), &"live".into()));
}

#[tokio::test]
async fn feed_and_origin_gone_cached_answers_are_marked_then_refused() {
    let world = World::start_with(|config| {
        config.freshness.live_ms = 300;
        config.freshness.stale_if_error_s = 3;
    })
    .await;
    world.store(fact("a", "eu-1", 5, 1));
    world.watermark();
    assert_eq!(world.available("a").await, 5);
    world.origin.with(|state| state.broken = true);
    world.eventually("stale", async || world.get("/v1/availability/a").await.header("onhand-stale") == "true").await;
    let stale = world.get("/v1/availability/a").await;
    assert_eq!((stale.json()["available"].as_i64(), stale.header("onhand-source")), (Some(5), "l1"));
    assert_eq!(world.get("/v1/availability/miss").await.code(), (503, "origin_unavailable".to_owned()));
    let bounded = world.get_with("/v1/availability/a", &[("onhand-max-staleness", "100")]).await;
    assert_eq!(bounded.code().0, 503);
    world.eventually("refused", async || world.get("/v1/availability/a").await.status == 503).await;
    world.origin.with(|state| state.broken = false);
    world.eventually("back", async || world.get("/v1/availability/a").await.status == 200).await;
    let mark = world.watermark();
    world
        .eventually("live", async || {
            let shown = world.get("/v1/availability/a").await;
            shown.header("onhand-stale").is_empty() && shown.header("onhand-as-of") >= mark.to_string().as_str()
        })
        .await;
}

#[tokio::test]
async fn live_hits_need_no_origin_and_writes_say_that_it_is_gone() {
    let world = World::start_with(|config| config.origin.timeout = Span::ms(200)).await;
    let token = world.token(Scope::Storefront);
    world.store(fact("a", "eu-1", 5, 1));
    assert_eq!(world.available("a").await, 5);
    world.origin.with(|state| state.slow = Duration::from_secs(5));
    assert_eq!(world.available("a").await, 5);
    world.publish(Change::Fact(fact("a", "eu-1", 4, 2)));
    world.eventually("the feed goes on", async || world.available("a").await == 4).await;
    let headers = [("authorization", token.as_str()), ("idempotency-key", "k")];
    let body = r#"{"lines":[{"sku":"a","quantity":1}]}"#;
    let late = world.post("/v1/reservations", &headers, body).await;
    assert_eq!((late.code(), late.json()["retry"].as_str()), ((504, "deadline_exceeded".to_owned()), Some("same_key")));
    let hurried = [headers[0], headers[1], ("onhand-timeout-ms", "20")];
    let began = std::time::Instant::now();
    assert_eq!(world.post("/v1/reservations", &hurried, body).await.code().0, 504);
    assert!(began.elapsed() < Duration::from_millis(180), "the caller's own deadline counts");
    assert_eq!(world.get("/v1/availability/miss").await.code().0, 503);
}

#[tokio::test]
async fn the_next_origin_is_tried_with_the_same_key() {
    let world = World::start_with(|config| {
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        config.origin.urls.insert(0, SecretUrl::new(format!("http://{gone}")));
    })
    .await;
    let token = world.token(Scope::Storefront);
    let headers = [("authorization", token.as_str()), ("idempotency-key", "k")];
    let reply = world.post("/v1/reservations", &headers, r#"{"lines":[{"sku":"a","quantity":1}]}"#).await;
    assert_eq!(reply.status, 200);
    assert_eq!(world.origin.with(|state| state.got[0].headers["idempotency-key"].clone()), "k");
}
