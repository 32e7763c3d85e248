//! Goods on their way: shipped, given back, counted, moved.

use serde_json::json;

use super::place::{Place, allocated, short};

async fn two(place: &Place, sku: &str, counts: [i64; 2]) {
    place.locations(&[("g-1", 1), ("g-2", 2)]).await;
    place.stock(sku, &[("g-1", counts[0]), ("g-2", counts[1])]).await;
}

async fn level(place: &Place, sku: &str, first: (i64, i64), second: (i64, i64)) {
    let levels = place.levels(sku).await;
    assert_eq!((Place::level(&levels, "g-1"), Place::level(&levels, "g-2")), (first, second), "{sku}");
    place.shows(sku, "", (first.0 - first.1).max(0) + (second.0 - second.1).max(0)).await;
}

pub(super) async fn a_part_confirmed_gives_back_from_the_last_allocation(place: &Place) {
    two(place, "part", [5, 5]).await;
    let lines = json!([{"sku": "part", "quantity": 7}, {"sku": "part", "quantity": 1}]);
    let held = place.hold(json!({"lines": lines})).await;
    level(place, "part", (5, 5), (5, 3)).await;
    let confirmed = place.done(&held, "confirm", json!({"lines": [{"line": 0, "quantity": 4}]})).await;
    allocated(&confirmed, 0, &[("g-1", 4)]);
    allocated(&confirmed, 1, &[("g-2", 1)]);
    let counts: Vec<_> = (0..2).map(|line| confirmed["lines"][line]["confirmed"].clone()).collect();
    assert_eq!((counts, &confirmed["expires_at"]), (vec![json!(4), json!(1)], &json!(null)), "left out, a whole line");
    level(place, "part", (5, 4), (5, 1)).await;
    let shipped = place.done(&held, "fulfil", json!({})).await;
    assert_eq!((&shipped["state"], &shipped["lines"][0]["fulfilled"]), (&json!("fulfilled"), &json!(4)));
    level(place, "part", (1, 0), (4, 0)).await;
}

pub(super) async fn a_backorder_waits_for_its_goods(place: &Place) {
    two(place, "late", [1, 2]).await;
    place.policy("late", json!({"location": "g-1", "backorder_limit": 4})).await;
    let held = place.hold_one("late", 6).await;
    allocated(&held, 0, &[("g-1", 4), ("g-2", 2)]);
    place.done(&held, "confirm", json!({})).await;
    let all = place.verb(&held, "fulfil", json!({})).await;
    short(&all, json!([{"line": 0, "sku": "late", "requested": 6, "available": 3}]));
    level(place, "late", (1, 4), (2, 2)).await;
    // What is there ships, from wherever it is.
    let part = place.done(&held, "fulfil", json!({"lines": [{"line": 0, "quantity": 3}]})).await;
    assert_eq!((&part["state"], &part["lines"][0]["fulfilled"]), (&json!("confirmed"), &json!(3)));
    level(place, "late", (0, 3), (0, 0)).await;
    let arrived = json!({"location": "g-1", "delta": 3, "kind": "received", "reason": "delivery"});
    place.operate("/inventory/products/late/adjustments", arrived).await.expect(200);
    assert_eq!(place.done(&held, "fulfil", json!({})).await["state"], "fulfilled");
    level(place, "late", (0, 0), (0, 0)).await;
}

