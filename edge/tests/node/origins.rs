//! Several origins, slow ones, and one that comes back.

use std::time::Duration;

use onhand_http::{
    auth::Scope,
    setting::{SecretUrl, Span},
};

use crate::{
    origin::FakeOrigin,
    world::{Answer, World, fact, soon},
};

const FOR_EVER: Duration = Duration::from_secs(3600);

async fn hold(world: &World, more: &[(&str, &str)]) -> Answer {
    let token = world.token(Scope::Storefront);
    let key = uuid::Uuid::new_v4().to_string();
    let headers = [&[("authorization", token.as_str()), ("idempotency-key", &key)], more].concat();
    world.post("/v1/reservations", &headers, r#"{"lines":[{"sku":"a","quantity":1}]}"#).await
}

async fn breaker(world: &World) -> String {
    world.get("/health").await.json()["circuit_breaker_state"].as_str().unwrap().to_owned()
}

/// The second one's address in the configuration, and itself.
async fn second() -> (String, FakeOrigin) {
    let second = FakeOrigin::start().await;
    (format!("http://{}", second.address), second)
}

/// A load of the first would be given up for the second only after half an hour.
#[tokio::test]
async fn a_load_that_is_slow_is_asked_of_the_second_origin_too() {
    let (url, second) = second().await;
    let world = World::start_with(|config| {
        config.origin.urls.push(SecretUrl::new(url));
        config.origin.timeout = Span(FOR_EVER);
    });
    let world = world.await;
    let stocks = {
        world.store(fact("a", "eu-1", 5, 1));
        world.origin.with(|state| state.stocks.clone())
    };
    second.with(|state| (state.stocks, state.now) = (stocks, world.origin.with(|first| first.now)));
    world.origin.with(|state| state.slow = FOR_EVER);
    let shown = soon(world.get("/v1/availability/a")).await;
    assert_eq!((shown.json()["available"].as_i64(), shown.header("onhand-source")), (Some(5), "origin"));
    assert_eq!(world.metric("edge_origin_hedges_total").await, 1);
    assert_eq!(second.with(|state| state.loads.len()), 1);
    world.get("/v1/availability/b").await;
    assert_eq!(world.metric("edge_origin_hedges_total").await, 1, "the one that answered is asked first");
}

#[tokio::test]
async fn an_origin_that_hangs_delays_one_call_and_not_the_next() {
    let (url, second) = second().await;
    let world = World::start_with(|config| {
        config.origin.urls.push(SecretUrl::new(url));
        config.origin.timeout = Span::ms(400);
    });
    let world = world.await;
    world.origin.with(|state| state.slow = FOR_EVER);
    for _ in 0..10 {
        assert_eq!(hold(&world, &[]).await.status, 200);
    }
    assert_eq!(world.origin.with(|state| state.got.len()), 1, "nobody else found out for himself");
    let keys = |got: &[crate::origin::Got]| got[0].headers["idempotency-key"].clone();
    assert_eq!(second.with(|state| state.got.len()), 10);
    assert_eq!(world.origin.with(|state| keys(&state.got)), second.with(|state| keys(&state.got)), "the same key");
}

#[tokio::test]
async fn an_open_breaker_says_when_it_tries_again() {
    let world = World::start_with(|config| {
        config.origin.timeout = Span::ms(50);
        config.origin.breaker.base_timeout = Span::s(20);
    });
    let world = world.await;
    world.origin.with(|state| state.slow = FOR_EVER);
    for _ in 0..5 {
        let late = hold(&world, &[]).await;
        assert_eq!((late.code().0, late.header("retry-after")), (504, "1"));
    }
    assert_eq!(breaker(&world).await, "open");
    let got = world.origin.with(|state| state.got.len());
    let refused = hold(&world, &[]).await;
    assert_eq!(refused.code(), (503, "origin_unavailable".to_owned()));
    assert!((2..=20).contains(&refused.header("retry-after").parse::<u64>().unwrap()), "{:?}", refused.headers);
    // Loads have a breaker of their own, and after five failures it does the same.
    let later = |miss: Answer| (2..=20).contains(&miss.header("retry-after").parse::<u64>().unwrap());
    world.eventually("loads are given up, too", async || later(world.get("/v1/availability/miss").await)).await;
    assert_eq!(world.origin.with(|state| state.got.iter().filter(|got| got.path.starts_with("/v1")).count()), got);
}

/// The breaker's own time is an hour: only the node's looks bring the calls back before the test is over.
#[tokio::test]
async fn an_origin_that_comes_back_is_noticed_before_the_breakers_time() {
    let world = World::start_with(|config| {
        config.origin.timeout = Span::ms(50);
        config.origin.breaker.base_timeout = Span(FOR_EVER);
        config.origin.breaker.max_timeout = Span(FOR_EVER);
    });
    let world = world.await;
    world.origin.with(|state| state.slow = FOR_EVER);
    for _ in 0..5 {
        hold(&world, &[]).await;
    }
    assert_eq!(breaker(&world).await, "open");
    world.origin.with(|state| state.slow = Duration::ZERO);
    world.eventually("half open", async || breaker(&world).await == "half-open").await;
    for _ in 0..2 {
        assert_eq!(hold(&world, &[]).await.status, 200);
    }
    assert_eq!(breaker(&world).await, "closed");
}
