//! The runbook of an inventory service, over HTTP on real servers (operations.md, table A).

mod actuator;
mod book;
mod lists;
pub(crate) mod receiver;
mod reconcile;
mod refusals;
mod restock;
mod trail;

use onhand_harness::{Builder, Client, World};
use serde_json::json;

const LOW: &str = "/internal/api/inventory/low-stock";
const STUCK: &str = "/internal/api/inventory/stuck-reservations";
const RELEASE: &str = "/internal/api/inventory/release-expired-reservations";
const RECONCILE: &str = "/internal/api/inventory/reconcile";
const RESTOCK: &str = "/internal/api/inventory/trigger-restock-notifications";

/// A shop with 10 of `x` at `a`.
async fn open(builder: Builder) -> World {
    let world = builder.ready().await;
    world.location("a", 0).await;
    world.stock("x", "a", 10).await;
    world
}

fn operator(world: &World) -> Client {
    world.origin(0).client(&world.tokens.operator)
}

fn storefront(world: &World) -> Client {
    world.origin(0).client(&world.tokens.storefront)
}

fn fulfilment(world: &World) -> Client {
    world.origin(0).client(&world.tokens.fulfilment)
}

/// Who may let a reconciliation apply.
fn admin(world: &World) -> Client {
    world.origin(0).client(&world.tokens.admin)
}

/// Holds some of `x`; the reservation's id.
async fn hold(world: &World, quantity: i64, ttl_s: u32) -> String {
    let body = json!({"lines": [{"sku": "x", "quantity": quantity}], "ttl_s": ttl_s});
    let held = storefront(world).post("/v1/reservations", body).await.expect(201).json();
    held["id"].as_str().expect("an id").to_owned()
}

async fn maintenance(world: &World, on: bool) {
    let body = json!({"maintenanceMode": on, "message": "back at nine"});
    let admin = world.origin(0).client(&world.tokens.admin);
    admin.post("/inventory/admin/maintenance", body).await.expect(200);
}

/// Rows that any write would have changed.
async fn rows(world: &World) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in ["ledger", "reservations", "allocations", "idempotency_keys", "restock_notifications"] {
        counts.push(world.sql(&format!("SELECT count(*) FROM {table}")).await[0].get(0));
    }
    counts
}
