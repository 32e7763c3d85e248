//! The origin under trouble: rows locked by others, a command that the database refuses, more
//! writes than may wait, a caller in a hurry.

use std::time::{Duration, Instant};

use onhand_harness::{Client, Reply, World, eventually};
use serde_json::json;
use tokio::task::JoinSet;

async fn hold(client: &Client, sku: &str) -> Reply {
    client.post("/v1/reservations", json!({"lines": [{"sku": sku, "quantity": 1}]})).await
}

async fn world() -> World {
    let world = World::start().edges(0).ready().await;
    world.location("a", 0).await;
    for sku in ["x", "y", "z"] {
        world.stock(sku, "a", 10).await;
    }
    world
}

/// Whoever needs a row that is locked by hand waits alone, and is told in time; all others go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_locked_by_hand_holds_up_its_own_callers_only() {
    let world = world().await;
    let shop = world.origin(0).client(&world.tokens.storefront);
    let by_hand = world.postgres().client(world.database()).await;
    by_hand.batch_execute("BEGIN; UPDATE inventory_items SET on_hand = on_hand WHERE sku = 'x'").await.unwrap();
    let (caller, waiting) = (
        shop.clone(),
        tokio::spawn({
            let shop = shop.clone();
            async move { hold(&shop, "x").await }
        }),
    );
    eventually!(world.origin(0).metric("origin_commands_parked").await == Some(1.0));
    // Parked: from here on nobody waits for the lock's timeout any more, not for `x` either.
    let (later, before) = (
        tokio::spawn({
            let shop = shop.clone();
            async move { hold(&shop, "x").await }
        }),
        Instant::now(),
    );
    for sku in ["y", "z", "y", "z"] {
        hold(&caller, sku).await.expect(201);
    }
    println!("four holds beside a locked row: {:?}", before.elapsed());
    let told = waiting.await.unwrap();
    assert_eq!((told.status, told.code().as_str()), (503, "overloaded"), "{}", told.text());
    assert!(told.header("retry-after").is_some());
    by_hand.batch_execute("COMMIT").await.unwrap();
    assert!(matches!(later.await.unwrap().status, 201 | 503));
    hold(&shop, "x").await.expect(201);
    eventually!(world.origin(0).metric("origin_commands_parked").await == Some(0.0));
}

/// A row that was tampered with makes its own command fail, and nobody else's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_breaks_its_batch_fails_alone() {
    let world = world().await;
    let shop = world.origin(0).client(&world.tokens.storefront);
    let held = hold(&shop, "x").await.expect(201).json()["id"].as_str().unwrap().to_owned();
    world.sql("UPDATE inventory_items SET reserved = 0 WHERE sku = 'x'").await;
    let mut calls = JoinSet::new();
    for number in 0..30 {
        let (shop, held) = (shop.clone(), held.clone());
        calls.spawn(async move {
            if number == 15 {
                return (true, shop.post(&format!("/v1/reservations/{held}/cancel"), json!({})).await);
            }
            (false, hold(&shop, if number % 2 == 0 { "y" } else { "z" }).await)
        });
    }
    for (poison, reply) in calls.join_all().await {
        if poison {
            assert_eq!(reply.status, 500, "{}", reply.text());
            assert!(!reply.text().contains("reserved"), "nothing internal leaks: {}", reply.text());
        } else {
            assert!(matches!(reply.status, 201 | 409), "{}", reply.text());
        }
    }
    let rows = world.sql("SELECT sum(reserved)::bigint FROM inventory_items WHERE sku IN ('y', 'z')").await;
    assert_eq!(rows[0].get::<_, i64>(0), 20, "29 wanted the 20 that were there");
}

