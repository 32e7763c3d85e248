//! What the database server's own settings may not take away: an acknowledged write is on disk.

use std::time::Duration;

use onhand_harness::World;
use serde_json::json;
use tokio::task::JoinSet;

use crate::onhand;

/// Servers of its own, with these settings in force.
async fn world(settings: &[&str]) -> World {
    let world = World::start().edges(0).dedicated().ready().await;
    world.location("a", 0).await;
    world.stock("x", "a", 1_000_000).await;
    for setting in settings {
        world.sql(&format!("ALTER SYSTEM SET {setting}")).await;
    }
    world.origin(0).kill();
    world.postgres().kill();
    world.postgres().start().await;
    world
}

/// Without the session's own setting, the server answers COMMIT before it writes: what is killed then is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_holds_survive_kill_9_though_the_server_commits_asynchronously() {
    let world = world(&["synchronous_commit = off", "wal_writer_delay = '10s'"]).await;
    let setting = world.sql("SHOW synchronous_commit").await[0].get::<_, String>(0);
    assert_eq!(setting, "off", "the server's default is what it is tested against");
    for round in 0..6 {
        world.origin(0).start().await;
        let shop = world.origin(0).client(&world.tokens.storefront);
        let mut calls = JoinSet::new();
        for _ in 0..8 {
            let shop = shop.clone();
            calls.spawn(async move {
                let body = json!({"lines": [{"sku": "x", "quantity": 1}], "ttl_s": 86400});
                let key = uuid::Uuid::new_v4().to_string();
                shop.call(reqwest::Method::POST, "/v1/reservations").key(&key).json(body).try_send().await
            });
        }
        let mut acknowledged = Vec::new();
        while let Some(answer) = calls.join_next().await {
            if acknowledged.is_empty() {
                world.postgres().kill();
                world.origin(0).kill();
            }
            let Ok(Ok(reply)) = answer else { continue };
            if reply.status == 201 {
                acknowledged.push(reply.json()["id"].as_str().unwrap().to_owned());
            }
        }
        world.postgres().start().await;
        assert!(!acknowledged.is_empty(), "round {round}");
        for id in acknowledged {
            let found = world.sql(&format!("SELECT 1 FROM reservations WHERE id = '{id}'")).await;
            assert_eq!(found.len(), 1, "round {round}: {id} was acknowledged");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_sync_is_refused_and_one_that_may_tear_pages_is_warned_of() {
    let world = world(&["full_page_writes = off"]).await;
    let (url, brokers) = (world.database_url(), world.kafka().brokers());
    let env = [("DATABASE_URL", url.as_str()), ("KAFKA_ADDR", &brokers)];
    let (_, said) = onhand::run(&["check"], &env).await;
    assert!(said.contains("full_page_writes = off") && said.contains("WARNING"), "{said}");
    world.origin(0).start().await;

    world.sql("ALTER SYSTEM SET fsync = off").await;
    world.sql("SELECT pg_reload_conf()").await;
    let off = async || world.sql("SHOW fsync").await[0].get::<_, String>(0) == "off";
    onhand_harness::eventually!(Duration::from_secs(10), off().await);
    let (good, said) = onhand::run(&["check"], &env).await;
    assert!(!good && said.contains("fsync = off") && said.contains("Set fsync = on"), "{said}");
    let listen = [("ONHAND_ORIGIN__LISTEN", "127.0.0.1:0"), ("ONHAND_ORIGIN__MANAGEMENT", "127.0.0.1:0")];
    let key = world.tokens.public_key().to_string_lossy().into_owned();
    let started = [&env[..], &listen, &[("ONHAND_AUTH__KEY_FILE", key.as_str())]].concat();
    let (good, said) = onhand::run(&["origin"], &started).await;
    assert!(!good && said.contains("fsync = off"), "{said}");
}
