//! What callers say: names that look alike, calls that are spelt otherwise, items that are not sold.

use onhand_harness::eventually;
use serde_json::{Value, json};

use super::place::{Place, short};

pub(super) async fn what_is_not_active_is_not_to_be_had(place: &Place) {
    place.locations(&[("s-1", 1)]).await;
    place.stock("s", &[("s-1", 10)]).await;
    place.policy("s", json!({"location": "s-1", "backorder_limit": 5})).await;
    let held = place.hold_one("s", 4).await;
    place.put_item("s", json!({"name": "s", "active": false})).await;
    eventually!(place.look("s", "quantity=1").await["active"] == json!(false));
    let shown = place.look("s", "quantity=1").await;
    let at = &shown["locations"][0];
    assert_eq!(
        (&shown["available"], &shown["status"], &shown["sellable"], &at["available"], &at["backorderable"]),
        (&json!(0), &json!("out_of_stock"), &json!(false), &json!(0), &json!(0)),
        "{shown}"
    );
    place.refuses_one("s", 1, 0).await;
    let quote = place.quote(json!({"lines": [{"sku": "s", "quantity": 1}]})).await;
    assert_eq!(
        (&quote["shippable"], &quote["lines"][0]["unavailable"], &quote["lines"][0]["allocation"]),
        (&json!(false), &json!("inactive"), &json!([])),
        "{quote}"
    );
    // What is held already goes its way.
    place.done(&held, "confirm", json!({})).await;
    place.done(&held, "fulfil", json!({})).await;
    place.done(&held, "return", json!({"lines": [{"line": 0, "quantity": 1}]})).await;
    assert_eq!(Place::level(&place.levels("s").await, "s-1"), (7, 0));
    place.put_item("s", json!({"name": "s"})).await;
    place.shows("s", "", 7).await;
    assert_eq!(place.look("s", "").await["active"], Value::Null, "told only where it is not sold");
    place.hold_one("s", 7).await;
}

/// The character and where it stands; nothing new is made under such a name, and nothing is said to be missing.
pub(super) async fn names_that_look_alike_are_refused(place: &Place) {
    place.locations(&[("n-1", 1)]).await;
    place.stock("Café", &[("n-1", 3)]).await;
    for (name, said) in [
        ("Café\u{a0}", "U+00A0 (no-break space) stands at the end"),
        ("\u{200b}Café", "U+200B (zero-width space) stands at the beginning"),
        ("\u{feff}Café", "U+FEFF (byte order mark) stands at the beginning"),
        ("Cafe\u{301}", "write it as \"Café\""),
        ("Caf\u{7}é", "character 4 is U+0007"),
    ] {
        let body = json!({"lines": [{"sku": name, "quantity": 1}]});
        for reply in [
            place.try_put_item(name, json!({"name": "x"})).await,
            place.try_look(name).await,
            place.ask(body.clone()).await,
            place.try_quote(body.clone()).await,
            place.try_query(json!({"skus": ["Café", name]})).await,
        ] {
            let told = reply.expect(400).json();
            assert_eq!(told["code"], "invalid_request", "{name:?}: {told}");
            assert!(told["detail"].as_str().unwrap().contains(said), "{name:?}: {told}");
        }
    }
    assert_eq!(place.look("Cafe", "").await, Value::Null, "unknown, and no more");
    place.shows("Café", "", 3).await;
}

/// Numbers, escapes, the order of members: RFC 8785 takes them away.
pub(super) async fn a_call_is_the_same_however_it_is_spelt(place: &Place) {
    place.locations(&[("c-1", 1)]).await;
    place.stock("c(1)", &[("c-1", 3)]).await;
    let path = |name: &str| format!("/inventory/products/{name}/stock");
    let call = |name: &'static str, body: &'static str| place.put_keyed(path(name), body, "spelling");
    let first = call("c(1)", r#"{"location":"c-1","quantity":51,"reason":"é"}"#).await.expect(200);
    let again = call("c%281%29", r#"{"reason":"\u00e9", "quantity":51.0,"location":"c-1"}"#).await.expect(200);
    assert_eq!((again.header("idempotent-replayed"), again.json()), (Some("true"), first.json()));
    let other = call("c(1)", r#"{"location":"c-1","quantity":52,"reason":"é"}"#).await.expect(422);
    assert_eq!(other.code(), "idempotency_key_reused");
    // A verb that made the present state, spelt otherwise and under a key of its own.
    let held = place.hold_one("c(1)", 2).await;
    let confirmed = place.done(&held, "confirm", json!({"lines": [{"line": 0, "quantity": 1}]})).await;
    let again = place.verb(&held, "confirm", json!({"lines": [{"quantity": 1.0, "line": 0.0}]})).await;
    assert_eq!(again.expect(200).json(), confirmed);
    short(
        &place.ask(json!({"lines": [{"sku": "c(1)", "quantity": 51}]})).await,
        json!([
            {"line": 0, "sku": "c(1)", "requested": 51, "available": 50}
        ]),
    );
}
