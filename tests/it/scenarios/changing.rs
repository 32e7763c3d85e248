//! Holds found again, changed, moved; places that go.

use onhand_harness::eventually;
use serde_json::{Value, json};

use super::place::{Place, allocated, in_state, short};

pub(super) async fn a_reservation_is_found_by_its_orders_number(place: &Place) {
    place.locations(&[("f-1", 1), ("f-2", 2)]).await;
    place.stock("f", &[("f-1", 3), ("f-2", 9)]).await;
    let mut held = Vec::new();
    for order_ref in ["order 7/é", "order-8", "order 7/é"] {
        held.push(place.hold(json!({"lines": [{"sku": "f", "quantity": 2}], "order_ref": order_ref})).await);
    }
    place.done(&held[2], "cancel", json!({})).await;
    let ids = |page: &Value| -> Vec<Value> {
        page["items"].as_array().unwrap().iter().map(|found| found["id"].clone()).collect()
    };
    let of = |numbers: &[usize]| -> Vec<Value> { numbers.iter().map(|number| held[*number]["id"].clone()).collect() };
    let by_order = "order_ref=order%207%2F%C3%A9";
    for door in &place.doors {
        let found = door.get(&format!("/v1/reservations?{by_order}")).await.expect(200).json();
        assert_eq!(ids(&found), of(&[2, 0]), "the latest first: {found}");
        assert_eq!(found["items"][1], place.reservation(&held[0]).await);
        let refused = door.get("/v1/reservations?sku=f").await.expect(403);
        assert_eq!(refused.code(), "forbidden", "by more than the order's number an operator only");
        assert_eq!(door.get("/v1/reservations").await.expect(400).json()["field"], "order_ref");
    }
    let find = async |query: &str| place.admin.get(&format!("/v1/reservations?{query}")).await.expect(200).json();
    for (query, expected) in [
        ("sku=f".to_owned(), vec![2, 1, 0]),
        ("sku=f&state=held".to_owned(), vec![1, 0]),
        ("sku=f&state=cancelled".to_owned(), vec![2]),
        ("sku=f&location=f-1".to_owned(), vec![1, 0]),
        ("sku=none".to_owned(), vec![]),
        (format!("sku=f&from={}", held[1]["created_at"].as_str().unwrap()), vec![2, 1]),
        (format!("sku=f&to={}", held[1]["created_at"].as_str().unwrap()), vec![0]),
    ] {
        assert_eq!(ids(&find(&query).await), of(&expected), "{query}");
    }
    let first = find("sku=f&limit=2").await;
    let next = find(&format!("sku=f&limit=2&cursor={}", first["next_cursor"].as_str().unwrap())).await;
    assert_eq!((ids(&first), ids(&next), &next["next_cursor"]), (of(&[2, 1]), of(&[0]), &Value::Null));
}

pub(super) async fn a_holds_lines_change_all_or_nothing(place: &Place) {
    place.locations(&[("l-1", 1), ("l-2", 2)]).await;
    place.stock("l", &[("l-1", 5), ("l-2", 5)]).await;
    place.stock("l/2", &[("l-1", 2)]).await;
    let held = place.hold(json!({"lines": [{"sku": "l", "quantity": 7}], "ttl_s": 600})).await;
    // Its own seven are not in its way.
    let more = place.set_lines(&held, json!([{"sku": "l", "quantity": 10}, {"sku": "l/2", "quantity": 1}])).await;
    let more = more.expect(200).json();
    allocated(&more, 0, &[("l-1", 5), ("l-2", 5)]);
    allocated(&more, 1, &[("l-1", 1)]);
    assert_eq!((&more["state"], &more["expires_at"]), (&json!("held"), &held["expires_at"]), "the deadline stays");
    place.shows("l", "", 0).await;
    place.shows("l/2", "", 1).await;
    let too_many = json!([{"sku": "l", "quantity": 11}, {"sku": "l/2", "quantity": 3}]);
    short(
        &place.set_lines(&held, too_many).await,
        json!([
            {"line": 0, "sku": "l", "requested": 11, "available": 10}, {"line": 1, "sku": "l/2", "requested": 3, "available": 2}
        ]),
    );
    assert_eq!(place.reservation(&held).await, more, "nothing has changed");
    let fewer = place.set_lines(&held, json!([{"sku": "l/2", "quantity": 2}])).await.expect(200).json();
    allocated(&fewer, 0, &[("l-1", 2)]);
    place.shows("l", "", 10).await;
    let levels = place.levels("l").await;
    assert_eq!((Place::level(&levels, "l-1"), Place::level(&levels, "l-2")), ((5, 0), (5, 0)));
    assert_eq!(Place::level(&place.levels("l/2").await, "l-1"), (2, 2));
    place.done(&held, "confirm", json!({})).await;
    in_state(&place.set_lines(&held, json!([{"sku": "l/2", "quantity": 1}])).await, "confirmed");
}

