//! What may be held, and what a lookup then shows.

use serde_json::json;
use tokio::task::JoinSet;

use super::place::{Place, allocated, short};

pub(super) async fn sellable_by_channel_and_to_the_backorder_limit(place: &Place) {
    place.locations(&[("h-eu-1", 1), ("h-eu-2", 2), ("h-us", 3)]).await;
    place.stock("h", &[("h-eu-1", 55), ("h-eu-2", 30), ("h-us", 0)]).await;
    place.channel("h-eu", &["h-eu-1", "h-eu-2"], "priority").await;
    place.channel("h-us", &["h-us"], "priority").await;
    place.channel("h-both", &["h-eu-1", "h-eu-2", "h-us"], "priority").await;
    for (channel, available, sellable) in [("h-eu", 85, true), ("h-us", 0, false), ("h-both", 85, true)] {
        place.shows("h", &format!("channel={channel}"), available).await;
        assert_eq!(place.look("h", &format!("channel={channel}&quantity=1")).await["sellable"], sellable);
    }
    let away = place.ask(json!({"lines": [{"sku": "h", "quantity": 1}], "channel": "h-us"})).await;
    short(&away, json!([{"line": 0, "sku": "h", "requested": 1, "available": 0}]));
    place.policy("h", json!({"location": "h-us", "backorder_limit": 3})).await;
    for _ in 0..3 {
        place.hold(json!({"lines": [{"sku": "h", "quantity": 1}], "channel": "h-us"})).await;
    }
    let fourth = place.ask(json!({"lines": [{"sku": "h", "quantity": 1}], "channel": "h-us"})).await;
    short(&fourth, json!([{"line": 0, "sku": "h", "requested": 1, "available": 0}]));
    assert_eq!(Place::level(&place.levels("h").await, "h-us"), (0, 3));
}

pub(super) async fn cancelled_stock_is_there_again(place: &Place) {
    place.locations(&[("k-1", 1), ("k-2", 2)]).await;
    place.stock("k", &[("k-1", 55), ("k-2", 30)]).await;
    let held = place.hold_one("k", 50).await;
    place.shows("k", "", 35).await;
    place.done(&held, "cancel", json!({})).await;
    place.shows("k", "", 85).await;
    place.hold_one("k", 85).await;
    place.refuses_one("k", 1, 0).await;
}

pub(super) async fn the_same_sku_on_several_lines(place: &Place) {
    place.locations(&[("l-1", 1), ("l-2", 2)]).await;
    place.stock("l", &[("l-1", 6), ("l-2", 4)]).await;
    let lines = |counts: &[i64]| -> serde_json::Value {
        counts.iter().map(|quantity| json!({"sku": "l", "quantity": quantity})).collect()
    };
    let over = place.ask(json!({"lines": lines(&[4, 4, 4])})).await;
    short(&over, json!([{"line": 2, "sku": "l", "requested": 4, "available": 2}]));
    let held = place.hold(json!({"lines": lines(&[4, 4, 2])})).await;
    allocated(&held, 0, &[("l-1", 4)]);
    allocated(&held, 1, &[("l-1", 2), ("l-2", 2)]);
    allocated(&held, 2, &[("l-2", 2)]);
    // A line of its own is confirmed, given back and shipped of its own.
    let confirmed =
        place.done(&held, "confirm", json!({"lines": [{"line": 1, "quantity": 3}, {"line": 2, "quantity": 0}]})).await;
    allocated(&confirmed, 0, &[("l-1", 4)]);
    allocated(&confirmed, 1, &[("l-1", 2), ("l-2", 1)]);
    allocated(&confirmed, 2, &[]);
    let levels = place.levels("l").await;
    assert_eq!((Place::level(&levels, "l-1"), Place::level(&levels, "l-2")), ((6, 6), (4, 1)));
    place.shows("l", "", 3).await;
}

