//! Orders through their lanes, on real Kafka and PostgreSQL: accepted once, decided in order, lost never.

mod accept;
mod decide;
mod dev;
mod faults;
mod letters;
mod notices;
mod pay;
mod replays;
mod sale;

use std::time::Duration;

use onhand_harness::{Builder, Client, Node, Reply, World, eventually};
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(60);

/// Without a limit of one caller's rate, which tests have few subjects for.
fn world() -> Builder {
    World::start().env("RATE_LIMIT_MAX_REQUESTS", "0")
}

fn body(sku: &str, quantity: i64) -> Value {
    json!({"lines": [{"sku": sku, "quantity": quantity}]})
}

async fn place(world: &World, node: &Node, key: &str, body: Value) -> Reply {
    let client = node.client(&world.tokens.storefront);
    client.call("POST".parse().unwrap(), "/v1/orders").key(key).json(body).send().await
}

/// The same, again under its key while a slow machine has it answered 503 or 504, as callers are told to.
async fn settle(client: &Client, key: &str, body: Value) -> Reply {
    for _ in 0..40 {
        let call = client.call("POST".parse().unwrap(), "/v1/orders").key(key).json(body.clone());
        match call.try_send().await {
            Ok(answer) if !matches!(answer.status, 503 | 504) => return answer,
            _ => tokio::time::sleep(Duration::from_millis(250)).await,
        }
    }
    panic!("{key} was never settled")
}

fn id(reply: &Reply) -> String {
    reply.json()["id"].as_str().unwrap_or_else(|| panic!("an order: {}", reply.text())).to_owned()
}

async fn read(world: &World, node: &Node, id: &str) -> Value {
    node.client(&world.tokens.storefront).get(&format!("/v1/orders/{id}")).await.expect(200).json()
}

async fn is(world: &World, node: &Node, id: &str, state: &str) {
    eventually!(LONG, read(world, node, id).await["state"] == state, "{}", read(world, node, id).await);
}

/// The lanes are there, and somebody works on them: its origins have made the topics.
async fn ready(world: &World) {
    let probe = async || {
        world.item("probe").await;
        place(world, world.edge(0), "probe", body("probe", 1)).await.status == 202
    };
    eventually!(LONG, probe().await);
}

async fn lane(world: &World, lane: &str, verb: &str) {
    let operator = world.origin(0).client(&world.tokens.operator);
    operator.post(&format!("/internal/api/orders/lanes/{lane}/{verb}"), json!({})).await.expect(200);
    // Whichever replica leads looks ten times a second; what it had under way it decides.
    tokio::time::sleep(Duration::from_millis(500)).await;
}

async fn count(world: &World, condition: &str) -> i64 {
    world.sql(&format!("SELECT count(*) FROM orders WHERE sku <> 'probe' AND {condition}")).await[0].get(0)
}

/// What the books say of a SKU: units confirmed of its orders, and what its row has reserved.
async fn books(world: &World, sku: &str) -> (i64, i64) {
    let confirmed = format!(
        "SELECT count(*) FROM orders o JOIN reservations r ON r.id = o.reservation
        WHERE o.sku = '{sku}' AND o.state = 'confirmed' AND r.state = 'confirmed'"
    );
    let reserved = format!("SELECT coalesce(sum(reserved), 0)::bigint FROM inventory_items WHERE sku = '{sku}'");
    (world.sql(&confirmed).await[0].get(0), world.sql(&reserved).await[0].get(0))
}
