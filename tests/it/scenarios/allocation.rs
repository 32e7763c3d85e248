//! From where.

use serde_json::json;

use super::place::{Place, allocated, short};

async fn europe(place: &Place, sku: &str) {
    place.locations(&[("eu-1", 1), ("eu-2", 2)]).await;
    place.location("eu-3", json!({"name": "eu-3", "priority": 3, "enabled": false})).await;
    place.stock(sku, &[("eu-1", 55), ("eu-2", 30), ("eu-3", 100)]).await;
}

pub(super) async fn priority_order_and_a_disabled_location(place: &Place) {
    europe(place, "p-1").await;
    place.stock("p-4", &[("eu-2", 60)]).await;
    place.shows("p-1", "", 85).await;
    let look = place.look("p-1", "").await;
    let named: Vec<_> = look["locations"].as_array().unwrap().iter().map(|at| at["location"].clone()).collect();
    assert_eq!(named, ["eu-1", "eu-2"], "in serving order, the disabled one left out");
    let held = place.hold(json!({"lines": [{"sku": "p-1", "quantity": 80}, {"sku": "p-4", "quantity": 40}]})).await;
    allocated(&held, 0, &[("eu-1", 55), ("eu-2", 25)]);
    allocated(&held, 1, &[("eu-2", 40)]);
    assert_eq!((&held["state"], &held["allocated_by"]), (&json!("held"), &json!("priority")));
    let levels = place.levels("p-1").await;
    assert_eq!(Place::level(&levels, "eu-1"), (55, 55));
    assert_eq!(Place::level(&levels, "eu-2"), (30, 25));
    assert_eq!(Place::level(&levels, "eu-3"), (100, 0));
    place.shows("p-1", "", 5).await;
    // Named, a disabled location serves nobody; enabled again, it does.
    let named = json!({"lines": [{"sku": "p-1", "quantity": 1, "location": "eu-3"}]});
    let refused = place.ask(named.clone()).await;
    short(&refused, json!([{"line": 0, "sku": "p-1", "requested": 1, "available": 0}]));
    place.locations(&[("eu-3", 3)]).await;
    allocated(&place.hold(named).await, 0, &[("eu-3", 1)]);
    place.shows("p-1", "", 5 + 99).await;
}

pub(super) async fn too_much_is_refused_and_partial_holds_what_there_is(place: &Place) {
    europe(place, "t-1").await;
    place.refuses_one("t-1", 150, 85).await;
    assert_eq!(Place::level(&place.levels("t-1").await, "eu-1"), (55, 0), "nothing was written");
    let held = place.hold(json!({"lines": [{"sku": "t-1", "quantity": 150}], "policy": "partial"})).await;
    allocated(&held, 0, &[("eu-1", 55), ("eu-2", 30)]);
    assert_eq!((&held["lines"][0]["requested"], &held["lines"][0]["quantity"]), (&json!(150), &json!(85)));
    let nothing = place.ask(json!({"lines": [{"sku": "t-1", "quantity": 1}], "policy": "partial"})).await;
    short(&nothing, json!([{"line": 0, "sku": "t-1", "requested": 1, "available": 0}]));
}

pub(super) async fn most_stock_priority_and_a_pickup_point(place: &Place) {
    place.locations(&[("m-a", 1), ("m-b", 2)]).await;
    place.location("m-shop", json!({"name": "shop", "priority": 9, "pickup": true})).await;
    place.stock("m", &[("m-a", 4), ("m-b", 3), ("m-shop", 5)]).await;
    place.stock("m-2", &[("m-a", 4), ("m-b", 3)]).await;
    place.channel("m-most", &["m-b", "m-a"], "most_stock").await;
    place.channel("m-reversed", &["m-b", "m-a"], "priority").await;
    let line = json!([{"sku": "m", "quantity": 5}]);
    for (channel, shares) in [("m-most", [("m-a", 4), ("m-b", 1)]), ("m-reversed", [("m-b", 3), ("m-a", 2)])] {
        let held = place.hold(json!({"lines": line, "channel": channel})).await;
        allocated(&held, 0, &shares);
        place.done(&held, "cancel", json!({})).await;
    }
    // A channel that has the pickup point too, and would rather not split: it alone has all five.
    place.channel("m-collect", &["m-a", "m-b", "m-shop"], "fewest_splits").await;
    let whole = place.hold(json!({"lines": line, "channel": "m-collect"})).await;
    allocated(&whole, 0, &[("m-shop", 5)]);
    place.done(&whole, "cancel", json!({})).await;
    let collected = place.hold(json!({"lines": [{"sku": "m", "quantity": 5, "location": "m-shop"}]})).await;
    allocated(&collected, 0, &[("m-shop", 5)]);
    let ten = place.ask(json!({"lines": [{"sku": "m", "quantity": 10}], "channel": "m-most"})).await;
    short(&ten, json!([{"line": 0, "sku": "m", "requested": 10, "available": 7}]));
    let hundreds =
        json!({"lines": [{"sku": "m-2", "quantity": 100}, {"sku": "m", "quantity": 100}], "channel": "m-most"});
    let both = json!([
        {"line": 0, "sku": "m-2", "requested": 100, "available": 7},
        {"line": 1, "sku": "m", "requested": 100, "available": 7},
    ]);
    short(&place.ask(hundreds).await, both);
    let levels = place.levels("m").await;
    assert_eq!((Place::level(&levels, "m-a"), Place::level(&levels, "m-b")), ((4, 0), (3, 0)), "nothing written");
}

