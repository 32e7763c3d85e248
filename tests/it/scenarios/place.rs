//! Where a scenario plays: an edge, an origin and short words for what callers do.

use std::collections::BTreeMap;

use onhand_harness::{Client, Reply, World, encode, eventually};
use serde_json::{Value, json};

use crate::dev::Dev;

pub(crate) struct Place {
    /// A storefront that also ships, at the edge.
    pub(crate) shop: Client,
    /// The same at every node: edge and origins.
    pub(crate) doors: Vec<Client>,
    looker: Client,
    pub(crate) admin: Client,
    _runs: Runs,
}

/// Ends with the place.
#[expect(dead_code, reason = "held, never read")]
enum Runs {
    Dev(Box<Dev>),
    World(Box<World>),
}

impl Place {
    pub(crate) async fn sqlite() -> Self {
        let dev = Dev::start(&["--empty"]).await;
        let seller = dev.tokens["fulfilment"].as_str();
        let shop = Client::at(&dev.edge, seller);
        Self {
            doors: vec![shop.clone(), Client::at(&dev.origin, seller)],
            shop,
            looker: Client::at(&dev.edge, None),
            admin: Client::at(&dev.origin, dev.tokens["admin"].as_str()),
            _runs: Runs::Dev(Box::new(dev)),
        }
    }

    /// Two origins: what one has decided must count at the other.
    pub(crate) async fn postgres() -> Self {
        let world = World::start().origins(2).ready().await;
        let nodes = [world.edge(0), world.origin(0), world.origin(1)];
        Self {
            shop: world.edge(0).client(&world.tokens.fulfilment),
            doors: nodes.iter().map(|node| node.client(&world.tokens.fulfilment)).collect(),
            looker: world.edge(0).anonymous(),
            admin: world.origin(0).client(&world.tokens.admin),
            _runs: Runs::World(Box::new(world)),
        }
    }

    async fn put(&self, path: &str, body: Value) {
        let reply = self.admin.put(path, body).await;
        assert!(matches!(reply.status, 200 | 201), "PUT {path}: {} {}", reply.status, reply.text());
    }

    /// Locations and their priorities.
    pub(crate) async fn locations(&self, named: &[(&str, i32)]) {
        for (id, priority) in named {
            self.location(id, json!({"name": id, "priority": priority})).await;
        }
    }

    pub(crate) async fn location(&self, id: &str, body: Value) {
        self.put(&format!("/inventory/locations/{id}"), body).await;
    }

    pub(crate) async fn channel(&self, id: &str, locations: &[&str], allocation: &str) {
        let body = json!({"locations": locations, "allocation": allocation});
        self.put(&format!("/inventory/channels/{id}"), body).await;
    }

    /// Makes the item, and counts it where it is.
    pub(crate) async fn stock(&self, sku: &str, counts: &[(&str, i64)]) {
        let path = format!("/inventory/products/{}", encode(sku));
        self.put(&path, json!({"name": sku})).await;
        for (location, quantity) in counts {
            let body = json!({"location": location, "quantity": quantity, "reason": "count"});
            self.put(&format!("{path}/stock"), body).await;
        }
    }

    pub(crate) async fn put_item(&self, sku: &str, body: Value) {
        self.put(&format!("/inventory/products/{}", encode(sku)), body).await;
    }

    pub(crate) async fn try_put_item(&self, sku: &str, body: Value) -> Reply {
        self.admin.put(&format!("/inventory/products/{}", encode(sku)), body).await
    }

    /// As it is spelt, under a key.
    pub(crate) async fn put_keyed(&self, path: String, body: &str, key: &str) -> Reply {
        self.admin.call("PUT".parse().unwrap(), &path).key(key).body("application/json", body.to_owned()).send().await
    }

    pub(crate) async fn try_look(&self, sku: &str) -> Reply {
        self.looker.get(&format!("/v1/availability/{}", encode(sku))).await
    }

    pub(crate) async fn try_query(&self, body: Value) -> Reply {
        self.looker.post("/v1/availability/query", body).await
    }

    pub(crate) async fn try_quote(&self, body: Value) -> Reply {
        self.looker.post("/v1/quotes", body).await
    }

    pub(crate) async fn quote(&self, body: Value) -> Value {
        self.try_quote(body).await.expect(200).json()
    }

    pub(crate) async fn policy(&self, sku: &str, body: Value) {
        self.put(&format!("/inventory/products/{}/policy", encode(sku)), body).await;
    }

    /// Any call of an operator's.
    pub(crate) async fn operate(&self, path: &str, body: Value) -> Reply {
        self.admin.post(path, body).await
    }

