//! Replays of dead letters: jobs at a rate, with a careful beginning, which survive who works on them.

use serde_json::{Value, json};

use onhand_harness::eventually;

use super::{LONG, body, count, id, place, ready, world};
use crate::onhand::run;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_is_careful_keeps_its_rate_and_survives_its_origin() {
    let world = world()
        .dedicated()
        .origins(2)
        .env("ONHAND_ORIGIN__RESERVATIONS__MAX_OPEN_UNITS", "10")
        .env("ONHAND_ORDERS__MAX_ATTEMPTS", "1")
        .ready()
        .await;
    world.location("a", 0).await;
    world.stock("x", "a", 500).await;
    ready(&world).await;
    // Else the probe would be one of them.
    let decided = "SELECT count(*) FROM orders WHERE sku = 'probe' AND state = 'sold_out'";
    eventually!(LONG, world.sql(decided).await[0].get::<_, i64>(0) == 1);
    let shop = world.edge(0).client(&world.tokens.storefront);
    let held = shop.post("/v1/reservations", body("x", 10)).await.expect(201).json();
    let mut orders = Vec::new();
    for number in 0..8 {
        orders.push(id(&place(&world, world.edge(0), &format!("k-{number}"), body("x", 1)).await.expect(202)));
    }
    let dead = async || count(&world, "state = 'dead_lettered' AND cause = 'open_units'").await;
    eventually!(LONG, dead().await == 8);

    // Nothing is mended yet: the first ones are dead letters again, and the rest does not follow.
    let origin = world.origin(0).url();
    let at = ["--origin", &origin, "--token", &world.tokens.operator];
    let replay = async |more: &[&str]| run(&[&["orders", "replay"], more, &at[..]].concat(), &[]).await;
    let (well, said) = replay(&["--cause", "open_units", "--canary", "2"]).await;
    assert!(!well && said.contains("is halted") && said.contains("2 of 8 go back"), "{said}");
    assert_eq!(dead().await, 8);

    // One that is slow is stopped, and what has not gone back stays.
    let (_, said) = replay(&["--rate", "0.01", "--detach", "--json"]).await;
    let begun: Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert_eq!((begun["state"].as_str(), begun["replayed"].as_i64()), (Some("running"), Some(1)), "{begun}");
    let (well, said) = run(&[&["orders", "stop-replay", begun["id"].as_str().unwrap()], &at[..]].concat(), &[]).await;
    assert!(well && said.contains("is stopped: 1 of 8 go back"), "{said}");
    eventually!(LONG, dead().await == 8);

    // Mended: all go back at two a second, while whoever works on it is killed.
    shop.post(&format!("/v1/reservations/{}/cancel", held["id"].as_str().unwrap()), json!({})).await.expect(200);
    let operator = world.origin(0).client(&world.tokens.operator);
    let asked = json!({"cause": "open_units", "rate": 2, "canary": 1});
    let begun = operator.post("/internal/api/orders/dlq/replay", asked).await.expect(202);
    let path = begun.header("location").unwrap().to_owned();
    assert_eq!(begun.json()["state"], "canary", "{}", begun.text());
    eventually!(LONG, operator.get(&path).await.expect(200).json()["state"] == "running");
    let leads = async |node: usize| world.origin(node).metric("processor_leading").await == Some(1.0);
    let leader = usize::from(!leads(0).await);
    world.origin(leader).kill();
    let operator = world.origin(1 - leader).client(&world.tokens.operator);
    let standing = async || operator.get(&path).await.expect(200).json();
    eventually!(LONG, standing().await["outcomes"]["confirmed"] == 8, "{}", standing().await);
    let over = standing().await;
    assert_eq!(
        (over["state"].as_str(), over["replayed"].as_i64(), over["waiting"].as_i64()),
        (Some("done"), Some(8), Some(0))
    );
    assert_eq!(count(&world, "state = 'confirmed'").await, 8);
    let trail = operator.get("/internal/api/audit?kind=replay_stopped").await.expect(200).json();
    assert_eq!(trail["items"].as_array().unwrap().len(), 1, "{trail}");
    let none = operator.get("/internal/api/orders/dlq/replays/0193a1b2-7c4d-7e8f-9a0b-1c2d3e4f5a6b").await;
    assert_eq!((none.status, none.code().as_str()), (404, "not_found"));
    let wrong = operator.post("/internal/api/orders/dlq/replay", json!({"canary": 0})).await;
    assert!(wrong.status == 400 && wrong.text().contains("canary"), "{}", wrong.text());
}
