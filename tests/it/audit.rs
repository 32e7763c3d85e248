//! `onhand audit`, as an operator runs it.

use std::process::{Command, Output};

use onhand_harness::{World, eventually};
use serde_json::Value;

fn audit(world: &World, more: &[&str]) -> Output {
    let mut command = Command::new(world.binary());
    let edges: Vec<String> = world.edges().iter().map(|edge| edge.url()).collect();
    command.args(["audit", "--edges", &edges.join(","), "--origin", &world.origin(0).url()]).args(more);
    command.env("ONHAND_TOKEN_OPERATOR", &world.tokens.operator).output().expect("it runs")
}

fn json(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}{}", told(output)))
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn stocked(world: &World) {
    world.location("a", 0).await;
    world.location("closed", 1).await;
    for sku in ["x", "DOT COM/1"] {
        world.stock(sku, "a", 10).await;
        world.stock(sku, "closed", 10).await;
    }
    let closed = serde_json::json!({"name": "closed", "enabled": false});
    world.origin(0).client(&world.tokens.admin).put("/inventory/locations/closed", closed).await.expect(200);
    for edge in world.edges() {
        eventually!(edge.anonymous().get("/v1/availability/DOT%20COM%2F1").await.json()["available"] == 10);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_system_holds_and_is_left_as_it_was() {
    let world = World::start().edges(2).ready().await;
    stocked(&world).await;
    let redis = world.redis_url();
    let done = audit(
        &world,
        &["--for", "2s", "--writes", "x@a", "--sku", "DOT COM/1", "--at-rest", "--redis", &redis, "--json"],
    );
    assert!(done.status.success(), "{}{}", String::from_utf8_lossy(&done.stdout), told(&done));
    let report = json(&done);
    assert_eq!(
        (&report["holds"], &report["skus"], &report["figures"]["violations"]),
        (&true.into(), &2.into(), &0.into())
    );
    assert!(report["figures"]["compared"].as_u64() > Some(10), "{report}");
    assert!(report["probes"]["pairs"].as_u64() > Some(0), "{report}");
    assert!(report["at_rest"].as_array().unwrap().iter().all(|check| check["holds"] == true), "{report}");
    assert_eq!(world.edge(0).anonymous().get("/v1/availability/x").await.json()["available"], 10);

    // Without names it picks from the catalogue, and prints a table.
    let done = audit(&world, &["--for", "300ms"]);
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success() && said.contains("2 SKUs") && said.contains("verdict: holds"),
        "{said}{}",
        told(&done)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn violations_are_reported_and_end_it_with_1() {
    let world = World::start().edges(1).env("ONHAND_TEST_EARLY_WATERMARKS", "1").ready().await;
    stocked(&world).await;
    let report = (0..12).find_map(|_| {
        let done = audit(&world, &["--for", "5s", "--pause", "1ms", "--writes", "x@a", "--json"]);
        let report = json(&done);
        assert_eq!(done.status.code(), Some(i32::from(report["holds"] == false)), "{report}");
        (report["holds"] == false).then_some(report)
    });
    let report = report.expect("violations within a minute; is it a debug build?");
    let first = &report["violations"][0];
    assert_eq!((&first["rule"], &first["sku"], &first["location"]), (&"unearned".into(), &"x".into(), &"a".into()));
    assert_eq!(first["node"].as_str(), Some(world.edge(0).url().as_str()));
}

/// The edge shows what the feed told; the row says otherwise, in the same version.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_number_in_the_same_version_is_found() {
    let world = World::start().edges(1).ready().await;
    stocked(&world).await;
    // Past the ledger and the feed.
    world.sql("UPDATE inventory_items SET on_hand = 7 WHERE sku = 'x' AND location = 'a'").await;
    let done = audit(&world, &["--for", "500ms", "--json"]);
    let report = json(&done);
    assert_eq!((done.status.code(), &report["violations"][0]["rule"]), (Some(1), &"wrong_amount".into()), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_keeps_it_from_auditing_is_said_with_what_to_do() {
    let world = World::start().edges(1).ready().await;
    let empty = audit(&world, &["--for", "1s"]);
    assert!(!empty.status.success() && told(&empty).contains("name SKUs with --sku"), "{}", told(&empty));
    stocked(&world).await;
    let wrong = audit(&world, &["--for", "1s", "--writes", "x"]);
    assert!(!wrong.status.success() && told(&wrong).contains("22423@eu-1"), "{}", told(&wrong));
    let shop = audit(&world, &["--for", "1s", "--token", &world.tokens.storefront]);
    assert!(!shop.status.success() && told(&shop).contains("scope"), "{}", told(&shop));
}