pub(super) async fn an_allocation_moves(place: &Place) {
    place.locations(&[("m-1", 1), ("m-2", 2)]).await;
    place.stock("m", &[("m-1", 5), ("m-2", 2)]).await;
    let held = place.hold_one("m", 4).await;
    allocated(&held, 0, &[("m-1", 4)]);
    let body = |from: &str, to: &str, quantity: i64| json!({"line": 0, "from": from, "to": to, "quantity": quantity});
    let moved = place.reallocate(&held, body("m-1", "m-2", 1)).await.expect(200).json();
    allocated(&moved, 0, &[("m-1", 3), ("m-2", 1)]);
    place.done(&held, "confirm", json!({})).await;
    let moved = place.reallocate(&held, body("m-1", "m-2", 1)).await.expect(200).json();
    allocated(&moved, 0, &[("m-1", 2), ("m-2", 2)]);
    let levels = place.levels("m").await;
    assert_eq!((Place::level(&levels, "m-1"), Place::level(&levels, "m-2")), ((5, 2), (2, 2)));
    short(
        &place.reallocate(&held, body("m-1", "m-2", 1)).await,
        json!([
            {"line": 0, "sku": "m", "requested": 1, "available": 0}
        ]),
    );
    short(
        &place.reallocate(&held, body("m-2", "m-1", 3)).await,
        json!([
            {"line": 0, "sku": "m", "requested": 3, "available": 2}
        ]),
    );
    let path = format!("/v1/reservations/{}/reallocate", held["id"].as_str().unwrap());
    assert_eq!(place.shop.post(&path, body("m-2", "m-1", 1)).await.expect(403).code(), "forbidden");
    place.done(&held, "cancel", json!({})).await;
    in_state(&place.reallocate(&held, body("m-2", "m-1", 1)).await, "cancelled");
    place.shows("m", "", 7).await;
}

/// What was allocated to one place leaves from another, if it is available there; the ledger says how.
pub(super) async fn it_ships_from_another_location(place: &Place) {
    place.locations(&[("o-1", 1), ("o-2", 2)]).await;
    place.stock("o", &[("o-1", 4), ("o-2", 5)]).await;
    let other = place.hold(json!({"lines": [{"sku": "o", "quantity": 3, "location": "o-2"}]})).await;
    let held = place.hold_one("o", 4).await;
    allocated(&held, 0, &[("o-1", 4)]);
    place.done(&held, "confirm", json!({})).await;
    let from = |quantity: i64| json!({"lines": [{"line": 0, "quantity": quantity, "location": "o-2"}]});
    short(
        &place.verb(&held, "fulfil", from(3)).await,
        json!([
            {"line": 0, "sku": "o", "requested": 3, "available": 2}
        ]),
    );
    let shipped = place.done(&held, "fulfil", from(2)).await;
    allocated(&shipped, 0, &[("o-1", 2), ("o-2", 2)]);
    assert_eq!((&shipped["state"], &shipped["lines"][0]["fulfilled"]), (&json!("confirmed"), &json!(2)));
    let levels = place.levels("o").await;
    assert_eq!((Place::level(&levels, "o-1"), Place::level(&levels, "o-2")), ((4, 2), (3, 3)));
    let ledger = place.admin.get("/inventory/products/o/ledger?limit=3").await.expect(200).json();
    let kinds: Vec<_> = ledger["items"].as_array().unwrap().iter().map(|line| line["kind"].clone()).collect();
    assert_eq!(kinds, [json!("fulfil"), json!("reallocate"), json!("reallocate")]);
    assert_eq!(place.done(&held, "fulfil", json!({})).await["state"], "fulfilled");
    place.done(&other, "confirm", json!({})).await;
    assert_eq!(place.done(&other, "fulfil", json!({})).await["state"], "fulfilled", "nobody took its goods");
    let levels = place.levels("o").await;
    assert_eq!((Place::level(&levels, "o-1"), Place::level(&levels, "o-2")), ((2, 0), (0, 0)));
}

