//! Releases by `onhand rule push`: from an origin's store by the topic to every node, and back.

use std::process::{Command, Output};

use onhand_harness::{Node, World};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::Value;

use super::*;
use crate::dev::Dev;

/// Fetching, compiling, and two busy cores.
const PATIENCE: Duration = Duration::from_secs(60);
const RULE: &str = "channel-buffer";

/// A rule's folder as `onhand rule build` leaves it, and the key that it is signed with.
struct Author {
    dir: tempfile::TempDir,
    origin: String,
    token: String,
}

impl Author {
    fn new(world: &World) -> Self {
        Self::at(&world.origin(0).url(), &world.tokens.issue("ci", "admin", "1h"))
    }

    fn at(origin: &str, token: &str) -> Self {
        let dir = folder(&[(RULE, RULE, ""), ("hostile-ranking", "rank-a", "[config]\nranks = \"a=1,b=0\"\n")]);
        let author = Self { dir, origin: origin.to_owned(), token: token.to_owned() };
        author.done(&["token", "keygen", "--out", "release"]);
        author
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_onhand"));
        command.args(arguments).current_dir(self.dir.path()).env("ONHAND_TOKEN_ADMIN", &self.token);
        command.output().unwrap()
    }

    fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What it says as it fails.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(&[&["rule"], arguments, &["--origin", &self.origin]].concat());
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn rule(&self, arguments: &[&str]) -> String {
        self.done(&[&["rule"], arguments, &["--origin", &self.origin]].concat())
    }

    /// channel-buffer that says `NUMBER+`, signed.
    fn write(&self, number: u32) {
        let settings = format!("[config]\nhide_last = \"0\"\nbucket = \"{number}\"\n");
        std::fs::write(self.file("channel-buffer.toml"), settings).unwrap();
        for rule in [RULE, "rank-a"] {
            self.done(&["rule", "sign", "--key", "release.key.pem", "--component", &format!("{rule}.wasm")]);
        }
    }

    fn fixture(&self, text: &str) {
        std::fs::create_dir_all(self.file("channel-buffer.fixtures")).unwrap();
        std::fs::write(self.file("channel-buffer.fixtures/one.json"), text).unwrap();
    }
}

/// One of the example's own.
const RIGHT: &str = include_str!("../../../plugins/channel-buffer/fixtures/bucket.json");

async fn label(edge: &Node) -> Value {
    let answer = edge.anonymous().get("/v1/availability/x").await;
    if answer.status == 200 { answer.json()["label"].clone() } else { Value::Null }
}

/// The full release's component at a node, or null.
async fn full(node: &Node, rule: &str) -> Value {
    let report = node.management().get("/actuator/rules").await.expect(200).json();
    let rules = report["rules"].as_array().unwrap().clone();
    let found = rules.into_iter().find(|found| found["rule"] == rule).unwrap_or_default();
    let release = found["releases"][0].clone();
    if release["stage"] == "full" { release["component"].clone() } else { Value::Null }
}

async fn stocked(world: &World) {
    for id in ["a", "b"] {
        world.location(id, 0).await;
        world.stock("x", id, 100).await;
    }
}

async fn refusals(node: &Node) -> f64 {
    node.metric("rules_load_failures_total").await.unwrap_or_default()
}