    pub(crate) async fn delete(&self, sku: &str) -> Reply {
        self.admin.delete(&format!("/inventory/products/{}", encode(sku))).await
    }

    pub(crate) async fn ask(&self, body: Value) -> Reply {
        self.shop.post("/v1/reservations", body).await
    }

    pub(crate) async fn hold(&self, body: Value) -> Value {
        self.ask(body).await.expect(201).json()
    }

    /// One line of one SKU.
    pub(crate) async fn hold_one(&self, sku: &str, quantity: i64) -> Value {
        self.hold(json!({"lines": [{"sku": sku, "quantity": quantity}]})).await
    }

    pub(crate) async fn refuses_one(&self, sku: &str, quantity: i64, available: i64) {
        let reply = self.ask(json!({"lines": [{"sku": sku, "quantity": quantity}]})).await;
        short(&reply, json!([{"line": 0, "sku": sku, "requested": quantity, "available": available}]));
    }

    pub(crate) async fn verb(&self, held: &Value, verb: &str, body: Value) -> Reply {
        let id = held["id"].as_str().expect("an id");
        self.shop.post(&format!("/v1/reservations/{id}/{verb}"), body).await
    }

    pub(crate) async fn set_lines(&self, held: &Value, lines: Value) -> Reply {
        let id = held["id"].as_str().expect("an id");
        self.shop.put(&format!("/v1/reservations/{id}/lines"), json!({"lines": lines})).await
    }

    pub(crate) async fn reallocate(&self, held: &Value, body: Value) -> Reply {
        let id = held["id"].as_str().expect("an id");
        self.admin.post(&format!("/v1/reservations/{id}/reallocate"), body).await
    }

    pub(crate) async fn looker_get(&self, path: &str) -> Reply {
        self.looker.get(path).await
    }

    pub(crate) async fn done(&self, held: &Value, verb: &str, body: Value) -> Value {
        self.verb(held, verb, body).await.expect(200).json()
    }

    pub(crate) async fn reservation(&self, held: &Value) -> Value {
        let id = held["id"].as_str().expect("an id");
        self.shop.get(&format!("/v1/reservations/{id}")).await.expect(200).json()
    }

    /// On hand and reserved of each location, by the origin.
    pub(crate) async fn levels(&self, sku: &str) -> BTreeMap<String, (i64, i64)> {
        let item = self.admin.get(&format!("/inventory/products/{}", encode(sku))).await.expect(200).json();
        let rows = item["stock"].as_array().expect("rows").iter();
        let level = |row: &Value| (row["on_hand"].as_i64().unwrap(), row["reserved"].as_i64().unwrap());
        rows.map(|row| (row["location"].as_str().unwrap().to_owned(), level(row))).collect()
    }

    #[track_caller]
    pub(crate) fn level(levels: &BTreeMap<String, (i64, i64)>, location: &str) -> (i64, i64) {
        *levels.get(location).unwrap_or_else(|| panic!("no row at {location}: {levels:?}"))
    }

    /// At the edge, as anybody sees it.
    pub(crate) async fn look(&self, sku: &str, query: &str) -> Value {
        // A reservation is left out for a storefront only.
        let caller = if query.contains("reservation=") { &self.shop } else { &self.looker };
        let reply = caller.get(&format!("/v1/availability/{}?{query}", encode(sku))).await;
        // Until the feed has brought a new SKU or channel, the edge may not know it.
        if reply.status == 404 { Value::Null } else { reply.expect(200).json() }
    }

    /// Waits until the edge shows so many available.
    pub(crate) async fn shows(&self, sku: &str, query: &str, available: i64) {
        eventually!(self.look(sku, query).await["available"] == available);
    }
}

/// 409 insufficient_stock with these lines.
#[track_caller]
pub(crate) fn short(reply: &Reply, lines: Value) {
    let body = reply.json();
    assert_eq!((reply.status, &body["code"], &body["lines"]), (409, &json!("insufficient_stock"), &lines), "{body}");
}

/// 409 reservation_state, naming it.
#[track_caller]
pub(crate) fn in_state(reply: &Reply, state: &str) {
    let body = reply.json();
    assert_eq!(
        (reply.status, &body["code"], &body["state"]),
        (409, &json!("reservation_state"), &json!(state)),
        "{body}"
    );
}

/// Allocations as a reservation shows them.
pub(crate) fn from(shares: &[(&str, i64)]) -> Value {
    shares.iter().map(|(location, quantity)| json!({"location": location, "quantity": quantity})).collect()
}

#[track_caller]
pub(crate) fn allocated(held: &Value, line: usize, shares: &[(&str, i64)]) {
    assert_eq!(held["lines"][line]["allocations"], from(shares), "{held}");
}
