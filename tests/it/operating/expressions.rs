//! A real Prometheus, with the shipped configuration, scrapes real nodes under some load: no recording rule, no alert
//! and no panel of a dashboard may ask for what is not there.

use std::time::Duration;

use onhand_harness::{Watcher, World, eventually};
use serde_json::{Value, json};

use super::repository;

/// With the comparison taken out, an alert's expression answers also while it is quiet.
fn without_comparison(expression: &str) -> String {
    [" > ", " < ", " == "].iter().fold(expression.to_owned(), |text, sign| {
        let already = format!("{sign}bool ");
        text.replace(&already, "\u{1}").replace(sign, &already).replace('\u{1}', &already)
    })
}

async fn some_load(world: &World) {
    world.location("a", 0).await;
    for sku in ["22423", "x", "y"] {
        world.stock(sku, "a", 500).await;
    }
    let shop = world.edge(0).client(&world.tokens.storefront);
    for n in 0..60 {
        shop.get("/v1/availability/22423").await.expect(200);
        shop.get(&format!("/v1/availability/unknown-{n}")).await.expect(404);
        let hold = json!({"lines": [{"sku": "x", "quantity": 1}]});
        shop.post("/v1/reservations", hold).await.expect(201);
    }
    // So that Redis is asked.
    let clear = world.edge(0).management().call("DELETE".parse().unwrap(), "/actuator/caches/l1");
    clear.header("authorization", &format!("Bearer {}", world.tokens.operator)).send().await.expect(200);
    shop.get("/v1/availability/22423").await.expect(200);
}

/// Every panel's expressions, with the variables as a viewer would have them.
fn panels() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(repository().join("deploy/grafana")).unwrap() {
        let path = entry.unwrap().path();
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let Ok(board) = serde_json::from_str::<Value>(&text) else { continue };
        for panel in board["panels"].as_array().into_iter().flatten() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let expression = target["expr"].as_str().unwrap();
                let filled = expression.replace("$__rate_interval", "1m").replace("$instance", ".*");
                found.push((format!("{}: {}", path.display(), panel["title"]), filled));
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_expression_is_empty() {
    let rules = tempfile::tempdir().unwrap();
    let built = repository().join("target/plugins/nearest-allocation.wasm");
    std::fs::copy(built, rules.path().join("nearest-allocation.wasm")).expect("`make rules` builds it");
    let world = World::start().rules(rules.path()).env("ONHAND_METRICS__WATCHED_SKUS", "[\"22423\"]").ready().await;
    let alertmanager = Watcher::alertmanager(&receivers(), &world.tokens.alerting).await;
    let prometheus = Watcher::prometheus(&world, &alertmanager.url()).await;
    let begun = std::time::Instant::now();
    // Rates need two scrapes of each series, one before the load.
    eventually!(prometheus.query("up == 1").await.is_ok_and(|found| found.len() == 4));
    some_load(&world).await;
    eventually!(Duration::from_secs(60), begun.elapsed() > Duration::from_secs(8));
    let groups = prometheus.client().get("/api/v1/rules").await.expect(200).json();
    let rules: Vec<Value> = groups["data"]["groups"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap().clone())
        .collect();
    let named = rules
        .iter()
        .map(|rule| (rule["name"].as_str().unwrap().to_owned(), rule["query"].as_str().unwrap().to_owned()));
    let asked: Vec<(String, String)> = named.chain(panels()).collect();
    assert!(asked.len() > 80, "{} expressions", asked.len());
    let mut empty = Vec::new();
    for (name, expression) in &asked {
        let expression = without_comparison(expression);
        let mut answered = Ok(vec![]);
        for _ in 0..50 {
            answered = prometheus.query(&expression).await;
            if answered.as_ref().is_ok_and(|found| !found.is_empty()) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        if !answered.as_ref().is_ok_and(|found| !found.is_empty()) {
            empty.push(format!("{name}: {expression}: {answered:?}"));
        }
    }
    assert!(empty.is_empty(), "{} of {} expressions answer nothing:\n{}", empty.len(), asked.len(), empty.join("\n"));
    println!("{} expressions answer", asked.len());
}

fn receivers() -> Vec<(&'static str, String)> {
    ["dead-man", "critical", "escalation", "warnings", "data"]
        .map(|name| (name, "http://127.0.0.1:9/".to_owned()))
        .into()
}

#[test]
fn comparisons_are_taken_out_once() {
    assert_eq!(without_comparison("a > 1 and b == 0"), "a > bool 1 and b == bool 0");
    assert_eq!(without_comparison("sum(a > bool 1) > 2"), "sum(a > bool 1) > bool 2");
    assert_eq!(without_comparison(r#"a{of="calls"} < 2"#), r#"a{of="calls"} < bool 2"#);
}
