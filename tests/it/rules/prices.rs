//! Rules that price: what a quote costs under one, and when it fails.

use onhand_harness::World;
use serde_json::{Value, json};

use super::{folder, patient};

async fn world(rules: &[(&str, &str, &str)]) -> World {
    let world = patient(folder(rules).path()).await;
    world.location("eu-1", 0).await;
    world.stock("cup", "eu-1", 500).await;
    let cup = json!({"name": "Cup", "price": {"amount": 200, "currency": "GBP"}});
    world.origin(0).client(&world.tokens.admin).put("/inventory/products/cup", cup).await;
    world
}

async fn line(world: &World, asked: Value) -> Value {
    let shop = world.edge(0).client(&world.tokens.storefront);
    shop.post("/v1/quotes", asked).await.expect(200).json()["lines"][0].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pricing_rule_takes_off_what_the_merchant_promised() {
    let settings = "[config]\nbreaks = \"10:5\"\nsegments = \"trade:10\"\n";
    let world = world(&[("tiered-pricing", "tiers", settings)]).await;
    let ask = |quantity: u32| json!({"customer": {"id": "c1", "segment": "trade"}, "lines": [{"sku": "cup", "quantity": quantity}]});
    onhand_harness::eventually!(line(&world, ask(1)).await["unit_price"]["amount"] == 200);

    let ten = line(&world, ask(10)).await;
    assert_eq!(ten["unit_price"], json!({"amount": 200, "currency": "GBP"}));
    assert_eq!(ten["total"]["amount"], 2000 - 100 - 200);
    let taken_off: Vec<_> = ten["adjustments"].as_array().unwrap().iter().map(|by| &by["amount"]).collect();
    assert_eq!(taken_off, [-100, -200]);
    assert!(ten["adjustments"].as_array().unwrap().iter().all(|by| by["rule"] == "tiers"));
    assert_eq!(line(&world, ask(1)).await["total"]["amount"], 180, "too few for the break");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pricing_rule_that_fails_leaves_the_catalogues_price_or_none() {
    // A setting that is none: every call fails.
    let settings = "[config]\nbreaks = \"many\"\n";
    let ask = json!({"lines": [{"sku": "cup", "quantity": 10}]});
    let mild = world(&[("tiered-pricing", "tiers", settings)]).await;
    onhand_harness::eventually!(line(&mild, ask.clone()).await["total"]["amount"] == 2000);

    let strict = world(&[("tiered-pricing", "tiers", &format!("refuse_on_failure = true\n{settings}"))]).await;
    onhand_harness::eventually!(line(&strict, ask.clone()).await["no_price"] == "rule_failed");
    assert_eq!(line(&strict, ask).await["total"], Value::Null);
}
