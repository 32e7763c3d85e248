//! Each call's errors, and that nothing was written.

use onhand_harness::{Reply, World};
use serde_json::json;

use super::{LOW, RECONCILE, RELEASE, RESTOCK, STUCK, admin, maintenance, open, operator, rows, storefront};

const POSTS: [&str; 3] = [RECONCILE, RELEASE, RESTOCK];

fn refused(reply: &Reply, status: u16, code: &str) {
    assert_eq!((reply.status, reply.code().as_str()), (status, code), "{}: {}", reply.url, reply.text());
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_refuses_what_it_must_and_writes_nothing() {
    let world = open(World::start().edges(0)).await;
    let before = rows(&world).await;
    for path in [LOW, STUCK] {
        refused(&world.origin(0).anonymous().get(path).await, 401, "unauthenticated");
        refused(&storefront(&world).get(path).await, 403, "forbidden");
        for query in ["limit=0", "limit=501", "limit=x", "cursor=!", "cursor=eHg", "colour=red"] {
            refused(&operator(&world).get(&format!("{path}?{query}")).await, 400, "invalid_request");
        }
    }
    for path in POSTS {
        // The token is judged before media type and body.
        let call = |client: onhand_harness::Client, kind: &str, body: &str| {
            client.call("POST".parse().unwrap(), path).body(kind, body.to_owned()).send()
        };
        refused(&call(world.origin(0).anonymous(), "text/xml", "<").await, 401, "unauthenticated");
        refused(&call(storefront(&world), "text/xml", "<").await, 403, "forbidden");
        refused(&call(operator(&world), "text/xml", "<").await, 415, "unsupported_media_type");
        for body in ["{", "[1]", r#"{"colour":"red"}"#] {
            refused(&call(operator(&world), "application/json", body).await, 400, "invalid_request");
        }
        let long = format!(r#"{{"x":"{}"}}"#, "y".repeat(1 << 20));
        refused(&call(operator(&world), "application/json", &long).await, 413, "too_large");
        refused(&operator(&world).post(&format!("{path}?now=1"), json!({})).await, 400, "invalid_request");
        let key = operator(&world).call("POST".parse().unwrap(), path).header("idempotency-key", "a b");
        let keyed = key.body_only(String::new()).send().await;
        refused(&keyed, 400, "invalid_request");
        assert_eq!(keyed.json()["field"], "Idempotency-Key");
        refused(&operator(&world).get(path).await, 405, "method_not_allowed");
    }
    let x = |on_hand: i64| json!({"sku": "x", "location": "a", "on_hand": on_hand});
    let bodies = [
        (json!({"mode": "guess"}), "mode"),
        (json!({"mode": "apply", "counts": [x(-1)]}), "counts[0].on_hand"),
        (json!({"counts": [{"sku": "x", "location": "a"}]}), "counts[0].on_hand"),
        (json!({"counts": [{"sku": "", "location": "a", "on_hand": 1}]}), "counts[0].sku"),
        (json!({"mode": "apply", "counts": [x(1), x(2)]}), "counts[1]"),
    ];
    for (body, field) in bodies {
        let reply = operator(&world).post(RECONCILE, body).await;
        refused(&reply, 400, "invalid_request");
        assert_eq!(reply.json()["field"], field, "{}", reply.text());
    }
    assert_eq!(rows(&world).await, before, "nothing written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_maintenance_writes_wait_and_reads_go_on() {
    let world = open(World::start().edges(0)).await;
    maintenance(&world, true).await;
    let before = rows(&world).await;
    for (path, body) in [(RECONCILE, json!({"mode": "apply"})), (RELEASE, json!({})), (RESTOCK, json!({}))] {
        let reply = admin(&world).post(path, body).await;
        refused(&reply, 503, "maintenance");
        assert_eq!(reply.json()["message"], "back at nine");
        assert!(reply.header("retry-after").is_some());
    }
    for path in [LOW, STUCK, "/inventory/products/x", "/inventory/products/x/ledger"] {
        operator(&world).get(path).await.expect(200);
    }
    operator(&world).post(RECONCILE, json!({"mode": "report"})).await.expect(200);
    let health = world.origin(0).anonymous().get("/inventory/health").await.expect(200).json();
    assert_eq!((&health["maintenance"], &health["message"]), (&json!(true), &json!("back at nine")));
    assert_eq!(rows(&world).await, before, "nothing written");
    maintenance(&world, false).await;
    let health = world.origin(0).anonymous().get("/inventory/health").await.expect(200).json();
    assert_eq!((&health["maintenance"], &health["message"]), (&json!(false), &json!(null)));
    operator(&world).post(RELEASE, json!({})).await.expect(200);
}
