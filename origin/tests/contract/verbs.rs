//! What becomes of a reservation.

use std::time::Duration;

use onhand_wire::{Code, Sees, reservation::State};
use serde_json::json;

use crate::shop::{Shop, shares};

async fn shop_with(shop: &Shop, a: i64, b: i64) {
    shop.location("a", 1, json!({})).await;
    shop.location("b", 2, json!({})).await;
    shop.count("x", "a", a).await;
    shop.count("x", "b", b).await;
}

pub(crate) async fn a_reservation_lives_to_its_end(shop: Shop) {
    shop_with(&shop, 10, 0).await;
    let held = shop.hold_one("x", 4).await.unwrap();
    assert_eq!(held.state, State::Held);
    let longer = shop.verb(held.id, "extend", json!({"ttl_s": 3600})).await.unwrap();
    assert!(longer.expires_at > held.expires_at);
    let confirmed = shop.verb(held.id, "confirm", json!({})).await.unwrap();
    assert_eq!((confirmed.state, confirmed.lines[0].confirmed, confirmed.expires_at), (State::Confirmed, 4, None));
    let part = shop.verb(held.id, "fulfil", json!({"lines": [{"line": 0, "quantity": 1}]})).await.unwrap();
    assert_eq!((part.state, part.lines[0].fulfilled), (State::Confirmed, 1));
    let fact = shop.fact("x", "a").await;
    assert_eq!((fact.on_hand, fact.reserved), (9, 3));
    let whole = shop.verb(held.id, "fulfil", json!({})).await.unwrap();
    assert_eq!((whole.state, whole.lines[0].fulfilled), (State::Fulfilled, 4));
    let back =
        shop.verb(held.id, "return", json!({"lines": [{"line": 0, "quantity": 2}], "location": "b"})).await.unwrap();
    assert_eq!((back.state, back.lines[0].returned), (State::Fulfilled, 2));
    assert_eq!(shop.fact("x", "b").await.on_hand, 2);
    let more = shop.verb(held.id, "return", json!({"lines": [{"line": 0, "quantity": 3}]})).await.unwrap_err();
    assert_eq!(more.code, Code::InsufficientStock);
    shop.agrees().await;
}

/// The contract's table: which verbs each state allows, and that repeating what made it changes nothing.
pub(crate) async fn every_state_refuses_what_it_must(shop: Shop) {
    shop_with(&shop, 1000, 0).await;
    let bodies = [
        ("extend", json!({"ttl_s": 60})),
        ("confirm", json!({})),
        ("cancel", json!({"reason": "second thoughts"})),
        ("fulfil", json!({})),
        ("return", json!({"lines": [{"line": 0, "quantity": 1}]})),
    ];
    let made = [
        ("held", vec![], vec!["extend", "confirm", "cancel"]),
        ("confirmed", vec!["confirm"], vec!["fulfil", "cancel", "confirm"]),
        ("fulfilled", vec!["confirm", "fulfil"], vec!["return", "fulfil"]),
        ("cancelled", vec!["cancel"], vec!["cancel"]),
    ];
    for (state, way, allowed) in made {
        for (verb, body) in &bodies {
            let held = shop.hold_one("x", 2).await.unwrap();
            for step in &way {
                let body = &bodies.iter().find(|(name, _)| name == step).unwrap().1;
                shop.verb(held.id, step, body.clone()).await.unwrap();
            }
            match shop.verb(held.id, verb, body.clone()).await {
                Ok(_) => assert!(allowed.contains(verb), "{state} allowed {verb}"),
                // Nothing has shipped yet: the state allows a return, the quantity does not.
                Err(problem) if state == "confirmed" && *verb == "return" => {
                    assert_eq!(problem.code, Code::InsufficientStock)
                }
                Err(problem) => {
                    assert!(!allowed.contains(verb), "{state} refused {verb}: {problem:?}");
                    assert_eq!(
                        (problem.code, problem.members["state"].as_str()),
                        (Code::ReservationState, Some(state))
                    );
                }
            }
        }
    }
    let held = shop.hold_one("x", 2).await.unwrap();
    shop.verb(held.id, "cancel", json!({"reason": "a"})).await.unwrap();
    let other = shop.verb(held.id, "cancel", json!({"reason": "b"})).await.unwrap_err();
    assert_eq!(other.code, Code::ReservationState);
    let unknown = shop.verb(uuid::Uuid::new_v4(), "cancel", json!({})).await.unwrap_err();
    assert_eq!(unknown.code, Code::NotFound);
    shop.agrees().await;
}

pub(crate) async fn a_part_confirmed_gives_the_rest_back_from_the_last(shop: Shop) {
    shop_with(&shop, 5, 5).await;
    let held = shop.hold_one("x", 8).await.unwrap();
    assert_eq!(shares(&held, 0), [("a", 5), ("b", 3)]);
    let too_many = shop.verb(held.id, "confirm", json!({"lines": [{"line": 0, "quantity": 9}]})).await.unwrap_err();
    assert_eq!(too_many.code, Code::InsufficientStock);
    let confirmed = shop.verb(held.id, "confirm", json!({"lines": [{"line": 0, "quantity": 4}]})).await.unwrap();
    assert_eq!((shares(&confirmed, 0), confirmed.lines[0].confirmed), (vec![("a", 4)], 4));
    assert_eq!(shop.fact("x", "b").await.reserved, 0);
    shop.agrees().await;
}

pub(crate) async fn never_more_ships_than_is_on_hand(shop: Shop) {
    shop_with(&shop, 1, 0).await;
    shop.policy("x", json!({"location": "a", "backorder_limit": 5})).await;
    let held = shop.hold_one("x", 3).await.unwrap();
    shop.verb(held.id, "confirm", json!({})).await.unwrap();
    let problem = shop.verb(held.id, "fulfil", json!({})).await.unwrap_err();
    assert_eq!(problem.code, Code::InsufficientStock);
    shop.verb(held.id, "fulfil", json!({"lines": [{"line": 0, "quantity": 1}]})).await.unwrap();
    shop.agrees().await;
}

/// Without the release that opens a batch, the second hold is refused until a sweep.
pub(crate) async fn a_dead_hold_never_refuses_a_live_buyer(shop: Shop) {
    shop_with(&shop, 5, 0).await;
    let dead = shop.hold(json!({"lines": [{"sku": "x", "quantity": 5}], "ttl_s": 1})).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1050)).await;
    let (record, now) = shop.store.reservation(dead.id, &Sees::All).await.unwrap().unwrap();
    assert_eq!(record.shown(now).state, State::Expired, "expired whatever its row says");
    shop.hold_one("x", 5).await.unwrap();
    shop.agrees().await;
    let due = shop.store.due(10).await.unwrap();
    assert_eq!(due.ids, [dead.id]);
    shop.verb(dead.id, "expire", json!({})).await.unwrap();
    assert!(shop.store.due(10).await.unwrap().ids.is_empty());
    let late = shop.verb(dead.id, "confirm", json!({})).await.unwrap_err();
    assert_eq!((late.code, late.members["state"].as_str()), (Code::ReservationState, Some("expired")));
    shop.agrees().await;
}
