//! Shops that share an origin, kept apart by a claim of their tokens; and the token that an edge carries.

use std::time::Duration;

use onhand_harness::{Client, Reply, World, eventually};
use serde_json::{Value, json};
use uuid::Uuid;

const VERBS: [&str; 5] = ["extend", "confirm", "cancel", "fulfil", "return"];
const UNKNOWN: &str = "0193a1b2-7c4d-7e8f-9a0b-1c2d3e4f5a6b";

async fn shared(more: &[(&str, &str)]) -> World {
    let builder = World::start().env("ONHAND_AUTH__OWNER_CLAIM", "shop");
    let world = more.iter().fold(builder, |builder, (name, value)| builder.env(name, value)).ready().await;
    world.location("eu-1", 0).await;
    world.stock("x", "eu-1", 100).await;
    eventually!(available(&world, "x").await == 100);
    world
}

async fn available(world: &World, sku: &str) -> i64 {
    let reply = world.edge(0).anonymous().get(&format!("/v1/availability/{sku}")).await;
    reply.json()["available"].as_i64().unwrap_or(-1)
}

fn storefront(world: &World, shop: &str) -> String {
    world.tokens.issue_with("storefront", "storefront", &format!("shop={shop}"))
}

fn hold(quantity: i64) -> Value {
    json!({"lines": [{"sku": "x", "quantity": quantity}], "ttl_s": 86400})
}

fn id(reply: &Reply) -> String {
    reply.json()["id"].as_str().expect("an id").to_owned()
}

/// The problem without what differs from call to call.
fn told(reply: &Reply) -> (u16, Value) {
    let mut body = reply.json();
    body["correlation_id"] = Value::Null;
    (reply.status, body)
}

fn body(verb: &str) -> Value {
    match verb {
        "extend" => json!({"ttl_s": 60}),
        "return" => json!({"lines": [{"line": 0, "quantity": 1}]}),
        _ => json!({}),
    }
}

