//! How often a caller may, counted by the node itself. Several nodes and Redis: tests/it/limits.rs.

use onhand_http::{auth::Scope, rate::RateConfig, setting::Span};

use crate::world::{Answer, World, fact};

const HOUR: Span = Span::s(3600);

fn quota(answer: &Answer) -> (&str, &str) {
    (answer.header("ratelimit"), answer.header("ratelimit-policy"))
}

fn refused(answer: &Answer, policy: &str) {
    assert_eq!(answer.code(), (429, "rate_limited".to_owned()));
    assert_eq!(answer.json()["retry"], "later");
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert_eq!(quota(answer), (format!("\"default\";r=0;t={wait}").as_str(), policy));
    assert!(wait >= 1);
}

#[tokio::test]
async fn nothing_is_limited_unless_the_configuration_says_so() {
    let world = World::start().await;
    world.store(fact("a", "eu-1", 5, 1));
    for _ in 0..100 {
        let shown = world.get("/v1/availability/a").await;
        assert_eq!((shown.status.as_u16(), quota(&shown)), (200, ("", "")));
    }
    let token = world.token(Scope::Storefront);
    for _ in 0..100 {
        let read = world.get_with("/v1/reservations/none", &[("authorization", &token)]).await;
        assert_eq!((read.status.as_u16(), quota(&read)), (404, ("", "")));
    }
}

#[tokio::test]
async fn lookups_are_limited_by_subject_or_else_by_address() {
    let world = World::start_with(|config| {
        config.limits.lookups = RateConfig { max_requests: 3, window: HOUR };
        config.limits.trusted_proxies = 1;
    });
    let world = world.await;
    world.store(fact("a", "eu-1", 5, 1));
    let policy = "\"default\";q=3;w=3600";
    let sample = "edge_rate_limited_total{limit=\"lookups\"}";
    let before = world.metric(sample).await.max(0);
    let from = |address: &'static str| [("x-forwarded-for", address)];
    for left in (0..3).rev() {
        let shown = world.get_with("/v1/availability/a", &from("6.6.6.6, 1.1.1.1")).await;
        assert_eq!(shown.status, 200);
        assert_eq!(quota(&shown), (format!("\"default\";r={left};t=3600").as_str(), policy));
    }
    // The address before the proxy's is the caller's own word: another one does not help.
    let over = world.get_with("/v1/availability/a", &from("7.7.7.7, 1.1.1.1")).await;
    refused(&over, policy);
    refused(&world.call(http::Method::POST, "/v1/availability/query", &from("1.1.1.1"), "").await, policy);
    assert_eq!(world.metric(sample).await, before + 2);
    assert_eq!(world.get_with("/v1/availability/a", &from("1.1.1.2")).await.status, 200);
    for subject in ["shop-1", "shop-2"] {
        let token = world.token_of(subject, Scope::Storefront);
        let headers = [("x-forwarded-for", "1.1.1.1"), ("authorization", &token)];
        for _ in 0..3 {
            assert_eq!(world.get_with("/v1/availability/a", &headers).await.status, 200);
        }
        refused(&world.get_with("/v1/availability/a", &headers).await, policy);
    }
    let bad = [("x-forwarded-for", "1.1.1.1"), ("authorization", "Bearer nonsense")];
    refused(&world.get_with("/v1/availability/a", &bad).await, policy);
    let health = world.get("/health").await;
    assert_eq!(quota(&health), ("", ""));
}

#[tokio::test]
async fn reservations_are_limited_by_subject_once_the_token_is_good() {
    let world =
        World::start_with(|config| config.limits.reservations = RateConfig { max_requests: 2, window: HOUR }).await;
    let policy = "\"default\";q=2;w=3600";
    let path = "/v1/reservations";
    for _ in 0..9 {
        let stranger = world.post(path, &[("authorization", "Bearer nonsense")], "{}").await;
        assert_eq!((stranger.status.as_u16(), quota(&stranger)), (401, ("", "")));
    }
    let (mine, yours) = (world.token_of("me", Scope::Storefront), world.token_of("you", Scope::Admin));
    let wrong = world.post(path, &[("authorization", &mine)], "{").await;
    assert_eq!((wrong.status.as_u16(), wrong.header("ratelimit")), (428, "\"default\";r=1;t=3600"));
    let other = world.get_with("/v1/reservations/none", &[("authorization", &mine)]).await;
    assert_eq!((other.status.as_u16(), other.header("ratelimit")), (404, "\"default\";r=0;t=3600"));
    refused(&world.post(path, &[("authorization", &mine)], "{").await, policy);
    assert_eq!(world.post(path, &[("authorization", &yours)], "{").await.status, 428);
    world.store(fact("a", "eu-1", 5, 1));
    assert_eq!(quota(&world.get("/v1/availability/a").await), ("", ""), "another limit");
}

#[tokio::test]
async fn a_window_ends() {
    let short = RateConfig { max_requests: 1, window: Span::s(1) };
    let world = World::start_with(|config| config.limits.reservations = short).await;
    let token = world.token(Scope::Storefront);
    let read = async || world.get_with("/v1/reservations/none", &[("authorization", &token)]).await;
    world.eventually("refused", async || read().await.status == 429).await;
    world.eventually("another window", async || read().await.status == 404).await;
}
