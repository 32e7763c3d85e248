//! One caller takes all that it may have of a node, and more; the others notice nothing.

use std::{sync::Arc, time::Duration};

use onhand_http::{auth::Scope, setting::Span};
use onhand_wire::event::Change;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::world::{Answer, World, fact, soon};

const FOR_EVER: Span = Span::s(3600);

fn limited(answer: &Answer, most: u64) {
    assert_eq!(answer.code(), (429, "rate_limited".to_owned()), "{}", answer.text);
    let problem = answer.json();
    assert_eq!((&problem["limit"], &problem["retry"]), (&json!(most), &json!("later")));
    assert!(problem["detail"].as_str().unwrap().contains(&most.to_string()), "{}", answer.text);
    assert!(!answer.header("retry-after").is_empty());
}

/// So many made-up names, as a query.
fn made_up(prefix: &str, count: usize) -> String {
    let skus: Vec<String> = (0..count).map(|number| format!("{prefix}-{number}")).collect();
    json!({ "skus": skus }).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_with_a_thousand_streams_leaves_streams_and_changes_to_others() {
    let world = World::start().await;
    world.store(fact("a", "eu-1", 5, 1));
    let mut held = Vec::new();
    for _ in 0..1000 {
        held.push(world.stream("/v1/stream?sku=a", &[]).await);
    }
    limited(&world.get("/v1/stream?sku=a").await, 1000);
    assert_eq!(world.metric("edge_rate_limited_total{limit=\"streams\"}").await, 1);
    let mut other = world.stream_elsewhere("/v1/stream?sku=a").await;
    assert_eq!(other.availability().await.number("available"), 5);
    let token = world.token_of("shop", Scope::Storefront);
    let by_token = world.stream("/v1/stream?sku=a", &[("authorization", &token)]).await;
    assert_eq!(by_token.header("content-type"), "text/event-stream", "a subject has a share of its own");
    world.publish(Change::Fact(fact("a", "eu-1", 4, 2)));
    assert_eq!(other.availability().await.number("available"), 4);
    assert_eq!(world.available("a").await, 4, "lookups are none of them");
    held.truncate(999);
    world.eventually("its place is free", async || world.opens("/v1/stream?sku=a").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_waits_for_its_share_of_misses_leaves_the_rest_to_others() {
    let world = World::start_with(|config| {
        config.origin.timeout = FOR_EVER;
        config.limits.queue_time = FOR_EVER; // a busy machine may be slow about it
    });
    let world = Arc::new(world.await);
    world.store(fact("a", "eu-1", 5, 1));
    world.origin.with(|state| state.slow = FOR_EVER.0);
    let mut asking = JoinSet::new();
    for number in 0..10 {
        let (world, body) = (world.clone(), made_up(&format!("none{number}"), 500));
        asking.spawn(async move { world.post("/v1/availability/query", &[], &body).await });
    }
    // Each name counts, not each request: ten of them are the whole share, and the same ten once more no more.
    world.eventually("they wait", async || world.metric("edge_waiting_skus").await == 5000).await;
    limited(&soon(world.get("/v1/availability/one-more")).await, 5000);
    limited(&soon(world.post("/v1/availability/query", &[], &made_up("more", 500))).await, 5000);
    limited(&soon(world.get("/v1/stream?sku=a")).await, 5000);
    for number in 0..10 {
        let (world, body) = (world.clone(), made_up(&format!("none{number}"), 500));
        asking.spawn(async move { world.post("/v1/availability/query", &[], &body).await });
    }
    let other = {
        let world = world.clone();
        tokio::spawn(async move { world.get_elsewhere("/v1/availability/a").await })
    };
    world.eventually("it waits for the origin", async || world.metric("edge_waiting_skus").await == 5001).await;
    world.origin.with(|state| state.slow = Duration::ZERO);
    assert_eq!(soon(other).await.unwrap().status, 200);
    while let Some(answered) = asking.join_next().await {
        assert_eq!(
            answered.unwrap().json()["unknown"].as_array().map(Vec::len),
            Some(500),
            "those that waited went on"
        );
    }
    assert_eq!(world.get("/v1/availability/one-more").await.status, 404);
}

/// A hundred SKUs of stock are all that L1 is asked to hold; ten thousand made-up names come by.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_made_up_names_pushes_no_stock_out_of_the_cache() {
    let world = World::start_with(|config| config.cache.entries = 100).await;
    let stock: Vec<String> = (0..100).map(|number| format!("sku-{number}")).collect();
    stock.iter().for_each(|sku| world.store(fact(sku, "eu-1", 5, 1)));
    let body = json!({ "skus": stock }).to_string();
    let query = async || world.post("/v1/availability/query", &[], &body).await;
    assert_eq!(query().await.json()["items"].as_array().map(Vec::len), Some(100));
    let sources = async || {
        let mut sources = Vec::new();
        for sku in &stock {
            sources.push(world.get(&format!("/v1/availability/{sku}")).await.header("onhand-source").to_owned());
        }
        sources
    };
    assert_eq!(sources().await, ["l1"; 100]);
    for number in 0..20 {
        let answer = world.post("/v1/availability/query", &[], &made_up(&format!("none{number}"), 500)).await;
        assert_eq!(answer.json()["unknown"].as_array().map(Vec::len), Some(500));
    }
    // Whatever a thread remembers apart from the cache is forgotten with each change.
    for sku in &stock {
        world.publish(Change::Fact(fact(sku, "eu-1", 6, 2)));
    }
    world.eventually("the last one is in", async || world.available("sku-99").await == 6).await;
    assert_eq!(sources().await, ["l1"; 100], "all of it is still there");
}

#[tokio::test]
async fn an_unknown_sku_is_asked_for_once_in_a_while_and_shown_once_it_is_created() {
    let world = World::start_with(|config| config.cache.unknown_ttl = FOR_EVER).await;
    let loads = || world.origin.with(|state| state.loads.iter().filter(|load| load.skus[0].as_str() == "new").count());
    for _ in 0..3 {
        assert_eq!(world.get("/v1/availability/new").await.code(), (404, "unknown_sku".to_owned()));
    }
    assert_eq!(loads(), 1);
    world.publish(Change::Item(crate::world::item("new")));
    world.publish(Change::Fact(fact("new", "eu-1", 7, 1)));
    world.eventually("created", async || world.available("new").await == 7).await;
    assert_eq!(loads(), 1, "through the feed alone");
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

#[tokio::test]
async fn an_address_has_so_many_connections_where_that_is_set_and_no_more() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let world = World::start_with(|config| config.http.max_connections_per_peer = 3).await;
    world.store(fact("a", "eu-1", 5, 1));
    assert_eq!(world.available("a").await, 5); // its client keeps one of the three open
    let (_first, second) = (world.connect().await, world.connect().await);
    world.eventually("three open", async || world.metric("edge_connections").await == 3).await;
    let mut third = world.connect().await;
    third.write_all(b"GET /v1/availability/a HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut told = String::new();
    soon(third.read_to_string(&mut told)).await.unwrap();
    assert!(told.starts_with("HTTP/1.1 429") && told.contains("retry-after: 1\r\n"), "{told}");
    let problem: Value = serde_json::from_str(told.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!((&problem["code"], number(&problem["limit"])), (&json!("rate_limited"), 3));
    assert_eq!(world.get_elsewhere("/v1/availability/a").await.status, 200);
    assert_eq!(world.metric("edge_rate_limited_total{limit=\"connections\"}").await, 1);
    drop(second);
    world.eventually("room", async || world.metric("edge_connections").await == 3).await;
    let mut fourth = world.connect().await;
    fourth.write_all(b"GET /v1/availability/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    soon(fourth.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
