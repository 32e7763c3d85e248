use onhand_wire::{Channel, Item, Location, Money, Version, event::Change};
use serde_json::json;

use crate::world::{World, channel, fact, item, location};

fn priced(sku: &str, amount: i64, version: u64) -> Item {
    let price = Some(Money { amount, currency: "GBP".to_owned() });
    Item { price, version: Version::new(1, version), ..item(sku) }
}

async fn shop() -> World {
    let world = World::start().await;
    for (sku, amount) in [("a", 250), ("b", 40)] {
        world.store(fact(sku, "eu-1", 5, 1));
        world.store(fact(sku, "eu-2", 3, 1));
        world.origin.with(|state| state.stocks.get_mut(sku).unwrap().join_item(priced(sku, amount, 2)));
    }
    world
}

#[tokio::test]
async fn a_quote_prices_every_line_and_proposes_where_it_comes_from() {
    let world = shop().await;
    let body = r#"{"lines":[{"sku":"a","quantity":6},{"sku":"b","quantity":1}],"channel":"web","currency":"GBP",
        "customer":{"id":"c1","segment":"trade"},"destination":{"country":"GB","postcode":"N1","lat":51.5,"lon":0}}"#;
    let reply = world.post("/v1/quotes", &[], body).await;
    assert_eq!((reply.status.as_u16(), reply.header("onhand-source")), (200, "origin"));
    assert_eq!((reply.header("cache-control"), reply.header("onhand-stale")), ("private, no-cache", ""));
    assert!(!reply.header("onhand-as-of").is_empty());
    let gbp = |amount: i64| json!({"amount": amount, "currency": "GBP"});
    let lines = json!([
        {"line": 0, "sku": "a", "quantity": 6, "unit_price": gbp(250), "total": gbp(1500), "adjustments": [],
         "allocation": [{"location": "eu-2", "quantity": 3}]},
        {"line": 1, "sku": "b", "quantity": 1, "unit_price": gbp(40), "total": gbp(40), "adjustments": [],
         "allocation": [{"location": "eu-2", "quantity": 1}]},
    ]);
    let whole = json!({"lines": lines, "total": gbp(1540), "shippable": false, "allocated_by": "priority"});
    assert_eq!(reply.json(), whole);
    let again = world.post("/v1/quotes", &[], r#"{"lines":[{"sku":"a","quantity":8}]}"#).await;
    assert_eq!((again.header("onhand-source"), &again.json()["shippable"]), ("l1", &true.into()));
}

#[tokio::test]
async fn a_quote_follows_the_feed_prices_and_topology_too() {
    let world = shop().await;
    let quoted =
        async || world.post("/v1/quotes", &[], r#"{"lines":[{"sku":"a","quantity":2}],"channel":"web"}"#).await.json();
    assert_eq!(quoted().await["total"]["amount"], 500);
    world.publish(Change::Item(priced("a", 300, 3)));
    world.eventually("the price", async || quoted().await["total"]["amount"] == 600).await;
    let both = Channel {
        allocation: "most_stock".to_owned(),
        version: Version::new(1, 2),
        ..channel("web", &["eu-2", "eu-1"])
    };
    world.publish(Change::Channel(both));
    world.eventually("the strategy", async || quoted().await["allocated_by"] == "most_stock").await;
    assert_eq!(quoted().await["lines"][0]["allocation"], json!([{"location": "eu-1", "quantity": 2}]));
    let disabled = Location { enabled: false, version: Version::new(1, 2), ..location("eu-1", 0) };
    world.publish(Change::Location(disabled));
    let from = json!([{"location": "eu-2", "quantity": 2}]);
    world.eventually("the location", async || quoted().await["lines"][0]["allocation"] == from).await;
}

#[tokio::test]
async fn a_quote_keeps_bounds_and_sessions_as_a_lookup_does() {
    let world = shop().await;
    let body = r#"{"lines":[{"sku":"a","quantity":1}]}"#;
    world.post("/v1/quotes", &[], body).await;
    world.store(fact("a", "eu-1", 0, 2)); // the feed says nothing of it
    let bounded = async |ms: &str| world.post("/v1/quotes", &[("onhand-max-staleness", ms)], body).await;
    world.eventually("older than the bound", async || bounded("20").await.header("onhand-source") == "origin").await;
    let lax = bounded("60000").await;
    assert_eq!(
        (lax.header("onhand-source"), &lax.json()["lines"][0]["allocation"][0]["location"]),
        ("l1", &"eu-2".into())
    );
    assert_eq!(bounded("x").await.json()["field"], "Onhand-Max-Staleness");
    let wrong = world.post("/v1/quotes", &[("onhand-session", "?")], body).await;
    assert_eq!(wrong.json()["field"], "Onhand-Session");
}

#[tokio::test]
async fn what_is_wrong_with_a_quote_is_named() {
    let world = shop().await;
    let field =
        async |body: &str| world.post("/v1/quotes", &[], body).await.json()["field"].as_str().unwrap_or("").to_owned();
    for (body, named) in [
        ("", "lines"),
        (r#"{"lines":[]}"#, "lines"),
        (r#"{"lines":[{"sku":"a","quantity":0}]}"#, "lines[0].quantity"),
        (r#"{"lines":[{"sku":"a","quantity":1.5}]}"#, "lines[0].quantity"),
        (r#"{"lines":[{"sku":" a","quantity":1}]}"#, "lines[0].sku"),
        (r#"{"lines":[{"sku":"a","quantity":1,"location":"eu-1"}]}"#, "lines[0].location"),
        (r#"{"lines":[{"sku":"a","quantity":1}],"currency":"gbp"}"#, "currency"),
        (r#"{"lines":[{"sku":"a","quantity":1}],"customer":{}}"#, "customer.id"),
        (r#"{"lines":[{"sku":"a","quantity":1}],"destination":{"country":"UK1"}}"#, "destination.country"),
        (r#"{"lines":[{"sku":"a","quantity":1}],"ttl_s":5}"#, "ttl_s"),
    ] {
        assert_eq!(field(body).await, named, "{body}");
    }
    let lines = |count: usize| json!({"lines": vec![json!({"sku": "a", "quantity": 1}); count]}).to_string();
    assert_eq!(field(&lines(501)).await, "lines");
    assert_eq!(world.post("/v1/quotes", &[], &lines(500)).await.json()["lines"].as_array().unwrap().len(), 500);
    let unknown =
        world.post("/v1/quotes", &[], r#"{"lines":[{"sku":"a","quantity":1},{"sku":"no such","quantity":1}]}"#).await;
    assert_eq!((unknown.code(), &unknown.json()["sku"]), ((404, "unknown_sku".to_owned()), &"no such".into()));
    assert!(unknown.json()["detail"].as_str().unwrap().contains("no such"));
    let channel = world.post("/v1/quotes", &[], r#"{"lines":[{"sku":"a","quantity":1}],"channel":"nope"}"#).await;
    assert_eq!(channel.code(), (404, "unknown_channel".to_owned()));
    let get = world.get("/v1/quotes").await;
    assert_eq!((get.code().0, get.header("allow")), (405, "POST"));
}
