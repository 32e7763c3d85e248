//! The management listeners' pages, as Spring Actuator has them.

use onhand_harness::{Node, World, eventually};
use serde_json::{Value, json};

use super::{hold, open};

async fn get(node: &Node, path: &str) -> Value {
    node.management().get(path).await.expect(200).json()
}

/// A call of the management listener with a token.
async fn post(node: &Node, token: Option<&str>, path: &str, body: Value) -> onhand_harness::Reply {
    let call = node.management().call("POST".parse().unwrap(), path).json(body);
    let call = match token {
        Some(token) => call.header("authorization", &format!("Bearer {token}")),
        None => call,
    };
    call.send().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_in_springs_json() {
    let world = open(World::start()).await;
    hold(&world, 1, 600).await;
    eventually!(world.edge(0).anonymous().get("/v1/availability/x").await.status == 200);
    world.edge(0).anonymous().get("/v1/availability/x").await.expect(200);
    for (node, name) in [(world.origin(0), "onhand-origin"), (world.edge(0), "onhand-edge")] {
        let links = get(node, "/actuator").await;
        let metrics = links["_links"]["metrics"]["href"].as_str().unwrap().to_owned();
        assert_eq!(metrics, format!("{}/actuator/metrics", node.management_url()));
        assert_eq!(links["_links"]["metrics-name"]["templated"], true);
        assert_eq!(get(node, "/actuator/health").await["status"], "UP");
        let info = get(node, "/actuator/info").await;
        assert_eq!(info["name"], name);
        assert!(info["version"].is_string() && info["region"].is_string() && info["uptime_s"].is_number(), "{info}");
        for metric in get(node, "/actuator/metrics").await["names"].as_array().unwrap() {
            let shown = get(node, &format!("/actuator/metrics/{}", metric.as_str().unwrap())).await;
            assert!(shown["name"] == *metric && shown["measurements"][0]["value"].is_number(), "{shown}");
        }
        node.management().get("/actuator/metrics/jvm.memory.used").await.expect(404);
        node.management().get("/actuator/metrics/cache.gets?tag=x").await.expect(400);
    }
    let health = get(world.origin(0), "/actuator/health").await;
    assert_eq!(
        (&health["components"]["db"]["status"], &health["components"]["kafka"]["status"]),
        (&json!("UP"), &json!("UP"))
    );
    let usage = get(world.origin(0), "/actuator/metrics/hikaricp.connections.usage").await;
    assert!((0.0..=1.0).contains(&usage["measurements"][0]["value"].as_f64().unwrap()), "{usage}");
    let most = get(world.origin(0), "/actuator/metrics/hikaricp.connections.max").await;
    assert_eq!(most["measurements"], json!([{"statistic": "VALUE", "value": 8.0}]));
    let took = get(world.origin(0), "/actuator/metrics/origin.write.duration").await;
    assert!(took["measurements"][0]["value"].as_f64().unwrap() >= 4.0 && took["baseUnit"] == "seconds", "{took}");
    let gets = get(world.edge(0), "/actuator/metrics/cache.gets?tag=cache:l1&tag=result:hit").await;
    assert!(gets["measurements"][0]["value"].as_f64().unwrap() >= 1.0, "{gets}");
    let ratio = get(world.edge(0), "/actuator/metrics/cache.gets?tag=cache:l1").await["hitRatio"].as_f64().unwrap();
    assert!(ratio > 0.0 && ratio < 1.0, "{ratio}");
    world.origin(0).management().get("/actuator/metrics/cache.gets").await.expect(404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_levels_change_while_it_runs() {
    let world = open(World::start()).await;
    let (operator, storefront) = (world.tokens.operator.as_str(), world.tokens.storefront.as_str());
    for (node, module) in [(world.origin(0), "onhand_origin"), (world.edge(0), "onhand_edge")] {
        let path = format!("/actuator/loggers/{module}");
        let debug = json!({"configuredLevel": "debug"});
        post(node, None, &path, debug.clone()).await.expect(401);
        post(node, Some(storefront), &path, debug.clone()).await.expect(403);
        post(node, Some(operator), &path, json!({"configuredLevel": "LOUD"})).await.expect(400);
        post(node, Some(operator), &path, json!({"level": "DEBUG"})).await.expect(400);
        post(node, Some(operator), "/actuator/loggers/a%20b", debug.clone()).await.expect(400);
        let unchanged = json!({"configuredLevel": null, "effectiveLevel": "INFO"});
        assert_eq!(get(node, &path).await, unchanged);
        assert!(!node.log_tail(1000).contains("took_ms"), "each call is told at debug only");
        post(node, Some(operator), &path, debug).await.expect(204);
        if module == "onhand_origin" {
            eventually!(node.log_tail(1000).contains("took_ms"));
        }
        assert_eq!(get(node, &path).await, json!({"configuredLevel": "DEBUG", "effectiveLevel": "DEBUG"}));
        let all = get(node, "/actuator/loggers").await;
        assert_eq!(all["loggers"][module]["effectiveLevel"], "DEBUG", "{all}");
        assert_eq!(all["loggers"]["ROOT"]["configuredLevel"], "INFO", "{all}");
        post(node, Some(operator), &path, json!({"configuredLevel": null})).await.expect(204);
        assert_eq!(get(node, &path).await, unchanged);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_restart_without_failing_a_write() {
    let world = open(World::start().edges(0)).await;
    let path = "/actuator/restart-db-connections";
    post(world.origin(0), None, path, json!({})).await.expect(401);
    post(world.origin(0), Some(&world.tokens.storefront), path, json!({})).await.expect(403);
    let sessions =
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'onhand-origin'";
    let before: Vec<i32> = world.sql(sessions).await.iter().map(|row| row.get(0)).collect();
    let writes = async {
        for _ in 0..40 {
            let body = json!({"location": "a", "delta": 1, "kind": "found", "reason": "r"});
            super::operator(&world).post("/inventory/products/x/adjustments", body).await.expect(200);
        }
    };
    let restarts = async {
        for _ in 0..5 {
            let reply = post(world.origin(0), Some(&world.tokens.operator), path, json!({})).await.expect(200);
            assert!(reply.json()["closed"].as_i64().unwrap() > 0, "{}", reply.text());
        }
    };
    tokio::join!(writes, restarts);
    eventually!(world.sql(sessions).await.iter().all(|row| !before.contains(&row.get(0))));
    let shown = super::operator(&world).get("/inventory/products/x").await.expect(200).json();
    assert_eq!(shown["stock"][0]["on_hand"], 50);
}
