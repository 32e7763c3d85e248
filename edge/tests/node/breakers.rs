//! What may open a breaker: what the network or an origin did, never what a caller sent.

use std::time::Duration;

use http::Method;
use onhand_http::{auth::Scope, setting::Span};
use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};

use crate::world::{Answer, World, fact};

const HOLD: &str = r#"{"lines":[{"sku":"a","quantity":1}]}"#;
const FOR_EVER: Duration = Duration::from_secs(3600);
/// Longer than a busy machine stands still: only what a caller sends may end a call before.
const PATIENT: Span = Span::s(30);

async fn hold(world: &World, more: &[(&str, &str)]) -> Answer {
    let token = world.token(Scope::Storefront);
    let key = uuid::Uuid::new_v4().to_string();
    let headers = [&[("authorization", token.as_str()), ("idempotency-key", &key)], more].concat();
    world.post("/v1/reservations", &headers, HOLD).await
}

/// Of calls, then of loads.
async fn breakers(world: &World) -> (i64, i64) {
    let of = async |way: &str| world.metric(&format!("edge_origin_breaker_state{{of=\"{way}\"}}")).await;
    (of("calls").await, of("loads").await)
}

#[tokio::test]
async fn a_caller_without_time_is_answered_and_moves_no_breaker() {
    let world = World::start_with(|config| {
        config.origin.breaker.failure_threshold = 2;
        config.origin.timeout = PATIENT;
    })
    .await;
    for ms in ["0", "1", "9", "-1", "1.5", "", "ten"] {
        let refused = hold(&world, &[("onhand-timeout-ms", ms)]).await;
        assert_eq!(
            (refused.status, refused.json()["field"].as_str()),
            (400.try_into().unwrap(), Some("Onhand-Timeout-Ms"))
        );
    }
    world.origin.with(|state| state.slow = Duration::from_millis(200));
    for _ in 0..6 {
        assert_eq!(hold(&world, &[("onhand-timeout-ms", "10")]).await.code(), (504, "deadline_exceeded".to_owned()));
    }
    assert_eq!(breakers(&world).await, (0, 0));
    assert_eq!(hold(&world, &[]).await.status, 200);
}

/// The first origin refuses connections; the second would answer, but not in the caller's time.
#[tokio::test]
async fn one_origin_gone_and_a_hurried_caller_move_no_breaker() {
    let world = World::start_with(|config| {
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        config.origin.urls.insert(0, onhand_http::setting::SecretUrl::new(format!("http://{gone}")));
        config.origin.breaker.failure_threshold = 2;
        config.origin.timeout = PATIENT;
    })
    .await;
    world.origin.with(|state| state.slow = Duration::from_millis(200));
    for _ in 0..6 {
        assert_eq!(hold(&world, &[("onhand-timeout-ms", "50")]).await.code().0, 504);
    }
    assert_eq!(breakers(&world).await.0, 0);
    assert_eq!(hold(&world, &[]).await.status, 200);
}

fn odd_text() -> impl Strategy<Value = String> {
    const ODD: &[&str] =
        &["", "0", "9", "10", "-1", "1e9", "99999999999999999999", "close", "chunked", "*/*", "100-continue", "\u{e9}"];
    prop_oneof![
        proptest::sample::select(ODD).prop_map(str::to_owned),
        "[ -~]{0,40}",
        "[a-z]{1000,3000}",
        Just("x".repeat(5000)),
    ]
}