pub(super) async fn ones_own_hold_is_left_out_of_a_lookup(place: &Place) {
    place.locations(&[("o-1", 1)]).await;
    place.stock("o", &[("o-1", 10)]).await;
    let (mine, _other) = (place.hold_one("o", 4).await, place.hold_one("o", 1).await);
    let own = format!("reservation={}", mine["id"].as_str().unwrap());
    place.shows("o", "", 5).await;
    assert_eq!(place.look("o", &own).await["available"], 9);
    assert_eq!(place.look("o", &format!("{own}&quantity=9")).await["sellable"], true);
    place.done(&mine, "confirm", json!({})).await;
    assert_eq!(place.look("o", &own).await["available"], 9, "confirmed, it is still its own");
    place.done(&mine, "cancel", json!({})).await;
    assert_eq!(place.look("o", &own).await["available"], 9, "closed, there is nothing to leave out");
    place.shows("o", "", 9).await;
}

pub(super) async fn the_same_key_gets_the_first_answer(place: &Place) {
    place.locations(&[("i-1", 1)]).await;
    place.stock("i", &[("i-1", 5)]).await;
    let ask = async |door: usize, key: &str, quantity: i64| {
        let body = json!({"lines": [{"sku": "i", "quantity": quantity}]});
        let call = place.doors[door].call("POST".parse().unwrap(), "/v1/reservations");
        call.key(key).json(body).send().await
    };
    let first = ask(0, "i-held", 5).await.expect(201);
    let again = ask(1, "i-held", 5).await.expect(201);
    assert_eq!(
        (again.json()["id"].clone(), again.header("idempotent-replayed")),
        (first.json()["id"].clone(), Some("true"))
    );
    assert_eq!(ask(1, "i-held", 4).await.expect(422).code(), "idempotency_key_reused");
    assert_eq!(ask(1, "i-short", 1).await.expect(409).code(), "insufficient_stock");
    place.done(&first.json(), "cancel", json!({})).await;
    let kept = ask(0, "i-short", 1).await.expect(409);
    assert_eq!(kept.header("idempotent-replayed"), Some("true"), "a refusal for stock is kept, too");
    ask(0, "i-now", 1).await.expect(201);
}

pub(super) async fn partial_lines_may_be_empty(place: &Place) {
    place.locations(&[("e-1", 1)]).await;
    place.stock("e", &[("e-1", 3)]).await;
    place.stock("e-none", &[]).await;
    let lines = json!([{"sku": "e-none", "quantity": 2}, {"sku": "e", "quantity": 2}, {"sku": "e", "quantity": 2}]);
    let held = place.hold(json!({"lines": lines, "policy": "partial"})).await;
    let held_of_each: Vec<_> = (0..3).map(|line| held["lines"][line]["quantity"].as_i64().unwrap()).collect();
    assert_eq!(held_of_each, [0, 2, 1]);
    allocated(&held, 0, &[]);
    place.shows("e-none", "", 0).await;
    assert_eq!(place.look("e-none", "").await["status"], "out_of_stock");
    place.done(&held, "confirm", json!({})).await;
    let shipped = place.done(&held, "fulfil", json!({})).await;
    assert_eq!(shipped["state"], "fulfilled");
    assert_eq!(Place::level(&place.levels("e").await, "e-1"), (0, 0));
}

/// By every path: the edge and each origin.
pub(super) async fn a_hundred_callers_for_the_last_unit(place: &Place) {
    place.locations(&[("u-1", 1)]).await;
    place.stock("u", &[("u-1", 1)]).await;
    let mut callers = JoinSet::new();
    for caller in 0..100 {
        let client = place.doors[caller % place.doors.len()].clone();
        callers.spawn(
            async move { client.post("/v1/reservations", json!({"lines": [{"sku": "u", "quantity": 1}]})).await },
        );
    }
    let answers = callers.join_all().await;
    let (held, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!((held.len(), refused.len()), (1, 99));
    for answer in refused {
        short(answer, json!([{"line": 0, "sku": "u", "requested": 1, "available": 0}]));
    }
    assert_eq!(Place::level(&place.levels("u").await, "u-1"), (1, 1));
    place.shows("u", "", 0).await;
}
