//! Examples that several calls share.

use serde_json::{Value, json};

const ID: &str = "0193a1b2-7c4d-7e8f-9a0b-1c2d3e4f5a6b";

/// One line of two, at this state.
pub(super) fn reservation(state: &str) -> Value {
    let expires_at = if state == "held" { json!("2026-01-31T09:40:00.000Z") } else { Value::Null };
    let on = |states: &[&str]| if states.contains(&state) { 2 } else { 0 };
    json!({
        "id": ID, "state": state, "expires_at": expires_at, "created_at": "2026-01-31T09:30:00.000Z",
        "order_ref": "order-1001",
        "lines": [{
            "line": 0, "sku": "22423", "requested": 2, "quantity": 2, "confirmed": on(&["confirmed", "fulfilled"]),
            "fulfilled": on(&["fulfilled"]), "returned": 0, "allocations": [{"location": "eu-1", "quantity": 2}],
        }],
        "allocated_by": "priority",
    })
}

pub(super) fn fact(location: &str, on_hand: i64) -> Value {
    json!({
        "sku": "22423", "location": location, "on_hand": on_hand, "reserved": 2, "safety_stock": 0,
        "backorder_limit": 0, "low_stock_at": 5, "version": "1.42", "changed_at": "2026-01-31T09:30:00.000Z",
        "available": on_hand - 2, "backorderable": 0,
    })
}

/// What a stock call answers about one location.
pub(super) fn one_fact(on_hand: i64) -> Value {
    let mut answer = fact("eu-1", on_hand);
    answer["facts"] = json!([fact("eu-1", on_hand)]);
    answer
}

pub(super) fn item() -> Value {
    json!({
        "sku": "22423", "name": "Regency cakestand 3 tier", "brand": "Regency", "attributes": {"colour": "white"},
        "price": {"amount": 1275, "currency": "GBP"}, "active": true, "version": "1.3",
        "changed_at": "2026-01-31T09:30:00.000Z",
    })
}

pub(super) fn location() -> Value {
    json!({
        "location": "eu-1", "name": "Rotterdam", "region": "eu", "priority": 0, "lat": 51.92, "lon": 4.48,
        "enabled": true, "pickup": false, "version": "1.1", "changed_at": "2026-01-31T09:30:00.000Z",
    })
}

pub(super) fn channel() -> Value {
    json!({
        "channel": "web", "locations": ["eu-1", "eu-2"], "allocation": "priority", "version": "1.1",
        "changed_at": "2026-01-31T09:30:00.000Z",
    })
}