/// Whatever anyone with access to Kafka may write.
async fn announce(world: &World, rule: &str, value: &str) {
    let producer: FutureProducer = world.kafka().config().create().unwrap();
    let topic = world.rules_topic();
    producer.send(FutureRecord::to(topic).key(rule).payload(value), PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pushed_release_is_served_refused_rolled_back_and_kept() {
    let (kept, key) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let public = key.path().join("release.pub.pem").display().to_string();
    let first = Author::at("", "");
    std::fs::copy(first.file("release.pub.pem"), &public).unwrap();
    let world = World::start().env("ONHAND_RULES__CACHE_DIR", &kept.path().display().to_string());
    let world = world.env("ONHAND_RULES__TRUSTED_KEYS", &public).env("ONHAND_RULES__ALLOW_UNSIGNED", "false");
    let world = world.env("ONHAND_RULES__DEADLINE", "500ms").env("ONHAND_RULES__BATCH_DEADLINE", "500ms");
    let world = world.env("ONHAND_RULES__MAX_DEADLINE", "500ms").ready().await;
    let author = Author { origin: world.origin(0).url(), token: world.tokens.issue("ci", "admin", "1h"), ..first };
    stocked(&world).await;
    let (edge, origin) = (world.edge(0), world.origin(0));

    // Pushed: the edge shows by one rule, the origin allocates by the other.
    author.fixture(RIGHT);
    author.write(5);
    let told = author.rule(&["push", "channel-buffer.wasm", "rank-a.wasm"]);
    assert!(told.contains("channel-buffer: stored") && told.contains("rank-a: stored"), "{told}");
    assert!(author.rule(&["push", "channel-buffer.wasm"]).contains("in force already"));
    eventually!(PATIENCE, label(edge).await == "5+");
    eventually!(PATIENCE, full(origin, "rank-a").await.is_string() && full(edge, "rank-a").await.is_string());
    channel(&world, "web", &["a", "b"], "rank-a").await;
    let hold = json!({"lines": [{"sku": "x", "quantity": 1}], "channel": "web"});
    let held = edge.client(&world.tokens.storefront).post("/v1/reservations", hold).await.expect(201).json();
    assert_eq!(
        (&held["allocated_by"], &held["lines"][0]["allocations"][0]["location"]),
        (&json!("rank-a"), &json!("b"))
    );

    // Refused at once by the origin, and nothing is stored.
    let history = async || {
        let operator = origin.client(&world.tokens.operator);
        operator.get("/inventory/rules/channel-buffer/releases").await.expect(200).json()["items"].clone()
    };
    let before = history().await;
    assert_eq!((before[0]["actor"].as_str(), before[0]["seq"].as_u64()), (Some("ci"), Some(1)));
    author.fixture(&RIGHT.replace("12+", "13+"));
    author.write(6);
    assert!(author.refused(&["push", "channel-buffer.wasm"]).contains("fixture one.json: it answers"));
    author.fixture(RIGHT);
    assert!(author.refused(&["push", "channel-buffer.wasm"]).contains("other fixtures"));
    std::fs::copy(author.file("rank-a.wasm.sig"), author.file("channel-buffer.wasm.sig")).unwrap();
    assert!(author.refused(&["push", "channel-buffer.wasm"]).contains("other component, fixtures, rule"));
    // Another price beside a signed component, say.
    author.write(6);
    let settings = std::fs::read_to_string(author.file("channel-buffer.toml")).unwrap();
    std::fs::write(author.file("channel-buffer.toml"), settings.replace('6', "9")).unwrap();
    assert!(author.refused(&["push", "channel-buffer.wasm"]).contains("other settings.config"));
    std::fs::remove_file(author.file("channel-buffer.wasm.sig")).unwrap();
    assert!(author.refused(&["push", "channel-buffer.wasm"]).contains("no signature"));
    assert_eq!(history().await, before, "nothing is stored");

    // Refused by every node, had it got as far as the topic.
    let counted = (refusals(edge).await, refusals(origin).await);
    let mut forged = before[0].clone();
    forged["full"]["digest"] = json!("00".repeat(32));
    announce(&world, RULE, &forged.to_string()).await;
    announce(&world, RULE, "nonsense").await;
    eventually!(PATIENCE, refusals(edge).await >= counted.0 + 2.0 && refusals(origin).await >= counted.1 + 2.0);
    assert_eq!(label(edge).await, "5+");

    // A canary, all, and back.
    let five = history().await[0].clone();
    author.write(7);
    let as_canary = ["push", "channel-buffer.wasm", "--stage", "canary", "--share", "100"];
    assert!(author.refused(&as_canary).contains("other share, stage"), "it is signed for all calls");
    let canary = author.rule(&[&as_canary[..], &["--key", "release.key.pem"]].concat());
    assert!(canary.contains("canary 100 %"), "{canary}");
    eventually!(PATIENCE, label(edge).await == "7+");
    assert!(author.refused(&["rollback", RULE]).contains("a roll back is signed like a push"));
    assert!(author.rule(&["rollback", RULE, "--key", "release.key.pem"]).contains("rolled back"));
    eventually!(PATIENCE, label(edge).await == "5+");
    assert!(author.refused(&["push", "channel-buffer.wasm"]).contains("what was signed before is not"));
    author.rule(&["push", "channel-buffer.wasm", "--key", "release.key.pem", "--stage", "full"]);
    eventually!(PATIENCE, label(edge).await == "7+");

    // What was in force before, announced by whoever can write to the topic, and heard after a restart.
    let counted = refusals(edge).await;
    let seq = history().await[0]["seq"].as_u64().unwrap();
    let mut replayed = five.clone();
    replayed["seq"] = json!(seq + 1);
    announce(&world, RULE, &replayed.to_string()).await;
    eventually!(PATIENCE, refusals(edge).await > counted);
    edge.kill();
    edge.start().await;
    eventually!(PATIENCE, label(edge).await == "7+" && refusals(edge).await > 0.0);
    assert_eq!(label(edge).await, "7+");

    author.rule(&["rollback", RULE, "--key", "release.key.pem"]);
    eventually!(PATIENCE, label(edge).await == "5+");
    let list = author.rule(&["list"]);
    assert!(list.contains("| channel-buffer | full") && list.contains("| ci") && list.contains("| yes"), "{list}");

    // A start without an origin.
    let five = full(edge, RULE).await;
    origin.kill();
    edge.kill();
    let starting = tokio::spawn({
        let edge = edge.clone();
        async move { edge.start().await }
    });
    let asked = async || edge.management().call("GET".parse().unwrap(), "/actuator/rules").try_send().await.is_ok();
    eventually!(PATIENCE, asked().await);
    assert_eq!((full(edge, RULE).await, five.is_string()), (five, true), "before any origin answers");
    origin.start().await;
    starting.await.unwrap();
    eventually!(PATIENCE, label(edge).await == "5+");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_announcement_is_lost_and_a_late_start_hears_of_it() {
    let world = World::start().dedicated().edges(2).env("ONHAND_RULES__DEADLINE", "500ms").ready().await;
    stocked(&world).await;
    let author = Author::new(&world);
    author.write(5);
    world.edge(1).kill();
    world.kafka().kill();
    author.rule(&["push", "channel-buffer.wasm"]);
    assert!(author.rule(&["list"]).contains("| not yet"), "stored, though nobody can be told");
    eventually!(PATIENCE, world.origin(0).metric("origin_rules_unannounced").await == Some(1.0));
    world.origin(0).kill();
    world.kafka().start().await;
    world.origin(0).start().await;
    eventually!(PATIENCE, label(world.edge(0)).await == "5+");
    world.edge(1).start().await;
    eventually!(PATIENCE, label(world.edge(1)).await == "5+");
    eventually!(PATIENCE, author.rule(&["list"]).contains("| yes"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn onhand_dev_takes_a_push_and_keeps_it_over_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let start = async || Dev::start(&["--data", &data.path().display().to_string()]).await;
    let dev = start().await;
    let token = dev.tokens["admin"].as_str().unwrap().to_owned();
    let author = Author::at(&dev.origin, &token);
    author.write(5);
    author.rule(&["push", "channel-buffer.wasm"]);
    let label = async |dev: &Dev| {
        let answer = onhand_harness::Client::at(&dev.edge, None).get("/v1/availability/22423").await;
        answer.expect(200).json()["label"].clone()
    };
    eventually!(PATIENCE, label(&dev).await == "5+");
    drop(dev);
    let dev = start().await;
    eventually!(PATIENCE, label(&dev).await == "5+");
}
