//! What time does to a hold.

use onhand_harness::eventually;
use serde_json::json;

use super::place::{Place, short};

pub(super) async fn a_dead_hold_refuses_nobody(place: &Place) {
    place.locations(&[("d", 1)]).await;
    place.stock("d", &[("d", 5)]).await;
    let dead = place.hold(json!({"lines": [{"sku": "d", "quantity": 5}], "ttl_s": 1})).await;
    let body = json!({"lines": [{"sku": "d", "quantity": 5}]});
    // Refused only while the other lives: at the first refusal after its end this would fail.
    let mut last;
    eventually!({
        let alive = place.reservation(&dead).await["state"] == "held";
        last = place.ask(body.clone()).await;
        assert!(alive || last.status == 201, "refused by a dead hold: {}", last.text());
        last.status == 201
    });
    // RFC 3339 in UTC with milliseconds: text order is time order.
    assert!(last.json()["created_at"].as_str() >= dead["expires_at"].as_str(), "not before the deadline");
    assert_eq!(place.reservation(&dead).await["state"], "expired");
    assert_eq!(Place::level(&place.levels("d").await, "d"), (5, 5));
    let refused = place.ask(body).await;
    short(&refused, json!([{"line": 0, "sku": "d", "requested": 5, "available": 0}]));
}

/// Nobody asks for the SKU: the sweeper alone brings it back.
pub(super) async fn edges_see_a_dead_hold_s_stock_return(place: &Place) {
    place.locations(&[("v-1", 1), ("v-2", 2)]).await;
    place.stock("v", &[("v-1", 3), ("v-2", 3)]).await;
    place.stock("v/2", &[("v-2", 4)]).await;
    place.shows("v", "", 6).await;
    let lines = json!([{"sku": "v", "quantity": 5}, {"sku": "v/2", "quantity": 4}]);
    let dead = place.hold(json!({"lines": lines, "ttl_s": 1})).await;
    eventually!(place.look("v", "").await["available"] == 1 || place.reservation(&dead).await["state"] == "expired");
    place.shows("v", "", 6).await;
    place.shows("v/2", "", 4).await;
    assert_eq!(place.reservation(&dead).await["state"], "expired");
    let levels = place.levels("v").await;
    assert_eq!((Place::level(&levels, "v-1"), Place::level(&levels, "v-2")), ((3, 0), (3, 0)));
}

pub(super) async fn an_extended_hold_outlives_its_first_deadline(place: &Place) {
    place.locations(&[("x", 1)]).await;
    place.stock("x", &[("x", 5)]).await;
    let line = json!([{"sku": "x", "quantity": 2}]);
    // Long enough for the extension to come in time on a busy machine.
    let kept = place.hold(json!({"lines": line, "ttl_s": 4})).await;
    let extended = place.done(&kept, "extend", json!({"ttl_s": 600})).await;
    assert!(extended["expires_at"].as_str() > kept["expires_at"].as_str(), "{extended}");
    // Made later, with the same life: once it is dead, the first one's old deadline has passed, too.
    let later = place.hold(json!({"lines": line, "ttl_s": 4})).await;
    eventually!(place.reservation(&later).await["state"] == "expired");
    place.shows("x", "", 3).await;
    assert_eq!(place.reservation(&kept).await["state"], "held");
    place.refuses_one("x", 4, 3).await;
    // Confirmed, a hold has no deadline any more.
    let confirmed = place.done(&kept, "confirm", json!({})).await;
    assert_eq!(confirmed["expires_at"], json!(null));
}
