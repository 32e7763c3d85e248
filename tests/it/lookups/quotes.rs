use onhand_harness::eventually;
use serde_json::json;

use super::Shop;

/// What is proposed is what a hold then gets, whatever the channel's strategy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quote_proposes_what_a_hold_gets() {
    let shop = Shop::open().await;
    for (id, lat, lon) in [("paris", 48.86, 2.35), ("lyon", 45.76, 4.84), ("rome", 41.9, 12.5)] {
        shop.put(&format!("/inventory/locations/{id}"), json!({"name": id, "lat": lat, "lon": lon})).await;
    }
    for (sku, amount) in [("cup", 250), ("pot", 1275)] {
        shop.item(sku, json!({"name": sku, "price": {"amount": amount, "currency": "GBP"}})).await;
        for (location, on_hand) in [("paris", 4), ("lyon", 9), ("rome", 20)] {
            shop.world.stock(sku, location, on_hand).await;
        }
    }
    shop.policy("pot", json!({"location": "lyon", "backorder_limit": 10})).await;
    let lines = json!([{"sku": "cup", "quantity": 6}, {"sku": "pot", "quantity": 36}, {"sku": "cup", "quantity": 5}]);
    let destination = json!({"country": "FR", "lat": 45.7, "lon": 4.8});
    let buyer = shop.world.edge(0).client(&shop.world.tokens.storefront);
    for strategy in ["priority", "most_stock", "fewest_splits", "nearest"] {
        let channel = json!({"locations": ["paris", "lyon", "rome"], "allocation": strategy});
        shop.put(&format!("/inventory/channels/{strategy}"), channel).await;
        let ask = json!({"lines": lines, "channel": strategy, "destination": destination});
        eventually!(shop.edge.post("/v1/quotes", ask.clone()).await.status == 200);
        // The cups and pots, and the backorder that the pots need, have arrived.
        eventually!(shop.edge.post("/v1/quotes", ask.clone()).await.json()["shippable"] == true);
        let reply = shop.edge.post("/v1/quotes", ask.clone()).await.expect(200);
        assert!(reply.header("onhand-as-of").is_some() && reply.header("onhand-source").is_some());
        let quote = reply.json();
        assert_eq!(
            (&quote["allocated_by"], &quote["total"]["amount"]),
            (&json!(strategy), &json!(11 * 250 + 36 * 1275))
        );
        let held = buyer.post("/v1/reservations", ask).await.expect(201).json();
        for line in 0..3 {
            assert_eq!(
                quote["lines"][line]["allocation"], held["lines"][line]["allocations"],
                "{strategy}, line {line}"
            );
        }
        let cancel = format!("/v1/reservations/{}/cancel", held["id"].as_str().unwrap());
        buyer.post(&cancel, json!({})).await.expect(200);
    }
}
