//! Accepting: once, everywhere the same, or refused with what to do.

use std::collections::BTreeSet;

use onhand_harness::eventually;
use serde_json::json;
use tokio::task::JoinSet;

use super::{body, books, count, id, is, lane, place, read, ready, settle, world};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_queued_decided_and_shown_on_every_node() {
    let world = world().edges(2).origins(2).ready().await;
    world.location("a", 0).await;
    world.stock("x", "a", 5).await;
    ready(&world).await;
    let placed = place(&world, world.edge(0), "k-1", body("x", 3)).await.expect(202);
    assert_eq!(placed.json()["state"], "queued");
    assert!(placed.json().get("ahead").is_some() && placed.json().get("eta_s").is_some(), "{}", placed.text());
    let (order, location) = (id(&placed), placed.header("location").unwrap().to_owned());
    assert!(location.starts_with(&format!("/v1/orders/{order}?place=")), "{location}");
    for node in [world.edge(0), world.edge(1), world.origin(0), world.origin(1)] {
        let seen = node.client(&world.tokens.storefront).get(&location).await.expect(200).json();
        assert!(matches!(seen["state"].as_str(), Some("queued" | "confirmed")), "from its 202 on: {seen}");
        is(&world, node, &order, "confirmed").await;
        let shown = read(&world, node, &order).await;
        assert!(shown["ahead"].is_null() && shown["eta_s"].is_null() && shown["reason"].is_null(), "{shown}");
        let reservation = format!("/v1/reservations/{}", shown["reservation_id"].as_str().unwrap());
        let held = node.client(&world.tokens.storefront).get(&reservation).await.expect(200).json();
        assert_eq!((held["state"].as_str(), held["lines"][0]["confirmed"].as_i64()), (Some("confirmed"), Some(3)));
    }
    eventually!(world.edge(1).anonymous().get("/v1/availability/x").await.json()["available"] == 2);
    let more = place(&world, world.edge(1), "k-2", body("x", 3)).await.expect(202);
    is(&world, world.edge(0), &id(&more), "sold_out").await;
    assert_eq!(read(&world, world.edge(0), &id(&more)).await["reason"], "insufficient_stock");
    let direct = place(&world, world.origin(1), "k-3", body("x", 2)).await.expect(202);
    is(&world, world.edge(0), &id(&direct), "confirmed").await;
    assert_eq!(books(&world, "x").await, (2, 5));
}

