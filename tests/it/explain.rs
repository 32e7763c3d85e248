//! `onhand explain` names the tier that is wrong, and the auditor counts what comes of it.

use std::process::Output;

use onhand_harness::{World, eventually};
use onhand_wire::{Fact, Sku, Version, l2, partition};
use redis::AsyncCommands;
use serde_json::{Value, json};
use tokio::process::Command;

const PARTITIONS: i32 = 3;

async fn run(world: &World, args: &[&str]) -> Output {
    let edges: Vec<_> = world.edges().iter().map(|edge| edge.management_url()).collect();
    let mut command = Command::new(world.binary());
    command.args(["explain", "--edges", &edges.join(","), "--origin", &world.origin(0).url()]);
    command.args(["--token", &world.tokens.operator]).args(args).output().await.unwrap()
}

/// The JSON report, and whether the command was content.
async fn explain(world: &World, sku: &str) -> (Value, bool) {
    let done = run(world, &[sku, "--json"]).await;
    let text = String::from_utf8_lossy(&done.stdout);
    let report = serde_json::from_str(&text).unwrap_or_else(|_| {
        panic!("no report: {text}{}", String::from_utf8_lossy(&done.stderr));
    });
    (report, done.status.success())
}

/// The table, as it is printed where no terminal is.
async fn told(world: &World, sku: &str) -> String {
    String::from_utf8_lossy(&run(world, &[sku]).await.stdout).into_owned()
}

/// Grade, tier and location of each finding.
fn findings(report: &Value) -> Vec<(&str, &str, &str)> {
    let all = report["findings"].as_array().unwrap().iter();
    all.map(|found| {
        let word = |name: &str| found[name].as_str().unwrap_or_default();
        (word("grade"), word("tier"), word("location"))
    })
    .collect()
}

fn hash(sku: &str) -> String {
    l2::key(partition::of(sku, PARTITIONS), &Sku::new(sku).unwrap())
}

/// Changes one field of L2 as no onhand would: the writer's offset stays what it is.
async fn alter(world: &World, sku: &str, location: &str, change: impl FnOnce(&mut Fact)) {
    let mut redis = world.redis_client().await;
    let field: Vec<u8> = redis.hget(hash(sku), location).await.unwrap();
    let mut fact: Fact = l2::decode_field(&field).unwrap();
    change(&mut fact);
    let _: () = redis.hset(hash(sku), location, l2::encode_field(&fact)).await.unwrap();
}

async fn filled(world: &World, sku: &str) {
    let mut redis = world.redis_client().await;
    let shop = world.edge(0).anonymous();
    eventually!({
        shop.get(&format!("/v1/availability/{}", onhand_harness::encode(sku))).await;
        let held: bool = redis.exists(hash(sku)).await.unwrap();
        if !held {
            clear_l1(world).await; // a fill that came too early is made up for by the next load
        }
        held
    });
}

/// Something else comes, by another partition, and every edge's `recent` holds that instead.
async fn forgotten(world: &World, sku: &str) {
    let mut others = (0..).map(|number| format!("beside-{number}"));
    let other = others.find(|other| partition::of(other, PARTITIONS) != partition::of(sku, PARTITIONS));
    world.stock(&other.unwrap(), "eu-1", 1).await;
    for edge in world.edges() {
        let path = format!("/actuator/explain/{}", onhand_harness::encode(sku));
        eventually!(edge.management().get(&path).await.expect(200).json()["recent"]["stock"].is_null());
    }
}

async fn clear_l1(world: &World) {
    for edge in world.edges() {
        let call = edge.management().call("DELETE".parse().unwrap(), "/actuator/caches/l1");
        call.header("authorization", &format!("Bearer {}", world.tokens.operator)).send().await.expect(200);
    }
}

async fn shop() -> World {
    // A `recent` of one SKU, so that what L2 holds is not put right by what the node remembers.
    let world = World::start()
        .edges(2)
        .partitions(PARTITIONS)
        .env("ONHAND_EDGE__RECENT__ENTRIES", "1")
        .env("ONHAND_EDGE__AUDIT__PER_S", "50");
    let world = world.ready().await;
    world.location("eu-1", 0).await;
    world.location("eu-2", 1).await;
    world.channel("web", &["eu-1", "eu-2"]).await;
    world.stock("A B/C", "eu-1", 55).await;
    world.stock("A B/C", "eu-2", 30).await;
    world
}