/// At the edge and at the origin alike.
fn both(world: &World, token: &str) -> [Client; 2] {
    [world.edge(0).client(token), world.origin(0).client(token)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anothers_reservation_is_as_if_it_did_not_exist() {
    let world = shared(&[]).await;
    let (a, b) = (storefront(&world, "a"), storefront(&world, "b"));
    let held = id(&world.edge(0).client(&a).post("/v1/reservations", hold(5)).await.expect(201));

    for stranger in both(&world, &b) {
        let (theirs, nobodys) = (format!("/v1/reservations/{held}"), format!("/v1/reservations/{UNKNOWN}"));
        let (theirs, nobodys) = (stranger.get(&theirs).await, stranger.get(&nobodys).await);
        assert_eq!((theirs.status, told(&theirs)), (404, told(&nobodys)));
        for verb in VERBS.into_iter().filter(|verb| !["fulfil", "return"].contains(verb)) {
            let theirs = stranger.post(&format!("/v1/reservations/{held}/{verb}"), body(verb)).await;
            let nobodys = stranger.post(&format!("/v1/reservations/{UNKNOWN}/{verb}"), body(verb)).await;
            assert_eq!((theirs.status, told(&theirs)), (404, told(&nobodys)), "{verb}");
        }
    }
    for own in both(&world, &a) {
        assert_eq!(own.get(&format!("/v1/reservations/{held}")).await.expect(200).json()["state"], "held");
    }

    // A lookup leaves out its own owner's hold only, whoever loads the facts.
    let without = async |token: &str| {
        let path = format!("/v1/availability/x?reservation={held}");
        world.edge(0).client(token).get(&path).await.expect(200).json()["available"].as_i64()
    };
    assert_eq!((without(&a).await, without(&b).await), (Some(100), Some(95)));
    assert_eq!(without(&world.tokens.fulfilment).await, Some(100), "who ships sees all");

    // Shipping and operating are done for every shop.
    for client in both(&world, &world.tokens.fulfilment) {
        client.get(&format!("/v1/reservations/{held}")).await.expect(200);
    }
    world.edge(0).client(&a).post(&format!("/v1/reservations/{held}/confirm"), json!({})).await.expect(200);
    let ship = world.edge(0).client(&world.tokens.fulfilment);
    ship.post(&format!("/v1/reservations/{held}/fulfil"), json!({})).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_another_owners_other_key() {
    let world = shared(&[]).await;
    let create = async |token: &str, key: &str, quantity: i64| {
        let client = world.edge(0).client(token);
        client.call("POST".parse().unwrap(), "/v1/reservations").key(key).json(hold(quantity)).send().await
    };
    let (a, b) = (storefront(&world, "a"), storefront(&world, "b"));
    let first = create(&a, "same", 3).await.expect(201);
    let second = create(&b, "same", 4).await.expect(201);
    assert_eq!(second.header("idempotent-replayed"), None, "no kept answer of another's, and no 422 that tells of it");
    assert_ne!(id(&first), id(&second));
    let again = create(&a, "same", 3).await.expect(201);
    assert_eq!((again.header("idempotent-replayed"), id(&again)), (Some("true"), id(&first)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storefront_without_an_owner_is_refused() {
    let world = shared(&[]).await;
    let long = "x".repeat(256);
    let tokens = [world.tokens.storefront.clone(), storefront(&world, ""), storefront(&world, &long)];
    for token in tokens {
        for client in both(&world, &token) {
            for reply in [
                client.post("/v1/reservations", hold(1)).await,
                client.get(&format!("/v1/reservations/{UNKNOWN}")).await,
                client.post(&format!("/v1/reservations/{UNKNOWN}/cancel"), json!({})).await,
            ] {
                let told = reply.json();
                assert_eq!((reply.status, told["code"].as_str()), (403, Some("forbidden")), "{told}");
                assert!(told["detail"].as_str().unwrap().contains("shop"), "it names the claim: {told}");
            }
        }
    }
    for token in [&world.tokens.fulfilment, &world.tokens.operator, &world.tokens.admin] {
        world.origin(0).client(token).post("/v1/reservations", hold(1)).await.expect(201);
    }
}

/// Held over two edges' worth of callers at once: the limit is decided in the batch, not before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_holds_at_once_stop_at_the_owners_limit() {
    let limits =
        [("ONHAND_ORIGIN__RESERVATIONS__MAX_OPEN_UNITS", "10"), ("ONHAND_ORIGIN__RESERVATIONS__MAX_TTL", "1day")];
    let world = shared(&limits).await;
    let token = storefront(&world, "a");
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..100 {
        let client = both(&world, &token)[number % 2].clone();
        calls.spawn(async move { client.post("/v1/reservations", hold(1)).await });
    }
    let replies = calls.join_all().await;
    let of = |status: u16| replies.iter().filter(|reply| reply.status == status).count();
    assert_eq!((of(201), of(429)), (10, 90));
    let refused = replies.iter().find(|reply| reply.status == 429).unwrap();
    let told = refused.json();
    assert_eq!((&told["code"], &told["limit"], &told["open"]), (&json!("rate_limited"), &json!(10), &json!(10)));
    assert_eq!((told["retry"].as_str(), refused.header("retry-after")), (Some("later"), Some("1")), "{told}");
    world.edge(0).client(&storefront(&world, "b")).post("/v1/reservations", hold(10)).await.expect(201);

    let mut long = hold(1);
    long["ttl_s"] = 86_401.into();
    let client = world.edge(0).client(&storefront(&world, "c"));
    let refused = client.post("/v1/reservations", long).await.expect(400).json();
    assert!(refused["field"] == "ttl_s" && refused["detail"].as_str().unwrap().contains("86400"), "{refused}");
    let held = id(&client.post("/v1/reservations", hold(1)).await.expect(201));
    let extended = client.post(&format!("/v1/reservations/{held}/extend"), json!({"ttl_s": 86_401})).await;
    assert_eq!(extended.expect(400).json()["field"], "ttl_s");
}

/// What an edge has not loaded yet: an answer needs its own token.
async fn loads(world: &World) -> u16 {
    world.edge(0).anonymous().get(&format!("/v1/availability/{}", Uuid::new_v4())).await.status
}

async fn told_of_the_token(world: &World) -> usize {
    world.edge(0).log().matches("refuses this edge's own token").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edge_carries_what_its_token_file_says() {
    let world = World::start().ready().await;
    let edge = world.edge(0);
    let changes = async |outcome: &str| {
        let sample = format!("edge_origin_token_changes_total{{outcome=\"{outcome}\"}}");
        edge.metric(&sample).await.unwrap_or_default()
    };
    assert_eq!(loads(&world).await, 404, "there is no such SKU: the origin was asked");

    // A file that holds no token changes nothing, and is told once.
    let expired = "e30.eyJleHAiOjF9.c2ln"; // {"exp":1}
    for (count, bad) in [(1.0, ""), (2.0, "nonsense"), (3.0, expired)] {
        std::fs::write(world.carried(0), bad).unwrap();
        eventually!(changes("refused").await == count);
        assert_eq!(loads(&world).await, 404);
    }
    std::fs::remove_file(world.carried(0)).unwrap();
    eventually!(changes("refused").await == 4.0);
    assert_eq!(loads(&world).await, 404);

    // Another token, of the wrong scope: the origin refuses it, and the log says so in words, once.
    std::fs::write(world.carried(0), format!("{}\n", world.tokens.storefront)).unwrap();
    eventually!(changes("taken").await == 1.0);
    eventually!(loads(&world).await == 503);
    for _ in 0..5 {
        loads(&world).await;
    }
    assert_eq!(told_of_the_token(&world).await, 1, "once in a while, not for each call");
    assert!(edge.log().contains("onhand token issue --scope edge"), "it says what to do");
    assert!(edge.metric("edge_origin_token_refused_total").await.unwrap() >= 5.0);

    let next = world.tokens.issue("edge-1", "edge", "1h");
    std::fs::write(world.carried(0), next).unwrap();
    eventually!(Duration::from_secs(60), loads(&world).await == 404);
    assert_eq!(changes("taken").await, 2.0);
}
