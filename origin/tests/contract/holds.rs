//! What may be held, and from where.

use onhand_wire::Code;
use serde_json::json;

use crate::shop::{Shop, shares};

/// Priority order eu-1 55, eu-2 30, eu-3 100 (disabled); SKU-4 has 60 at eu-2.
async fn europe(shop: &Shop) {
    shop.location("eu-1", 1, json!({})).await;
    shop.location("eu-2", 2, json!({})).await;
    shop.location("eu-3", 3, json!({"enabled": false})).await;
    for (at, quantity) in [("eu-1", 55), ("eu-2", 30), ("eu-3", 100)] {
        shop.count("SKU-1", at, quantity).await;
    }
    shop.count("SKU-4", "eu-2", 60).await;
}

pub(crate) async fn priority_fills_in_order_and_leaves_disabled_out(shop: Shop) {
    europe(&shop).await;
    let body = json!({"lines": [{"sku": "SKU-1", "quantity": 80}, {"sku": "SKU-4", "quantity": 40}]});
    let held = shop.hold(body).await.unwrap();
    assert_eq!(shares(&held, 0), [("eu-1", 55), ("eu-2", 25)]);
    assert_eq!(shares(&held, 1), [("eu-2", 40)]);
    assert_eq!(held.allocated_by, "priority");
    shop.agrees().await;
}

pub(crate) async fn too_much_is_refused_with_what_there_is(shop: Shop) {
    europe(&shop).await;
    let problem = shop.hold_one("SKU-1", 150).await.unwrap_err();
    assert_eq!(problem.code, Code::InsufficientStock);
    assert_eq!(problem.members["lines"], json!([{"line": 0, "sku": "SKU-1", "requested": 150, "available": 85}]));
    assert_eq!(shop.fact("SKU-1", "eu-1").await.reserved, 0, "nothing was written");
}

pub(crate) async fn partial_holds_what_there_is(shop: Shop) {
    europe(&shop).await;
    let held = shop.hold(json!({"lines": [{"sku": "SKU-1", "quantity": 150}], "policy": "partial"})).await.unwrap();
    assert_eq!(shares(&held, 0), [("eu-1", 55), ("eu-2", 30)]);
    assert_eq!((held.lines[0].requested, held.lines[0].quantity), (150, 85));
    let nothing = shop.hold(json!({"lines": [{"sku": "SKU-1", "quantity": 1}], "policy": "partial"})).await;
    assert_eq!(nothing.unwrap_err().code, Code::InsufficientStock);
    shop.agrees().await;
}

pub(crate) async fn backorder_ends_at_its_limit(shop: Shop) {
    shop.location("a", 1, json!({})).await;
    shop.count("x", "a", 0).await;
    shop.policy("x", json!({"backorder_limit": 3})).await;
    shop.hold_one("x", 3).await.unwrap();
    assert_eq!(shop.hold_one("x", 1).await.unwrap_err().code, Code::InsufficientStock);
}

/// A policy for all locations counts before the item has stock at any.
pub(crate) async fn a_policy_may_come_before_stock(shop: Shop) {
    shop.location("a", 1, json!({})).await;
    shop.location("b", 2, json!({})).await;
    shop.item("x").await;
    shop.policy("x", json!({"backorder_limit": 3})).await;
    let held = shop.hold_one("x", 5).await.unwrap();
    assert_eq!(shares(&held, 0), [("a", 3), ("b", 2)]);
    assert_eq!(shop.hold_one("x", 2).await.unwrap_err().code, Code::InsufficientStock);
    shop.agrees().await;
}

pub(crate) async fn a_cancelled_hold_gives_its_stock_back(shop: Shop) {
    europe(&shop).await;
    let held = shop.hold_one("SKU-1", 50).await.unwrap();
    shop.verb(held.id, "cancel", json!({})).await.unwrap();
    shop.hold_one("SKU-1", 85).await.unwrap();
    assert_eq!(shop.hold_one("SKU-1", 1).await.unwrap_err().code, Code::InsufficientStock);
    shop.agrees().await;
}