pub(super) async fn a_cancelled_remainder_is_free_and_shipped_goods_come_back(place: &Place) {
    two(place, "back", [4, 4]).await;
    let held = place.hold_one("back", 6).await;
    place.done(&held, "confirm", json!({})).await;
    let named = json!({"lines": [{"line": 0, "quantity": 2, "location": "g-2"}, {"line": 0, "quantity": 1}]});
    place.done(&held, "fulfil", named).await;
    level(place, "back", (3, 3), (2, 0)).await;
    let back = place.done(&held, "return", json!({"lines": [{"line": 0, "quantity": 1}]})).await;
    assert_eq!((&back["state"], &back["lines"][0]["returned"]), (&json!("confirmed"), &json!(1)));
    level(place, "back", (4, 3), (2, 0)).await;
    let elsewhere = json!({"lines": [{"line": 0, "quantity": 2}], "location": "g-1"});
    place.done(&held, "return", elsewhere.clone()).await;
    level(place, "back", (6, 3), (2, 0)).await;
    short(
        &place.verb(&held, "return", elsewhere).await,
        json!([{"line": 0, "sku": "back", "requested": 2, "available": 0}]),
    );
    let cancelled = place.done(&held, "cancel", json!({"reason": "enough"})).await;
    assert_eq!((&cancelled["state"], &cancelled["lines"][0]["fulfilled"]), (&json!("cancelled"), &json!(3)));
    level(place, "back", (6, 0), (2, 0)).await;
}

/// A count may find less than is promised: nothing more is sold, and what is there still ships.
pub(super) async fn counts_below_what_is_reserved(place: &Place) {
    two(place, "lost", [5, 0]).await;
    let held = place.hold_one("lost", 5).await;
    place.done(&held, "confirm", json!({})).await;
    place.stock("lost", &[("g-1", 2)]).await;
    level(place, "lost", (2, 5), (0, 0)).await;
    place.refuses_one("lost", 1, 0).await;
    short(
        &place.verb(&held, "fulfil", json!({})).await,
        json!([{"line": 0, "sku": "lost", "requested": 5, "available": 2}]),
    );
    place.done(&held, "fulfil", json!({"lines": [{"line": 0, "quantity": 2}]})).await;
    level(place, "lost", (0, 3), (0, 0)).await;
    place.done(&held, "cancel", json!({})).await;
    level(place, "lost", (0, 0), (0, 0)).await;
}

pub(super) async fn only_what_is_available_moves(place: &Place) {
    two(place, "moved", [8, 0]).await;
    place.policy("moved", json!({"location": "g-1", "safety_stock": 1, "backorder_limit": 9})).await;
    place.hold_one("moved", 3).await;
    let transfer =
        |quantity: i64| json!({"sku": "moved", "from": "g-1", "to": "g-2", "quantity": quantity, "reason": "r"});
    let refused = place.operate("/inventory/transfers", transfer(5)).await;
    short(&refused, json!([{"line": 0, "sku": "moved", "requested": 5, "available": 4}]));
    place.operate("/inventory/transfers", transfer(4)).await.expect(200);
    let levels = place.levels("moved").await;
    assert_eq!((Place::level(&levels, "g-1"), Place::level(&levels, "g-2")), ((4, 3), (4, 0)));
    place.shows("moved", "", 4).await;
    let damaged = json!({"location": "g-2", "delta": -5, "kind": "damaged", "reason": "dropped"});
    let refused = place.operate("/inventory/products/moved/adjustments", damaged).await;
    short(&refused, json!([{"line": 0, "sku": "moved", "requested": 5, "available": 4}]));
}

pub(super) async fn an_item_in_use_stays(place: &Place) {
    two(place, "used", [2, 0]).await;
    let held = place.hold_one("used", 1).await;
    assert_eq!(place.delete("used").await.expect(409).code(), "in_use");
    place.done(&held, "confirm", json!({})).await;
    assert_eq!(place.delete("used").await.expect(409).code(), "in_use");
    place.done(&held, "fulfil", json!({})).await;
    place.delete("used").await.expect(200);
    let refused = place.ask(json!({"lines": [{"sku": "used", "quantity": 1}]})).await.expect(404);
    assert_eq!(refused.code(), "unknown_sku");
    let back = place.verb(&held, "return", json!({"lines": [{"line": 0, "quantity": 1}]})).await.expect(404);
    assert_eq!(back.code(), "unknown_sku", "goods of an item that is gone are not created silently");
}
