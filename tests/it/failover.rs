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
        run(&[&["failover"], args].concat(), &env).await
    }

    async fn to_us(&self, more: &[&str]) -> (bool, String) {
        self.command(&[&["--to", "us", "--reason", "a drill"], more].concat()).await
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
    let (ready, said) = two.command(&["status"]).await;
    assert!(ready, "{said}");

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
    // Again, it finds everything done.
    let (done, said) = two.to_us(&[]).await;
    assert!(done, "{said}");
    assert!(said.contains("under term 17"), "{said}");
}