pub(crate) async fn strategies_choose_as_named(shop: Shop) {
    shop.location("a", 1, json!({"lat": 50.0, "lon": 0.0})).await;
    shop.location("b", 2, json!({"lat": 40.0, "lon": 0.0})).await;
    shop.location("c", 3, json!({"lat": 30.0, "lon": 0.0})).await;
    for (at, quantity) in [("a", 3), ("b", 4), ("c", 7)] {
        shop.count("x", at, quantity).await;
    }
    let channel = |allocation: &str, locations: serde_json::Value| {
        let body = serde_json::from_value(json!({"locations": locations, "allocation": allocation})).unwrap();
        onhand_origin::command::Command::PutChannel("web".parse().unwrap(), body)
    };
    let to = json!({"country": "ES", "lat": 39.0, "lon": 0.0});
    let cases = [
        ("priority", json!(["a", "b"]), 5, vec![("a", 3), ("b", 2)]),
        ("priority", json!(["b", "a"]), 5, vec![("b", 4), ("a", 1)]),
        ("most_stock", json!(["a", "b"]), 5, vec![("b", 4), ("a", 1)]),
        ("fewest_splits", json!(["a", "b", "c"]), 5, vec![("c", 5)]),
        ("fewest_splits", json!(["a", "b", "c"]), 4, vec![("b", 4)]),
        ("nearest", json!(["a", "b", "c"]), 5, vec![("b", 4), ("c", 1)]),
    ];
    for (allocation, locations, quantity, wanted) in cases {
        shop.done(channel(allocation, locations.clone())).await;
        let body = json!({"lines": [{"sku": "x", "quantity": quantity}], "channel": "web", "destination": to});
        let held = shop.hold(body).await.unwrap();
        assert_eq!(shares(&held, 0), wanted, "{allocation} over {locations}");
        assert_eq!(held.allocated_by, allocation);
        shop.verb(held.id, "cancel", json!({})).await.unwrap();
    }
}

pub(crate) async fn each_short_line_is_named(shop: Shop) {
    europe(&shop).await;
    let body = json!({"lines": [{"sku": "SKU-1", "quantity": 100}, {"sku": "SKU-4", "quantity": 100}]});
    let problem = shop.hold(body).await.unwrap_err();
    let lines = problem.members["lines"].as_array().unwrap();
    assert_eq!(lines.iter().map(|line| line["available"].as_i64().unwrap()).collect::<Vec<_>>(), [85, 60]);
}

pub(crate) async fn the_same_sku_on_two_lines_is_taken_once(shop: Shop) {
    europe(&shop).await;
    let body = json!({"lines": [{"sku": "SKU-1", "quantity": 60}, {"sku": "SKU-1", "quantity": 60}]});
    let problem = shop.hold(body).await.unwrap_err();
    assert_eq!(problem.members["lines"], json!([{"line": 1, "sku": "SKU-1", "requested": 60, "available": 25}]));
    let body = json!({"lines": [{"sku": "SKU-1", "quantity": 60}, {"sku": "SKU-1", "quantity": 25}]});
    let held = shop.hold(body).await.unwrap();
    assert_eq!(shares(&held, 1), [("eu-2", 25)]);
    shop.agrees().await;
}

pub(crate) async fn all_available_is_used_before_any_backorder(shop: Shop) {
    shop.location("a", 1, json!({})).await;
    shop.location("b", 2, json!({})).await;
    shop.count("x", "a", 2).await;
    shop.count("x", "b", 3).await;
    shop.policy("x", json!({"location": "a", "backorder_limit": 10})).await;
    let held = shop.hold_one("x", 6).await.unwrap();
    assert_eq!(shares(&held, 0), [("a", 3), ("b", 3)]);
}

pub(crate) async fn unknown_names_are_told(shop: Shop) {
    europe(&shop).await;
    let line = json!([{"sku": "SKU-1", "quantity": 1}]);
    let cases = [
        (json!({"lines": [{"sku": "nothing", "quantity": 1}]}), Code::UnknownSku),
        (json!({"lines": line, "channel": "nowhere"}), Code::UnknownChannel),
        (json!({"lines": [{"sku": "SKU-1", "quantity": 1, "location": "mars"}]}), Code::UnknownLocation),
        (json!({"lines": [{"sku": "SKU-1", "quantity": 1, "location": "eu-3"}]}), Code::InsufficientStock),
    ];
    for (body, code) in cases {
        assert_eq!(shop.hold(body.clone()).await.unwrap_err().code, code, "{body}");
    }
}

/// Counting only the lines that name no location would send both to `a`, and refuse the second.
pub(crate) async fn fewest_splits_counts_lines_that_name_a_location(shop: Shop) {
    shop.location("a", 1, json!({})).await;
    shop.location("b", 2, json!({})).await;
    shop.count("x", "a", 10).await;
    shop.count("x", "b", 10).await;
    let body = serde_json::from_value(json!({"locations": ["a", "b"], "allocation": "fewest_splits"})).unwrap();
    shop.done(onhand_origin::command::Command::PutChannel("web".parse().unwrap(), body)).await;
    let lines = json!([{"sku": "x", "quantity": 5, "location": "a"}, {"sku": "x", "quantity": 8}]);
    let held = shop.hold(json!({"lines": lines, "channel": "web"})).await.unwrap();
    assert_eq!((shares(&held, 0), shares(&held, 1)), (vec![("a", 5)], vec![("b", 8)]));
}
