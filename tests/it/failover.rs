//! `onhand failover`: a region is lost under load, one command later the other one sells, and nothing that was
//! acknowledged is missing.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use onhand_harness::{Client, Postgres, Servers, World, eventually};
use serde_json::{Value, json};

use crate::{
    onhand::{Running, run},
    promotion::Load,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// Two regions: `eu`, which is open, and `us`, whose database follows it.
struct Two {
    eu: World,
    far: Arc<Servers>,
    origin: Running,
    edge: Running,
}

/// As nodes know them.
const MEMBERS: &str = r#"[{region = "eu"}, {region = "us"}]"#;

async fn two() -> Two {
    let far = Servers::dedicated().await.unwrap();
    let feeds = format!(r#"[{{region = "us", brokers = "{}"}}]"#, far.kafka.brokers());
    let eu = World::start().standby_of("us").region("eu").origins(2).env("ONHAND_REGIONS__FEEDS", &feeds);
    let eu = eu.env("ONHAND_REGIONS__MEMBERS", MEMBERS).ready().await;
    eu.postgres().wait_for_standby(eu.standby()).await;
    eu.postgres().wait_for_standbys("us").await;
    let origin = us_origin(&eu, &far).await;
    let edge = us_edge(&eu, &far, &origin).await;
    eu.location("a", 0).await;
    eu.stock("x", "a", 100_000).await;
    Two { eu, far, origin, edge }
}

async fn us_origin(eu: &World, far: &Servers) -> Running {
    let (database, brokers) = (eu.standby().url(eu.database()), far.kafka.brokers());
    let keys = eu.tokens.public_key().display().to_string();
    let feeds = format!(r#"[{{region = "eu", brokers = "{}"}}]"#, eu.kafka().brokers());
    let env = [
        ("DATABASE_URL", database.as_str()),
        ("KAFKA_ADDR", &brokers),
        ("ONHAND_AUTH__KEY_FILE", &keys),
        ("ONHAND_ORIGIN__REGION", "us"),
        ("ONHAND_REGIONS__MEMBERS", MEMBERS),
        ("ONHAND_REGIONS__FEEDS", &feeds),
    ];
    Running::origin(eu, &env).await
}

async fn us_edge(eu: &World, far: &Servers, origin: &Running) -> Running {
    let (brokers, redis) = (far.kafka.brokers(), far.redis.url(0));
    let origins = format!("{},{},{}", eu.origin(0).url(), eu.origin(1).url(), origin.url("origin api"));
    let keys = eu.tokens.public_key().display().to_string();
    let env = [("KAFKA_ADDR", brokers.as_str()), ("REDIS_ADDR", &redis), ("ONHAND_AUTH__KEY_FILE", &keys)];
    let env = [&env[..], &[("ONHAND_EDGE__REGION", "us")]].concat();
    Running::edge(eu, &origins, &eu.tokens.edge, &env).await
}

impl Two {
    /// Of the edge in `us`.
    fn shop(&self) -> Client {
        Client::at(&self.edge.url("edge public"), Some(&self.eu.tokens.storefront))
    }

    fn us(&self) -> &Postgres {
        self.eu.standby()
    }

    /// As an operator's machine knows them.
    fn members(&self) -> String {
        let (eu, us) = (self.eu.database_url(), self.us().url(self.eu.database()));
        let (first, second, third) = (self.eu.origin(0).url(), self.eu.origin(1).url(), self.origin.url("origin api"));
        let (near, far) = (self.eu.edge(0).url(), self.edge.url("edge public"));
        format!(
            r#"[{{region = "eu", database = "{eu}", origins = "{first},{second}", edges = "{near}"}},
                {{region = "us", database = "{us}", origins = "{third}", edges = "{far}"}}]"#
        )
    }

    async fn command(&self, args: &[&str]) -> (bool, String) {
        let (members, brokers, topic) = (self.members(), self.far.kafka.brokers(), self.eu.topic().to_owned());
        let env = [
            ("ONHAND_REGIONS__MEMBERS", members.as_str()),
            ("ONHAND_ORIGIN__REGION", "us"),
            ("KAFKA_ADDR", &brokers),
            ("ONHAND_KAFKA__TOPIC", &topic),
            ("ONHAND_TOKEN_ADMIN", &self.eu.tokens.admin),
        ];
        // The machine is busy with other tests.
        run(&[&["failover"], args, &["--patience", "5s"]].concat(), &env).await
    }

    async fn rejoin(&self, args: &[&str]) -> (bool, String) {
        let members = self.members();
        let env = [("ONHAND_REGIONS__MEMBERS", members.as_str()), ("ONHAND_ORIGIN__REGION", "us")];
        run(&[&["failover", "rejoin"], args].concat(), &env).await
    }

    async fn to_us(&self, more: &[&str]) -> (bool, String) {
        self.command(&[&["--to", "us", "--reason", "a drill", "--deadline", "2m"], more].concat()).await
    }

    /// All that stands in `eu`, by -9 and at once.
    fn lose_eu(&self) {
        self.eu.postgres().kill();
        self.eu.origins().iter().for_each(|origin| origin.kill());
        self.eu.edge(0).kill();
        self.eu.kafka().kill();
        self.eu.redis().kill();
    }

    async fn held(&self) -> BTreeSet<String> {
        let rows = self.us().sql(self.eu.database(), "SELECT reservation::text FROM allocations WHERE sku = 'x'").await;
        rows.iter().map(|row| row.get(0)).collect()
    }

    async fn reserved(&self) -> i64 {
        let sql = "SELECT reserved FROM inventory_items WHERE sku = 'x'";
        self.us().sql(self.eu.database(), sql).await[0].get(0)
    }
}

fn report(said: &str) -> Value {
    let line = said.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("{said}"));
    serde_json::from_str(line).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_region_is_taken_over_and_nothing_acknowledged_is_missing() {
    let two = two().await;
    let load = Load::start(&two.shop(), 8);
    eventually!(PATIENCE, load.count() > 200);
    let (ready, said) = two.command(&["status", "--json"]).await;
    // As deploy/scripts/dr-failover.sh looks for it.
    assert!(ready && said.contains(r#""ready":true,"region":"us""#), "{said}");

    two.lose_eu();
    let (done, said) = two.to_us(&["--json"]).await;
    assert!(done, "{said}");
    let before = load.count();
    eventually!(PATIENCE, load.count() > before + 200);
    let acknowledged = load.end().await;

    let report = report(&said);
    assert_eq!((&report["term"], &report["good_since"]), (&json!(17), &json!(1)), "the second region's number: {said}");
    assert_eq!(report["edges_at_term"], 1, "{said}");
    let held = two.held().await;
    let lost: Vec<_> = acknowledged.difference(&held).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged holds are lost", lost.len(), acknowledged.len());
    assert_eq!(two.reserved().await, held.len() as i64, "none counted twice");
    let left = 100_000 - two.reserved().await;
    eventually!(PATIENCE, two.shop().get("/v1/availability/x").await.json()["available"] == left);
    println!("{} acknowledged, none lost; {}", acknowledged.len(), report["phases"]);
    // Again, it finds everything done; the region that was open is not opened twice.
    let (done, said) = two.to_us(&[]).await;
    assert!(done, "{said}");
    assert!(said.contains("under term 17"), "{said}");
}

/// Every fault is planted, named by the dry run, and taken away again. Then the region stands still, another one takes
/// over, and when the first one wakes it acknowledges nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planted_faults_are_named_and_a_region_that_wakes_up_acknowledges_nothing() {
    let two = two().await;
    two.plant_faults().await;

    let load = Load::start(&two.shop(), 4);
    eventually!(PATIENCE, load.count() > 50);
    let old_edge = two.edge_beside_eu().await;
    let old = Client::at(&old_edge.url("edge public"), Some(&two.eu.tokens.storefront));
    two.stand_still(true);
    let (done, said) = two.to_us(&["--json"]).await;
    assert!(done, "{said}");
    let before = load.count();
    eventually!(PATIENCE, load.count() > before + 50);
    two.stand_still(false);
    // Its database is as it was, and nothing follows it: what it is asked to write now waits, and is never confirmed.
    let body = json!({"lines": [{"sku": "x", "quantity": 1}]});
    for origin in two.eu.origins() {
        let client = origin.client(&two.eu.tokens.storefront);
        let call = client.call(reqwest::Method::POST, "/v1/reservations").key("awake").json(body.clone());
        let answer = call.header("Onhand-Timeout-Ms", "3000").send().await;
        assert!(answer.status >= 500, "{} {}", answer.status, answer.text());
    }
    // Its edge hears of the new term by its own Kafka, which `us` feeds again, and turns to those who answer under it.
    let left = async || 100_000 - two.reserved().await;
    let acknowledged = load.end().await;
    let held = two.held().await;
    let lost: Vec<_> = acknowledged.difference(&held).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged holds are lost", lost.len(), acknowledged.len());
    let (left, shop) = (left().await, two.shop());
    eventually!(PATIENCE, shop.get("/v1/availability/x").await.json()["available"] == left);
    let shown = async || old.get("/v1/availability/x").await;
    eventually!(PATIENCE, shown().await.json()["available"] == left, "{left} {}", shown().await.text());
}

impl Two {
    /// An edge that reads the Kafka of `eu`, and knows the origins of both regions.
    async fn edge_beside_eu(&self) -> Running {
        let (first, second, third) = (self.eu.origin(0).url(), self.eu.origin(1).url(), self.origin.url("origin api"));
        let keys = self.eu.tokens.public_key().display().to_string();
        let env = [("ONHAND_AUTH__KEY_FILE", keys.as_str()), ("ONHAND_EDGE__REGION", "eu")];
        Running::edge(&self.eu, &format!("{first},{second},{third}"), &self.eu.tokens.edge, &env).await
    }

    /// What writes in `eu`, and its Kafka.
    fn stand_still(&self, on: bool) {
        let nodes = self.eu.origins().iter().map(|node| &**node);
        for process in nodes.chain([&**self.eu.postgres(), &**self.eu.kafka()]) {
            if on { process.freeze() } else { process.thaw() }
        }
    }

    /// What `--dry-run` says with these members.
    async fn dry_run(&self, members: &str) -> (bool, String) {
        let (brokers, topic) = (self.far.kafka.brokers(), self.eu.topic().to_owned());
        let env = [
            ("ONHAND_REGIONS__MEMBERS", members),
            ("ONHAND_ORIGIN__REGION", "us"),
            ("KAFKA_ADDR", &brokers),
            ("ONHAND_KAFKA__TOPIC", &topic),
        ];
        run(&["failover", "--to", "us", "--reason", "a drill", "--dry-run", "--patience", "5s"], &env).await
    }

    async fn names(&self, members: &str, fault: &str, goes: bool) {
        let (went, said) = self.dry_run(members).await;
        assert!(said.contains(fault), "{fault}: {said}");
        assert_eq!(went, goes, "{said}");
    }

    async fn plant_faults(&self) {
        let (right, eu, us) = (self.members(), self.eu.postgres(), self.us());
        let database = self.eu.database();
        self.names(&right, "us can take over", true).await;
        let nobody = "http://127.0.0.1:9";
        let away = right.replace(&self.origin.url("origin api"), nobody);
        self.names(&away, "none answers", false).await;
        let away = right.replace(&self.edge.url("edge public"), nobody);
        self.names(&away, "does not answer", true).await;
        self.names(&right.replace(&us.url(database), &us.url("nothing")), "it does not answer", false).await;
        self.names(
            &right.replace("region = \"us\"", "region = \"us\", standby = \"other\""),
            "no standby named",
            false,
        )
        .await;
        // The schema of a newer release.
        eu.sql(database, "INSERT INTO refinery_schema_history (version, name) VALUES (9999, 'newer')").await;
        self.names(&right, "version 9999, this command knows", false).await;
        eu.sql(database, "DELETE FROM refinery_schema_history WHERE version = 9999").await;
        // Nobody waits for the standby.
        eu.wait_for_standbys("").await;
        self.names(&right, "not in sync", false).await;
        eu.wait_for_standbys("us").await;
        // No connections are left.
        let mut taken = Vec::new();
        for _ in 0..385 {
            taken.push(us.client(database).await);
        }
        self.names(&right, "are free, origins need", false).await;
        drop(taken);
        eventually!(PATIENCE, self.dry_run(&right).await.0);
    }
}

/// Both regions live: writes stop for a moment, nothing fails for good, and of two commands at once one wins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planned_failover_hands_over_and_loses_nothing() {
    let two = two().await;
    let load = Load::start(&two.shop(), 4);
    eventually!(PATIENCE, load.count() > 50);
    let (first, second) = tokio::join!(two.to_us(&["--planned", "--json"]), two.to_us(&["--planned", "--json"]));
    assert!(first.0 || second.0, "{} {}", first.1, second.1);
    for (done, said) in [&first, &second] {
        assert!(*done || said.contains("another failover is under way"), "{said}");
    }
    let before = load.count();
    eventually!(PATIENCE, load.count() > before + 50);
    let acknowledged = load.end().await;
    let held = two.held().await;
    let lost: Vec<_> = acknowledged.difference(&held).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged holds are lost", lost.len(), acknowledged.len());
    assert_eq!(two.reserved().await, held.len() as i64, "none counted twice");
    // The old region's origins are refused by their own database.
    let body = json!({"lines": [{"sku": "x", "quantity": 1}]});
    let client = two.eu.origin(0).client(&two.eu.tokens.storefront);
    let call = client.call(reqwest::Method::POST, "/v1/reservations").key("late").json(body);
    assert_eq!(call.header("Onhand-Timeout-Ms", "2000").send().await.status, 503);
    let opened = two.us().sql(two.eu.database(), "SELECT region, before, reason FROM failovers").await;
    assert_eq!(opened.len(), 1, "the second command found it open");
    let row: (String, String, String) = (opened[0].get(0), opened[0].get(1), opened[0].get(2));
    assert_eq!(row, ("us".to_owned(), "eu".to_owned(), "a drill".to_owned()));
}

/// What only the lost region had is in the file; rewound, it follows, and takes over again under a term of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_region_rejoins_and_takes_over_again() {
    let two = two().await;
    let (eu, us, database) = (two.eu.postgres(), two.us(), two.eu.database());
    // pg_rewind asks for it.
    eu.sql("postgres", "ALTER SYSTEM SET wal_log_hints = on").await;
    eu.restart().await;
    eu.wait_for_standby(us).await;
    let load = Load::start(&two.shop(), 4);
    eventually!(PATIENCE, load.count() > 50);
    let acknowledged = load.end().await;
    // What a frozen standby has not read would still be in its socket.
    us.stop_following().await;
    let alone = eu.client(database).await;
    let kept = "SET synchronous_commit = local;
        INSERT INTO idempotency_keys (subject, key, digest, status, body, created_at)
        VALUES ('shop', 'only-eu', decode(repeat('00', 32), 'hex'), 201, '{}', clock_timestamp())";
    alone.batch_execute(kept).await.unwrap();
    two.lose_eu();
    let (done, said) = two.to_us(&[]).await;
    assert!(done && said.contains("under term 17"), "{said}");

    let dir = tempfile::tempdir().unwrap();
    let (data, list) = (eu.data().display().to_string(), dir.path().join("list").display().to_string());
    let (done, said) = two.rejoin(&["eu", "--data", &data, "--out", &list]).await;
    assert!(done, "{said}");
    let listed = std::fs::read_to_string(&list).unwrap();
    assert!(listed.contains("only-eu"), "{listed} {said}");
    assert_eq!(listed.lines().count(), 1, "nothing that us has too: {listed}");
    eu.start().await;
    us.wait_for_standby(eu).await;
    us.wait_for_standbys("eu").await;
    two.eu.kafka().start().await;
    two.eu.redis().start().await;
    for origin in two.eu.origins() {
        origin.start().await;
    }

    let (done, said) = two.command(&["--to", "eu", "--reason", "back", "--planned", "--deadline", "2m"]).await;
    assert!(done && said.contains("under term 32"), "the first region's number: {said}");
    let held = eu.sql(database, "SELECT reservation::text FROM allocations WHERE sku = 'x'").await;
    let held: BTreeSet<String> = held.iter().map(|row| row.get(0)).collect();
    assert_eq!(acknowledged.difference(&held).count(), 0, "nothing acknowledged is lost on the way there and back");
    let terms = eu.sql(database, "SELECT term FROM failovers ORDER BY term").await;
    let terms: Vec<i32> = terms.iter().map(|row| row.get(0)).collect();
    assert_eq!(terms, [17, 32]);
}
