//! What the contract says of lookups, quotes and streams, sentence by sentence, through real servers.

mod availability;
mod quotes;
mod streams;

use onhand_harness::{Client, Reply, World, encode, eventually};
use serde_json::{Value, json};

struct Shop {
    world: World,
    admin: Client,
    edge: Client,
}

impl Shop {
    async fn open() -> Self {
        let world = World::start().ready().await;
        let admin = world.origin(0).client(&world.tokens.admin);
        let edge = world.edge(0).anonymous();
        Self { world, admin, edge }
    }

    async fn put(&self, path: &str, body: Value) {
        let reply = self.admin.put(path, body).await;
        assert!(matches!(reply.status, 200 | 201), "PUT {path}: {} {}", reply.status, reply.text());
    }

    async fn item(&self, sku: &str, body: Value) {
        self.put(&format!("/inventory/products/{}", encode(sku)), body).await;
    }

    async fn location(&self, id: &str, priority: i32, enabled: bool) {
        let body = json!({"name": id, "priority": priority, "enabled": enabled});
        self.put(&format!("/inventory/locations/{id}"), body).await;
    }

    async fn policy(&self, sku: &str, body: Value) {
        self.put(&format!("/inventory/products/{}/policy", encode(sku)), body).await;
    }

    async fn look(&self, sku: &str, query: &str) -> Reply {
        self.edge.get(&format!("/v1/availability/{}?{query}", encode(sku))).await
    }

    /// Waits until a lookup shows so many available.
    async fn shows(&self, sku: &str, available: i64) {
        eventually!(self.look(sku, "").await.json()["available"] == available);
    }
}

/// Locations and what each has available, in the order shown.
fn places(shown: &Value) -> Vec<(String, i64)> {
    let rows = shown["locations"].as_array().expect("locations").iter();
    rows.map(|row| (row["location"].as_str().unwrap().to_owned(), row["available"].as_i64().unwrap())).collect()
}

fn place(location: &str, available: i64) -> (String, i64) {
    (location.to_owned(), available)
}