/// The promise of proving.md: a planted difference between L2 and the origin is found where it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_of_l2_changed_by_hand_is_named() {
    let world = shop().await;
    let path = format!("/v1/availability/{}", onhand_harness::encode("A B/C"));
    eventually!(world.edge(0).anonymous().get(&path).await.json()["available"] == 85);
    filled(&world, "A B/C").await;
    eventually!(explain(&world, "A B/C").await.0["verdict"] == "right");
    assert!(explain(&world, "A B/C").await.1, "exit code 0");

    forgotten(&world, "A B/C").await;
    alter(&world, "A B/C", "eu-2", |fact| fact.on_hand = 31).await;
    let (report, content) = explain(&world, "A B/C").await;
    assert_eq!(findings(&report), [("wrong", "l2", "eu-2")], "{report:#}");
    assert!(!content && report["verdict"] == "wrong");
    let table = told(&world, "A B/C").await;
    let first = table.lines().next().unwrap();
    assert!(first.contains("l2 of region") && first.contains("WRONG at eu-2"), "{table}");
    assert!(table.contains("channel web: 85 in_stock"), "{table}");
    assert!(table.contains("0 → 55"), "the ledger's lines: {table}");

    // A lookup that misses L1 is now answered from it, and the auditor sees what the origin says.
    let violations = async || world.edge(0).metric("edge_audit_answers_total{verdict=\"violation\"}").await.unwrap();
    assert_eq!(violations().await, 0.0);
    clear_l1(&world).await;
    eventually!({
        world.edge(0).anonymous().get(&path).await;
        violations().await > 0.0
    });
    // Counted first, then logged with its trace.
    eventually!({
        let log = world.edge(0).log();
        log.contains("an answer that the origin contradicts") && log.contains("another content")
    });
    let (report, _) = explain(&world, "A B/C").await;
    assert!(findings(&report).contains(&("wrong", "l1", "eu-2")), "{report:#}");
}

/// An older version under a writer's offset that is past it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_version_in_l2_is_named_and_the_answers_from_it_are_counted() {
    let world = shop().await;
    world.stock("x", "eu-1", 9).await;
    filled(&world, "x").await;
    world.stock("x", "eu-1", 8).await;
    let shop = world.edge(0).anonymous();
    eventually!(shop.get("/v1/availability/x").await.json()["available"] == 8);
    eventually!(explain(&world, "x").await.0["verdict"] == "right");
    alter(&world, "x", "eu-1", |fact| {
        fact.on_hand = 9;
        fact.version = Version::new(fact.version.term(), fact.version.seq() - 1);
    })
    .await;
    // The change is still the last that `recent` took of the feed, from below the writer's offset.
    eventually!(findings(&explain(&world, "x").await.0).contains(&("wrong", "l2", "eu-1")));
    forgotten(&world, "x").await;
    let violations = async || world.edge(0).metric("edge_audit_answers_total{verdict=\"violation\"}").await.unwrap();
    clear_l1(&world).await;
    assert_eq!(shop.get("/v1/availability/x").await.json()["available"], 9, "the fault is planted");
    eventually!({
        shop.get("/v1/availability/x").await;
        violations().await > 0.0
    });
    // Counted first, logged once the key's trace is there.
    eventually!(world.edge(0).log().contains("an older version although as_of promises a newer one"));
}

/// The feed stands still: what L1 holds is old, and as-of says so. That is lag, and nothing is wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edge_that_lags_is_told_as_lag() {
    let world = World::start().dedicated().partitions(PARTITIONS).ready().await;
    world.location("eu-1", 0).await;
    world.stock("x", "eu-1", 9).await;
    filled(&world, "x").await;
    eventually!(explain(&world, "x").await.0["verdict"] == "right");
    world.kafka().freeze();
    let body = json!({"location": "eu-1", "delta": -1, "kind": "lost", "reason": "told late"});
    let operator = world.origin(0).client(&world.tokens.operator);
    operator.post("/inventory/products/x/adjustments", body).await.expect(200);
    let (report, content) = explain(&world, "x").await;
    assert!(content, "lag is no fault: {report:#}");
    assert_eq!(findings(&report), [("behind", "l1", "eu-1"), ("behind", "l2", "eu-1")], "{report:#}");
    assert!(report["findings"][0]["why"].as_str().unwrap().starts_with("it lags"), "{report:#}");
    world.kafka().thaw();
    eventually!(std::time::Duration::from_secs(30), explain(&world, "x").await.0["verdict"] == "right");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn explain_says_what_it_lacks() {
    let world = World::start().edges(1).ready().await;
    let unknown = run(&world, &["none"]).await;
    let text = String::from_utf8_lossy(&unknown.stdout).into_owned();
    assert!(unknown.status.success() && text.contains("none: right") && text.contains("ledger: no line"), "{text}");
    let origin = world.origin(0).url();
    let wrong = Command::new(world.binary())
        .args([
            "explain",
            "x",
            "--edges",
            &world.edge(0).url(),
            "--origin",
            &origin,
            "--token",
            &world.tokens.storefront,
        ])
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(!wrong.status.success() && said.contains("needs scope operator"), "{said}");
    let public = run_at(&world, &world.edge(0).url()).await;
    assert!(public.contains("is it the management listener"), "{public}");
    let help = Command::new(world.binary()).args(["explain", "--help"]).output().await.unwrap();
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    assert!(help.contains("Examples:") && help.contains("--origin"), "{help}");
}

async fn run_at(world: &World, edge: &str) -> String {
    let mut command = Command::new(world.binary());
    command.args(["explain", "x", "--edges", edge, "--origin", &world.origin(0).url()]);
    let done = command.args(["--token", &world.tokens.operator]).output().await.unwrap();
    assert!(!done.status.success(), "an edge that cannot be asked");
    String::from_utf8_lossy(&done.stdout).into_owned()
}