/// The database answers alike each time: one command may be the cause, and must not keep the others waiting until its
/// own time is up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_that_the_database_never_can_carry_out_keep_nobody_waiting() {
    let world = world().await;
    // Both name a constraint: it is the SQLSTATE that tells what they are.
    for (sku, state) in [("x", "53100"), ("z", "54000")] {
        let raise = format!(
            "CREATE FUNCTION never_{sku}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                RAISE EXCEPTION 'never' USING ERRCODE = '{state}', CONSTRAINT = 'idempotency_keys_pkey'; END $$"
        );
        world.sql(&raise).await;
        let on = "BEFORE UPDATE ON inventory_items FOR EACH ROW WHEN";
        world.sql(&format!("CREATE TRIGGER never_{sku} {on} (OLD.sku = '{sku}') EXECUTE FUNCTION never_{sku}()")).await;
    }
    let shop = world.origin(0).client(&world.tokens.storefront);
    let mut calls = JoinSet::new();
    for number in 0..20 {
        let shop = shop.clone();
        calls.spawn(async move {
            let sku = match number {
                10 => "x",
                13 => "z",
                _ => "y",
            };
            let call = shop.call(reqwest::Method::POST, "/v1/reservations").key(&format!("never-{number}"));
            // So long that whoever waits for it finds out.
            let call = call.header("onhand-timeout-ms", "600000");
            let body = json!({"lines": [{"sku": sku, "quantity": 1}]});
            (sku, tokio::time::timeout(Duration::from_secs(60), call.json(body).send()).await.expect("it waits"))
        });
    }
    for (sku, reply) in calls.join_all().await {
        match sku {
            "x" => assert_eq!((reply.status, reply.code()), (503, "origin_unavailable".to_owned()), "{}", reply.text()),
            "z" => assert_eq!((reply.status, reply.json()["retry"].as_str()), (500, Some("never")), "{}", reply.text()),
            _ => assert!(matches!(reply.status, 201 | 409), "{}", reply.text()),
        }
    }
}

/// A statement that the database refuses, it refuses again; a connection that is lost comes back. Callers are told which.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_statement_is_never_to_be_retried_and_a_lost_connection_is() {
    let world = world().await;
    let shop = world.origin(0).client(&world.tokens.storefront);
    let held = hold(&shop, "x").await.expect(201).json()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/reservations/{held}");
    let own = world.postgres().client(world.database()).await;

    own.batch_execute("ALTER TABLE reservations RENAME TO gone").await.unwrap();
    for refused in [shop.get(&path).await, hold(&shop, "x").await] {
        assert_eq!((refused.status, refused.json()["retry"].as_str()), (500, Some("never")), "{}", refused.text());
        assert!(!refused.text().contains("reservations\""), "nothing internal leaks: {}", refused.text());
    }
    own.batch_execute("ALTER TABLE gone RENAME TO reservations").await.unwrap();
    shop.get(&path).await.expect(200);

    own.batch_execute("BEGIN; LOCK TABLE reservations IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let reading = tokio::spawn({
        let (shop, path) = (shop.clone(), path.clone());
        async move { shop.get(&path).await }
    });
    let end = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = '{}' AND application_name = 'onhand-origin' AND wait_event_type = 'Lock'
             AND query LIKE '%FROM reservations v, relay r%v.id = $1%'",
        world.database()
    );
    eventually!(world.postgres().sql(world.database(), &end).await[0].get::<_, i64>(0) > 0);
    let lost = reading.await.unwrap();
    assert_eq!((lost.status, lost.json()["retry"].as_str()), (503, Some("same_key")), "{}", lost.text());
    assert!(lost.header("retry-after").is_some());
    own.batch_execute("ROLLBACK").await.unwrap();
    eventually!(shop.get(&path).await.status == 200);
}

/// Beyond the queue: 503 at once, with a time to come back; and a caller's own deadline counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_at_once_and_a_deadline_is_kept() {
    let world = World::start().edges(0).dedicated().env("ONHAND_ORIGIN__QUEUE", "4").ready().await;
    world.location("a", 0).await;
    world.stock("x", "a", 1000).await;
    let shop = world.origin(0).client(&world.tokens.storefront);
    world.postgres().freeze();
    let mut calls = JoinSet::new();
    for _ in 0..40 {
        let shop = shop.clone();
        calls.spawn(async move { hold(&shop, "x").await });
    }
    let mut codes = std::collections::BTreeMap::<String, usize>::new();
    while let Some(reply) = calls.join_next().await {
        let reply = reply.unwrap();
        assert!(matches!(reply.status, 503 | 504) && reply.header("retry-after").is_some(), "{}", reply.text());
        *codes.entry(reply.code()).or_default() += 1;
    }
    assert!(codes.get("overloaded").is_some_and(|count| *count > 20), "{codes:?}");
    let hurried = shop.call(reqwest::Method::POST, "/v1/reservations").key("hurry").header("onhand-timeout-ms", "300");
    let hurried = hurried.json(json!({"lines": [{"sku": "x", "quantity": 1}]})).send().await;
    let codes = ["deadline_exceeded", "origin_unavailable", "overloaded"];
    assert!(codes.contains(&hurried.code().as_str()), "{}", hurried.text());
    world.postgres().thaw();
    eventually!(Duration::from_secs(30), hold(&shop, "x").await.status == 201);
}
