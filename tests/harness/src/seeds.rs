//! Stock for the start, and random seeds.

use serde_json::json;

use crate::{World, client::encode};

impl World {
    /// Creates or replaces a location; lower priorities serve first.
    pub async fn location(&self, id: &str, priority: i32) {
        let body = json!({"name": id, "priority": priority});
        self.admin_put(&format!("/inventory/locations/{id}"), body).await;
    }

    /// Creates or replaces a channel that these locations serve.
    pub async fn channel(&self, id: &str, locations: &[&str]) {
        self.admin_put(&format!("/inventory/channels/{id}"), json!({"locations": locations})).await;
    }

    /// Creates the item if it does not exist.
    pub async fn item(&self, sku: &str) {
        let path = format!("/inventory/products/{}", encode(sku));
        let admin = self.running_origin().client(&self.tokens.admin);
        if admin.get(&path).await.status == 404 {
            admin.put(&path, json!({"name": sku})).await.expect(201);
        }
    }

    /// Sets on hand at an existing location; creates the item if it does not exist.
    pub async fn stock(&self, sku: &str, location: &str, on_hand: i64) {
        self.item(sku).await;
        let body = json!({"location": location, "quantity": on_hand, "reason": "seed"});
        self.admin_put(&format!("/inventory/products/{}/stock", encode(sku)), body).await;
    }

    /// S000000, S000001 and so on, with plenty at each of the locations l000, l001 and so on. They are written directly
    /// into the database, which is faster than calls, so edges must not have asked for them yet.
    pub async fn catalogue(&self, skus: usize, locations: usize) {
        for number in 0..locations {
            self.location(&format!("l{number:03}"), number as i32).await;
        }
        let name = "'S' || lpad(s::text, 6, '0')";
        let series = |last: usize, name: &str| format!("generate_series(0, {}) {name}", last - 1);
        let (all_skus, all_locations) = (series(skus, "s"), series(locations, "l"));
        self.sql(&format!(
            "INSERT INTO products (sku, name, seq, changed_at) SELECT {name}, 'Article ' || s, 1, now() FROM {all_skus}"
        ))
        .await;
        self.sql(&format!(
            "INSERT INTO inventory_items (sku, location, on_hand, reserved, seq, changed_at) \
             SELECT {name}, 'l' || lpad(l::text, 3, '0'), 1000000, 0, 1, now() FROM {all_skus}, {all_locations}"
        ))
        .await;
        self.sql("ANALYZE").await;
    }

    async fn admin_put(&self, path: &str, body: serde_json::Value) {
        let reply = self.running_origin().client(&self.tokens.admin).put(path, body).await;
        assert!(matches!(reply.status, 200 | 201), "PUT {path}: {} {}", reply.status, reply.text());
    }

    fn running_origin(&self) -> &crate::Node {
        self.origins.iter().find(|origin| origin.is_running()).expect("an origin that runs")
    }
}

/// A SKU of [`World::catalogue`].
pub fn catalogue_sku(number: u64) -> String {
    format!("S{number:06}")
}

/// The seed of a randomised test, which is printed so that a failure can be repeated: `ONHAND_SEED=…`.
pub fn random_seed() -> u64 {
    let given = std::env::var("ONHAND_SEED").ok().map(|text| text.parse().expect("ONHAND_SEED is a whole number"));
    let seed = given.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
    eprintln!("ONHAND_SEED={seed}");
    seed
}