pub(super) async fn ten_and_fifteen_serve_thirteen(place: &Place) {
    place.locations(&[("w-1", 1), ("w-2", 2)]).await;
    place.stock("w", &[("w-1", 10), ("w-2", 15)]).await;
    allocated(&place.hold_one("w", 13).await, 0, &[("w-1", 10), ("w-2", 3)]);
}

pub(super) async fn all_four_strategies(place: &Place) {
    for (id, priority, lat) in [("s-a", 1, 50.0), ("s-b", 2, 40.0), ("s-c", 3, 30.0)] {
        place.location(id, json!({"name": id, "priority": priority, "lat": lat, "lon": 0.0})).await;
    }
    for sku in ["s-1", "s-2"] {
        place.stock(sku, &[("s-a", 3), ("s-b", 4), ("s-c", 7)]).await;
    }
    let lines = json!([{"sku": "s-1", "quantity": 5}, {"sku": "s-2", "quantity": 4}]);
    let to = json!({"country": "ES", "lat": 39.0, "lon": 0.0});
    let cases = [
        ("priority", [vec![("s-a", 3), ("s-b", 2)], vec![("s-a", 3), ("s-b", 1)]]),
        ("most_stock", [vec![("s-c", 5)], vec![("s-c", 4)]]),
        ("fewest_splits", [vec![("s-c", 5)], vec![("s-c", 4)]]),
        ("nearest", [vec![("s-b", 4), ("s-c", 1)], vec![("s-b", 4)]]),
    ];
    for (allocation, shares) in cases {
        place.channel("s", &["s-a", "s-b", "s-c"], allocation).await;
        let held = place.hold(json!({"lines": lines, "channel": "s", "destination": to})).await;
        assert_eq!(held["allocated_by"], allocation);
        allocated(&held, 0, &shares[0]);
        allocated(&held, 1, &shares[1]);
        place.done(&held, "cancel", json!({})).await;
    }
}

pub(super) async fn a_channel_serves_from_its_own_list(place: &Place) {
    place.locations(&[("c-a", 1), ("c-b", 2), ("c-c", 3)]).await;
    place.stock("c", &[("c-a", 5), ("c-b", 5), ("c-c", 5)]).await;
    place.channel("c-south", &["c-c", "c-b"], "priority").await;
    let look = async || place.look("c", "channel=c-south").await;
    place.shows("c", "channel=c-south", 10).await;
    assert_eq!(look().await["locations"][0]["location"], "c-c", "in the channel's order");
    let held = place.hold(json!({"lines": [{"sku": "c", "quantity": 7}], "channel": "c-south"})).await;
    allocated(&held, 0, &[("c-c", 5), ("c-b", 2)]);
    let over = place.ask(json!({"lines": [{"sku": "c", "quantity": 4}], "channel": "c-south"})).await;
    short(&over, json!([{"line": 0, "sku": "c", "requested": 4, "available": 3}]));
    let beside = json!({"lines": [{"sku": "c", "quantity": 1, "location": "c-a"}], "channel": "c-south"});
    short(&place.ask(beside).await, json!([{"line": 0, "sku": "c", "requested": 1, "available": 0}]));
    place.shows("c", "channel=c-south", 3).await;
    place.shows("c", "", 8).await;
}

pub(super) async fn available_goes_before_backorder_and_safety_stock_never(place: &Place) {
    place.locations(&[("b-a", 1), ("b-b", 2)]).await;
    place.stock("b", &[("b-a", 6), ("b-b", 3)]).await;
    place.policy("b", json!({"location": "b-a", "safety_stock": 4, "backorder_limit": 2})).await;
    place.policy("b", json!({"location": "b-b", "backorder_limit": 5})).await;
    place.shows("b", "", 5).await;
    let look = place.look("b", "quantity=12").await;
    let backorderable: Vec<_> =
        look["locations"].as_array().unwrap().iter().map(|at| at["backorderable"].clone()).collect();
    assert_eq!((backorderable, &look["sellable"]), (vec![json!(2), json!(5)], &json!(true)));
    assert_eq!(place.look("b", "quantity=13").await["sellable"], false);
    place.refuses_one("b", 13, 12).await;
    // 2 and 3 are available; then the backorder of the first.
    let held = place.hold_one("b", 6).await;
    allocated(&held, 0, &[("b-a", 3), ("b-b", 3)]);
    place.shows("b", "", 0).await;
    assert_eq!(place.look("b", "").await["status"], "backorder");
    allocated(&place.hold_one("b", 6).await, 0, &[("b-a", 1), ("b-b", 5)]);
    place.refuses_one("b", 1, 0).await;
    let levels = place.levels("b").await;
    assert_eq!((Place::level(&levels, "b-a"), Place::level(&levels, "b-b")), ((6, 4), (3, 8)));
}