type OddCall = (Method, String, Vec<(&'static str, String)>, String);

/// A call as anybody may send it: method, path with query, headers, body.
fn odd_call() -> impl Strategy<Value = OddCall> {
    const NAMES: &[&str] = &[
        "onhand-timeout-ms",
        "onhand-max-staleness",
        "onhand-session",
        "idempotency-key",
        "traceparent",
        "expect",
        "x-correlation-id",
        "content-type",
        "accept",
        "if-none-match",
        "origin",
        "last-event-id",
        "content-encoding",
    ];
    const PATHS: &[&str] = &[
        "/v1/reservations",
        "/v1/reservations/01890a5d-ac96-774b-bcce-b302099a8057/confirm",
        "/v1/quotes",
        "/v1/reservations/01890a5d-ac96-774b-bcce-b302099a8057",
        "/v1/availability/a",
        "/v1/availability/query",
        "/v1/availability/a?reservation=01890a5d-ac96-774b-bcce-b302099a8057",
    ];
    const QUERIES: &[&str] = &["", "?quantity=1", "?location=eu-1&channel=web", "?x=%00%ff", "&quantity=9999999999"];
    let bodies = prop_oneof![
        Just(HOLD.to_owned()),
        Just(String::new()),
        Just(format!("{{\"reason\":\"{}\"}}", "n".repeat(600_000))),
        "[ -~]{0,60}",
        Just("[".repeat(100_000)),
    ];
    let headers = vec((proptest::sample::select(NAMES), odd_text()), 0..4);
    let method = prop_oneof![Just(Method::GET), Just(Method::POST), Just(Method::PUT), Just(Method::DELETE)];
    let path = (proptest::sample::select(PATHS), proptest::sample::select(QUERIES));
    (method, path.prop_map(|(path, query)| format!("{path}{query}")), headers, bodies, any::<bool>()).prop_map(
        |(method, path, mut headers, body, json)| {
            if json {
                headers.retain(|(name, _)| *name != "content-type");
                headers.push(("content-type", "application/json".to_owned()));
            }
            (method, path, headers, body)
        },
    )
}

/// One failure would open it.
#[tokio::test]
async fn no_header_query_or_body_moves_a_breaker() {
    let world = World::start_with(|config| {
        config.origin.breaker.failure_threshold = 1;
        config.origin.timeout = PATIENT;
    })
    .await;
    world.store(fact("a", "eu-1", 5, 1));
    let mut runner = TestRunner::new(Config::default());
    let token = world.token(Scope::Storefront);
    for _ in 0..400 {
        let call = odd_call().new_tree(&mut runner).unwrap().current();
        let (method, path, headers, body) = call;
        let said = format!("{method} {path} {headers:.60?}, a body of {}", body.len());
        let mut headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        headers.push(("authorization", &token));
        world.origin.with(|state| state.slow = Duration::from_millis(u64::from(body.len() % 3 == 0) * 15));
        // The node may close the connection while a large body is still on its way.
        let _answered = world.try_call(method, &path, &headers, &body).await;
        assert_eq!(breakers(&world).await, (0, 0), "{said}");
    }
}

#[tokio::test]
async fn loads_that_fail_do_not_stop_writes_nor_writes_that_fail_loads() {
    let world = World::start_with(|config| {
        config.origin.timeout = Span::ms(50);
        config.origin.breaker.base_timeout = Span(FOR_EVER);
        config.origin.breaker.max_timeout = Span(FOR_EVER);
    })
    .await;
    world.origin.with(|state| state.slow_loads = FOR_EVER);
    for _ in 0..5 {
        assert_eq!(world.get("/v1/availability/a").await.code().0, 503);
    }
    assert_eq!(breakers(&world).await, (0, 1));
    assert_eq!(hold(&world, &[]).await.status, 200, "writes go on");
    assert_eq!(world.get("/health").await.json()["circuit_breaker_state"], "closed");

    let world = World::start_with(|config| {
        config.origin.timeout = Span::ms(50);
        config.origin.breaker.base_timeout = Span(FOR_EVER);
        config.origin.breaker.max_timeout = Span(FOR_EVER);
    })
    .await;
    world.store(fact("a", "eu-1", 5, 1));
    world.origin.with(|state| state.slow_calls = FOR_EVER);
    for _ in 0..5 {
        assert_eq!(hold(&world, &[]).await.code().0, 504);
    }
    assert_eq!(breakers(&world).await.0, 1);
    assert_eq!(world.available("a").await, 5, "loads go on");
}

#[tokio::test]
async fn a_lookup_that_leaves_a_reservation_out_needs_a_storefronts_token_and_a_place() {
    let world = World::start_with(|config| {
        config.limits.reservation_lookups = 2;
        config.origin.timeout = Span::s(20);
    })
    .await;
    world.store(fact("a", "eu-1", 5, 1));
    assert_eq!(world.available("a").await, 5);
    let path = "/v1/availability/a?reservation=01890a5d-ac96-774b-bcce-b302099a8057";
    let loads = world.origin.with(|state| state.loads.len());
    assert_eq!(world.get(path).await.code(), (401, "unauthenticated".to_owned()));
    assert_eq!(world.origin.with(|state| state.loads.len()), loads, "the origin was not asked");
    let token = world.token(Scope::Storefront);
    let headers = [("authorization", token.as_str())];
    assert_eq!(world.get_with(path, &headers).await.status, 200);

    world.origin.with(|state| state.slow_loads = FOR_EVER);
    let (one, other) = (world.get_with(path, &headers), world.get_with(path, &headers));
    let crowded = async {
        world.eventually("both wait", async || world.origin.with(|state| state.loads.len()) == loads + 3).await;
        let refused = world.get_with(path, &headers).await;
        assert_eq!(refused.code(), (503, "overloaded".to_owned()));
        assert_eq!(world.available("a").await, 5, "lookups from the cache go on");
        world.origin.with(|state| state.slow_loads = Duration::ZERO);
    };
    let (one, other, ()) = tokio::join!(one, other, crowded);
    assert_eq!((one.status.as_u16(), other.status.as_u16()), (200, 200));
}
