//! A Kafka in each region, fed from one outbox: an edge beside the far one knows what the near one knows, a dead Kafka
//! costs the living nothing, and what comes back lacks nothing.

use std::{sync::Arc, time::Duration};

use onhand_harness::{Client, Node, Servers, World, eventually};
use serde_json::json;

use crate::onhand::{Running, run};

/// Two regions: the world's own, and one with a Kafka, a Redis and an edge of its own.
struct Two {
    near: World,
    far: Arc<Servers>,
    edge: Running,
}

/// A topic that was lost is made again after a look at it, and a broker that was killed takes seconds to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long the far feed may be away before nothing is kept for it.
async fn two(patience: &str) -> Two {
    let far = Servers::dedicated().await.unwrap();
    let feeds = format!("[{{region = \"far\", brokers = \"{}\"}}]", far.kafka.brokers());
    let near = World::start().dedicated().region("near").origins(2).env("ONHAND_REGIONS__FEEDS", &feeds);
    let near = near.env("ONHAND_REGIONS__FEED_PATIENCE", patience).ready().await;
    let edge = far_edge(&near, &far).await;
    near.location("a", 0).await;
    near.stock("x", "a", 10_000).await;
    Two { near, far, edge }
}

async fn far_edge(near: &World, far: &Servers) -> Running {
    let (brokers, redis) = (far.kafka.brokers(), far.redis.url(0));
    let origins = format!("{},{}", near.origin(0).url(), near.origin(1).url());
    let keys = near.tokens.public_key().display().to_string();
    let env = [("KAFKA_ADDR", brokers.as_str()), ("REDIS_ADDR", &redis), ("ONHAND_AUTH__KEY_FILE", &keys)];
    let env = [&env[..], &[("ONHAND_EDGE__REGION", "far")]].concat();
    Running::edge(near, &origins, &near.tokens.edge, &env).await
}

impl Two {
    fn far_shop(&self) -> Client {
        Client::at(&self.edge.url("edge public"), Some(&self.near.tokens.storefront))
    }

    async fn hold(&self, quantity: i64) {
        let body = json!({"lines": [{"sku": "x", "quantity": quantity}]});
        self.near.edge(0).client(&self.near.tokens.storefront).post("/v1/reservations", body).await.expect(201);
    }

    /// What both edges must show, from their caches.
    async fn both_show(&self, available: i64) {
        self.near_shows(available).await;
        let far = self.far_shop();
        eventually!(PATIENCE, far.get("/v1/availability/x").await.json()["available"] == available);
    }

    async fn near_shows(&self, available: i64) {
        let near = self.near.edge(0).client(&self.near.tokens.storefront);
        eventually!(PATIENCE, near.get("/v1/availability/x").await.json()["available"] == available);
    }

    async fn rows(&self, table: &str) -> i64 {
        self.near.sql(&format!("SELECT count(*) FROM {table}")).await[0].get(0)
    }

    async fn far_state(&self) -> String {
        self.near.sql("SELECT state FROM feeds WHERE feed = 'far'").await[0].get(0)
    }

    /// All tiers of both regions are what the rows are, and every answer is what it claims.
    async fn audit(&self) {
        let edges = format!("{},{}", self.near.edge(0).url(), self.edge.url("edge public"));
        let (origin, token) = (self.near.origin(1).url(), self.near.tokens.admin.as_str());
        let args = ["audit", "--edges", &edges, "--origin", &origin, "--token", token, "--for", "1s", "--at-rest"];
        let (well, said) = run(&args, &[]).await;
        assert!(well, "{said}");
    }
}

fn leads(node: &Node, feed: &str) -> impl Future<Output = bool> {
    let (node, sample) = (node.clone(), format!("origin_relay_leading{{feed=\"{feed}\"}}"));
    async move { node.metric(&sample).await == Some(1.0) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_regions_edges_follow_one_outbox() {
    let two = two("1h").await;
    two.both_show(10_000).await;
    two.hold(10).await;
    two.both_show(9_990).await;
    // The far edge answers from what its own Kafka told it.
    let answer = two.far_shop().get("/v1/availability/x").await;
    assert_ne!(answer.header("onhand-source"), Some("origin"));
    // Whoever leads either feed dies: the other origin leads both.
    let first = leads(two.near.origin(0), "far").await;
    let (dead, alive) = if first { (0, 1) } else { (1, 0) };
    two.near.origin(dead).kill();
    two.hold(10).await;
    two.both_show(9_980).await;
    let alive = two.near.origin(alive);
    eventually!(PATIENCE, leads(alive, "far").await && leads(alive, "near").await);
    two.near.origin(dead).start().await;
    two.audit().await;
    eventually!(PATIENCE, two.rows("outbox").await == 0 && two.rows("backlog").await == 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_far_kafka_that_is_away_for_a_moment_costs_the_near_region_nothing() {
    let two = two("1h").await;
    two.both_show(10_000).await;
    two.far.kafka.kill();
    for held in 1..=20 {
        two.hold(1).await;
        two.near_shows(10_000 - held).await;
    }
    assert!(two.rows("backlog").await > 0, "it is kept for the far feed");
    eventually!(PATIENCE, two.rows("outbox").await == 0);
    two.far.kafka.start().await;
    two.both_show(9_980).await;
    eventually!(PATIENCE, two.rows("backlog").await == 0);
    two.audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_far_kafka_that_is_away_for_too_long_is_filled_when_it_is_back() {
    let two = two("2s").await;
    two.both_show(10_000).await;
    two.far.kafka.kill();
    two.hold(10).await;
    eventually!(PATIENCE, two.far_state().await == "gone");
    for _ in 0..5 {
        two.hold(10).await;
    }
    eventually!(PATIENCE, two.rows("outbox").await == 0 && two.rows("backlog").await == 0);
    two.near_shows(9_940).await;
    two.far.kafka.start().await;
    two.both_show(9_940).await;
    eventually!(PATIENCE, two.far_state().await == "live");
    two.audit().await;
}

/// The near Kafka is lost for good: the far region goes on, and nothing waits for what is dead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_near_kafka_that_is_lost_does_not_stop_the_far_region() {
    let two = two("2s").await;
    two.both_show(10_000).await;
    two.near.kafka().kill();
    tokio::time::sleep(Duration::from_millis(100)).await;
    two.hold(10).await;
    let far = two.far_shop();
    eventually!(PATIENCE, far.get("/v1/availability/x").await.json()["available"] == 9_990);
    eventually!(PATIENCE, two.rows("outbox").await == 0 && two.rows("backlog").await == 0);
    two.near.kafka().start().await;
    two.both_show(9_990).await;
    two.audit().await;
}

/// Within the patience, but its log is empty: a new topic, whose edges would never hear of what did not change.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_far_topic_that_was_lost_is_filled_though_nobody_missed_it() {
    let two = two("1h").await;
    two.near.stock("y", "a", 7).await;
    two.both_show(10_000).await;
    two.far.kafka.delete_topic(two.near.topic()).await;
    two.hold(10).await;
    two.both_show(9_990).await;
    let filled = async |node: &Node| node.metric("origin_feed_filled_total{feed=\"far\"}").await.unwrap_or_default();
    eventually!(PATIENCE, filled(two.near.origin(0)).await + filled(two.near.origin(1)).await >= 3.0);
    let far = two.far_shop();
    eventually!(PATIENCE, far.get("/v1/availability/y").await.json()["available"] == 7);
    two.audit().await;
}