pub(super) async fn a_place_goes_when_nothing_depends_on_it(place: &Place) {
    place.locations(&[("p-1", 1), ("p-2", 2)]).await;
    place.channel("p-web", &["p-1", "p-2"], "priority").await;
    place.stock("p", &[("p-1", 3), ("p-2", 1)]).await;
    place.shows("p", "channel=p-web", 4).await;
    let list = async |what: &str| -> Vec<Value> {
        let page = place.admin.get(&format!("/inventory/{what}?limit=500")).await.expect(200).json();
        page["items"].as_array().unwrap().iter().map(|row| row[&what[..what.len() - 1]].clone()).collect()
    };
    assert!(list("locations").await.contains(&json!("p-2")) && list("channels").await.contains(&json!("p-web")));
    let used = place.admin.delete("/inventory/locations/p-2").await.expect(409).json();
    assert_eq!(
        (&used["code"], &used["channels"], &used["on_hand"], &used["reserved"]),
        (&json!("in_use"), &json!(["p-web"]), &json!(1), &json!(0)),
        "{used}"
    );
    let held = place.hold(json!({"lines": [{"sku": "p", "quantity": 1}], "channel": "p-web"})).await;
    let used = place.admin.delete("/inventory/channels/p-web").await.expect(409).json();
    assert_eq!((&used["code"], &used["holds"]), (&json!("in_use"), &json!(1)), "{used}");
    place.done(&held, "cancel", json!({})).await;
    place.admin.delete("/inventory/channels/p-web").await.expect(200);
    assert_eq!(place.admin.get("/inventory/channels/p-web").await.expect(404).code(), "unknown_channel");
    assert!(!list("channels").await.contains(&json!("p-web")));
    eventually!(place.looker_get("/v1/availability/p?channel=p-web").await.code() == "unknown_channel");
    let gone = json!({"sku": "p", "from": "p-2", "to": "p-1", "quantity": 1, "reason": "closing"});
    place.operate("/inventory/transfers", gone).await.expect(200);
    place.admin.delete("/inventory/locations/p-2").await.expect(200);
    assert_eq!(place.admin.delete("/inventory/locations/p-2").await.expect(404).code(), "unknown_location");
    let count = json!({"location": "p-2", "quantity": 1, "reason": "count"});
    assert_eq!(
        place.admin.put("/inventory/products/p/stock", count.clone()).await.expect(404).code(),
        "unknown_location"
    );
    eventually!(place.looker_get("/v1/availability/p?location=p-2").await.code() == "unknown_location");
    place.shows("p", "", 4).await;
    assert_eq!(place.look("p", "").await["locations"].as_array().unwrap().len(), 1);
    // It may come again, and goes on where it was.
    place.locations(&[("p-2", 2)]).await;
    place.admin.put("/inventory/products/p/stock", count).await.expect(200);
    place.shows("p", "location=p-2", 1).await;
}
