//! Low stock, stuck reservations, and releasing what has expired.

use onhand_harness::{World, eventually};
use serde_json::{Value, json};

use super::{LOW, RELEASE, STUCK, fulfilment, hold, open, operator, storefront};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn low_stock_is_listed_since_it_crossed() {
    let world = open(World::start().edges(0).env("ONHAND_ORIGIN__RESTOCK__EVERY", "100ms")).await;
    for sku in ["a b/c", "y"] {
        world.stock(sku, "a", 3).await;
        let path = format!("/inventory/products/{}/policy", onhand_harness::encode(sku));
        operator(&world).put(&path, json!({"low_stock_at": 3})).await.expect(200);
    }
    operator(&world).put("/inventory/products/x/policy", json!({"low_stock_at": 4})).await.expect(200);
    let page = operator(&world).get(LOW).await.expect(200).json();
    assert_eq!(page["items"].as_array().unwrap().len(), 2, "{page}");
    hold(&world, 6, 600).await;
    let ledger = operator(&world).get("/inventory/products/x/ledger?limit=1").await.expect(200).json();
    hold(&world, 4, 600).await;
    let mut seen: Vec<Value> = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = operator(&world).get(&format!("{LOW}?limit=1{cursor}")).await.expect(200).json();
        seen.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let x = json!({"sku": "x", "location": "a", "available": 0, "threshold": 4, "since": ledger["items"][0]["time"]});
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert_eq!((&seen[0]["sku"], &seen[1], &seen[2]["available"]), (&json!("a b/c"), &x, &json!(3)));
    eventually!(world.origin(0).metric("origin_low_stock_items").await == Some(3.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_stuck_is_listed_until_it_is_released() {
    let world = open(World::start().edges(0).env("ONHAND_ORIGIN__RESERVATIONS__STUCK_AFTER", "1ms")).await;
    let confirmed = hold(&world, 2, 600).await;
    storefront(&world).post(&format!("/v1/reservations/{confirmed}/confirm"), json!({})).await.expect(200);
    // While somebody else has the SKU locked, nothing that is due can be swept.
    let locker = world.postgres().client(world.database_url().rsplit('/').next().unwrap()).await;
    let due = hold(&world, 1, 1).await;
    locker.batch_execute("BEGIN; SELECT 1 FROM products WHERE sku = 'x' FOR UPDATE").await.unwrap();
    let stuck = async || operator(&world).get(STUCK).await.expect(200).json()["items"].clone();
    eventually!(stuck().await.as_array().unwrap().len() == 2);
    let listed = stuck().await;
    let of = |id: &str| listed.as_array().unwrap().iter().find(|item| item["id"] == id).unwrap().clone();
    let (shipped, swept) = (of(&confirmed), of(&due));
    assert_eq!((&shipped["state"], &shipped["reason"]), (&json!("confirmed"), &json!("not_shipped")));
    assert!(shipped["confirmed_at"].is_string() && shipped["expires_at"].is_null(), "{shipped}");
    assert_eq!(shipped["units"], 2);
    assert_eq!(shipped["lines"], json!([{"line": 0, "sku": "x", "location": "a", "open": 2}]));
    assert_eq!((&swept["state"], &swept["reason"]), (&json!("held"), &json!("not_swept")));
    assert!(swept["expires_at"].is_string() && swept["created_at"].is_string());
    locker.batch_execute("ROLLBACK").await.unwrap();
    let released = operator(&world).post(RELEASE, json!({})).await.expect(200).json();
    assert_eq!(released["released"], released["ids"].as_array().unwrap().len(), "{released}");
    eventually!(stuck().await.as_array().unwrap().len() == 1);
    fulfilment(&world).post(&format!("/v1/reservations/{confirmed}/fulfil"), json!({})).await.expect(200);
    assert_eq!(stuck().await, json!([]));
}