/// Contract: one subject and key name one order, for ever, on any node.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_from_many_callers_is_one_order() {
    let world = world().edges(2).origins(2).ready().await;
    world.location("a", 0).await;
    for sku in ["x", "y"] {
        world.stock(sku, "a", 500).await;
    }
    ready(&world).await;
    let nodes = [world.edge(0), world.edge(1), world.edge(0), world.edge(1), world.origin(0)];
    let mut callers = JoinSet::new();
    for caller in 0..50_usize {
        let client = nodes[caller % nodes.len()].client(&world.tokens.storefront);
        let mut order = body(if caller % 7 == 0 { "y" } else { "x" }, 1 + (caller % 3) as i64);
        if caller % 5 == 0 {
            order["priority"] = json!("low");
        }
        callers.spawn(async move { settle(&client, "one-key", order).await });
    }
    let answers = callers.join_all().await;
    assert!(answers.iter().all(|answer| matches!(answer.status, 202 | 422)), "{answers:?}");
    let accepted: Vec<_> = answers.iter().filter(|answer| answer.status == 202).collect();
    assert_eq!(accepted.iter().map(|answer| id(answer)).collect::<BTreeSet<_>>().len(), 1);
    let order = id(accepted[0]);
    is(&world, world.edge(0), &order, "confirmed").await;
    assert_eq!(count(&world, "true").await, 1, "one row");
    let holds = world.sql("SELECT count(*) FROM reservations").await[0].get::<_, i64>(0);
    assert_eq!(holds, 1, "one hold");
    // Which of them was the first is known now, and any other body is told.
    let row = &world.sql("SELECT lane, sku FROM orders WHERE sku <> 'probe'").await[0];
    let (lane, sku): (String, String) = (row.get(0), row.get(1));
    let mut other = body(&sku, 9);
    other["priority"] = json!(lane);
    let told = place(&world, world.origin(1), "one-key", other).await;
    assert_eq!((told.status, told.code().as_str()), (422, "idempotency_key_reused"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_carried_out_is_refused_at_once() {
    let world = world().ready().await;
    world.location("a", 0).await;
    world.channel("web", &["a"]).await;
    world.stock("x", "a", 5).await;
    ready(&world).await;
    for node in [world.edge(0), world.origin(0)] {
        let client = node.client(&world.tokens.storefront);
        let refused = async |key: Option<&str>, body: serde_json::Value| {
            let call = client.call("POST".parse().unwrap(), "/v1/orders").json(body);
            let answer = if let Some(key) = key { call.key(key) } else { call }.send().await;
            (answer.status, answer.code())
        };
        let with = |name: &str, value: serde_json::Value| {
            let mut order = body("x", 1);
            order[name] = value;
            order
        };
        assert_eq!(refused(Some("r"), body("nothing", 1)).await, (404, "unknown_sku".to_owned()));
        assert_eq!(refused(Some("r"), with("channel", json!("moon"))).await, (404, "unknown_channel".to_owned()));
        assert_eq!(refused(None, body("x", 1)).await, (428, "idempotency_key_required".to_owned()));
        for (name, value) in [
            ("priority", json!("urgent")),
            ("decide_within_s", json!(0)),
            ("lines", json!([])),
            ("ttl_s", json!(0)),
            ("colour", json!("red")),
        ] {
            assert_eq!(refused(Some("r"), with(name, value)).await, (400, "invalid_request".to_owned()), "{name}");
        }
        for nobodys in
            [uuid::Uuid::now_v7().to_string(), "7b1c52d4-8c3a-8f61-9d2e-4f0a6b7c8d9e".to_owned(), "x".to_owned()]
        {
            let answer = client.get(&format!("/v1/orders/{nobodys}")).await;
            assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{nobodys}");
        }
        let fine = client.call("POST".parse().unwrap(), "/v1/orders").key("fine").json(with("channel", json!("web")));
        fine.send().await.expect(202);
    }
    assert_eq!(count(&world, "state = 'rejected'").await, 0);
}

/// Table B: 60 a minute for each subject, changed by the environment, told in headers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sixty_first_order_of_a_minute_is_429() {
    let world = onhand_harness::World::start().ready().await;
    world.location("a", 0).await;
    world.stock("x", "a", 500).await;
    let order = async |number: usize| place(&world, world.edge(0), &format!("k-{number}"), body("x", 1)).await;
    for number in 0..60 {
        let answer = order(number).await;
        assert!(matches!(answer.status, 202 | 503), "{number}: {}", answer.text());
        assert!(answer.header("ratelimit-policy").unwrap().contains("q=60;w=60"), "{:?}", answer.headers);
    }
    let refused = order(61).await;
    assert_eq!((refused.status, refused.code().as_str()), (429, "rate_limited"));
    assert!(refused.header("ratelimit").unwrap().contains("r=0") && refused.header("retry-after").is_some());
    let metric = world.edge(0).metric("gateway_orders_received_total").await;
    assert_eq!(metric, Some(60.0), "a refused call is none that was received");
}

/// The same limit at an origin, which has no Redis to count in; what is refused for other causes counts, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_origin_limits_the_orders_that_are_sent_to_it() {
    let world =
        onhand_harness::World::start().env("RATE_LIMIT_MAX_REQUESTS", "3").env("RATE_LIMIT_WINDOW", "1h").ready().await;
    world.location("a", 0).await;
    world.stock("x", "a", 500).await;
    let origin = world.origin(0);
    assert_eq!(
        place(&world, origin, "none", body("nothing", 1)).await.expect(404).header("ratelimit-policy"),
        Some("\"default\";q=3;w=3600")
    );
    for (number, left) in [(1, "r=1"), (2, "r=0")] {
        let answer = place(&world, origin, &format!("k-{number}"), body("x", 1)).await;
        assert!(matches!(answer.status, 202 | 503), "{number}: {}", answer.text());
        assert!(answer.header("ratelimit").unwrap().contains(left), "{:?}", answer.headers);
    }
    let refused = place(&world, origin, "k-1", body("x", 1)).await;
    assert_eq!(
        (refused.status, refused.code().as_str(), refused.json()["limit"].as_u64()),
        (429, "rate_limited", Some(3))
    );
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!(wait > 60 && refused.header("ratelimit").unwrap().contains("r=0"), "{:?}", refused.headers);
    assert_eq!(origin.metric("origin_rate_limited_total{limit=\"orders\"}").await, Some(1.0));
    let other = origin.client(&world.tokens.issue("another", "storefront", "1h"));
    assert_ne!(other.post("/v1/orders", body("x", 1)).await.status, 429, "each subject has its own");
}

/// Contract: another body under a key is 422 as soon as a node can know; edges of a region know by their Redis, long
/// before the order is taken in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_edge_knows_the_first_body_at_once() {
    let world = world().edges(2).env("ONHAND_ORDERS__MAX_WAIT", "1s").ready().await;
    world.location("a", 0).await;
    world.stock("x", "a", 500).await;
    ready(&world).await;
    for number in 0..10 {
        let key = format!("k-{number}");
        let placed = place(&world, world.edge(0), &key, body("x", 1)).await.expect(202);
        let told = place(&world, world.edge(1), &key, body("x", 2)).await;
        assert_eq!((told.status, told.code().as_str()), (422, "idempotency_key_reused"), "{number}");
        let again = place(&world, world.edge(1), &key, body("x", 1)).await.expect(202);
        assert_eq!(id(&again), id(&placed));
    }
    eventually!(count(&world, "state = 'confirmed'").await == 10);
    // What is refused leaves no trace: the key's next body is the first.
    lane(&world, "high", "pause").await;
    settle(&world.edge(0).client(&world.tokens.storefront), "long", body("x", 1)).await.expect(202);
    world.sql("UPDATE order_lanes SET rate = 0.2").await;
    let mut number = 0;
    let refused = loop {
        let key = format!("late-{number}");
        match place(&world, world.edge(0), &key, body("x", 1)).await.status {
            503 => break key,
            _ => number += 1,
        }
        assert!(number < 100, "an edge looks at the lanes every second");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    };
    world.sql("UPDATE order_lanes SET rate = 500").await;
    lane(&world, "high", "resume").await;
    let other = settle(&world.edge(1).client(&world.tokens.storefront), &refused, body("x", 2)).await;
    assert_eq!(other.status, 202, "{}", other.text());
}
