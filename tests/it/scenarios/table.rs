//! The contract's table: every state and every verb, by answer, by on hand and reserved at the
//! origin and by what the edge then shows.

use onhand_harness::eventually;
use serde_json::{Value, json};

use super::place::{Place, in_state, short};

/// What is on hand and what is held of it before anything is shipped.
const ON_HAND: i64 = 10;
const HELD: i64 = 4;

enum Answer {
    /// 200 in this state.
    Does(&'static str),
    /// 200 with the reservation as it was.
    Unchanged,
    /// 409 reservation_state.
    Refused,
    /// 409 insufficient_stock: asked, and what there is.
    Short(i64, i64),
}
use Answer::{Does, Refused, Short, Unchanged};

struct State {
    name: &'static str,
    /// What `state` says.
    shown: &'static str,
    way: Vec<(&'static str, Value)>,
    /// On hand and reserved.
    level: (i64, i64),
    /// Verb and body, the answer, on hand and reserved after it.
    verbs: Vec<(&'static str, Value, Answer, (i64, i64))>,
}

fn one(quantity: i64) -> Value {
    json!({"lines": [{"line": 0, "quantity": quantity}]})
}

fn states() -> Vec<State> {
    let (extend, cancel) = (|| json!({"ttl_s": 900}), || json!({"reason": "second thoughts"}));
    let confirmed = || ("confirm", json!({}));
    vec![
        State {
            name: "held",
            shown: "held",
            way: vec![],
            level: (10, 4),
            verbs: vec![
                ("extend", extend(), Does("held"), (10, 4)),
                ("confirm", json!({}), Does("confirmed"), (10, 4)),
                ("confirm", one(3), Does("confirmed"), (10, 3)),
                ("cancel", cancel(), Does("cancelled"), (10, 0)),
                ("fulfil", one(2), Refused, (10, 4)),
                ("return", one(1), Refused, (10, 4)),
            ],
        },
        State {
            name: "confirmed",
            shown: "confirmed",
            way: vec![confirmed()],
            level: (10, 4),
            verbs: vec![
                ("extend", extend(), Refused, (10, 4)),
                ("confirm", json!({}), Unchanged, (10, 4)),
                ("confirm", one(4), Refused, (10, 4)),
                ("cancel", cancel(), Does("cancelled"), (10, 0)),
                ("fulfil", one(2), Does("confirmed"), (8, 2)),
                ("fulfil", json!({}), Does("fulfilled"), (6, 0)),
                ("return", one(1), Short(1, 0), (10, 4)),
            ],
        },
        State {
            name: "shipped",
            shown: "confirmed",
            way: vec![confirmed(), ("fulfil", one(1))],
            level: (9, 3),
            verbs: vec![
                ("extend", extend(), Refused, (9, 3)),
                ("confirm", json!({}), Unchanged, (9, 3)),
                ("confirm", one(4), Refused, (9, 3)),
                ("cancel", cancel(), Does("cancelled"), (9, 0)),
                ("fulfil", one(1), Does("confirmed"), (8, 2)),
                ("fulfil", one(4), Short(4, 3), (9, 3)),
                ("fulfil", json!({}), Does("fulfilled"), (6, 0)),
                ("return", one(1), Does("confirmed"), (10, 3)),
                ("return", one(2), Short(2, 1), (9, 3)),
            ],
        },
        State {
            name: "fulfilled",
            shown: "fulfilled",
            way: vec![confirmed(), ("fulfil", json!({}))],
            level: (6, 0),
            verbs: vec![
                ("extend", extend(), Refused, (6, 0)),
                ("confirm", json!({}), Refused, (6, 0)),
                ("cancel", cancel(), Refused, (6, 0)),
                ("fulfil", json!({}), Unchanged, (6, 0)),
                ("fulfil", one(1), Refused, (6, 0)),
                ("return", one(3), Does("fulfilled"), (9, 0)),
                ("return", one(5), Short(5, 4), (6, 0)),
            ],
        },
        State {
            name: "cancelled",
            shown: "cancelled",
            way: vec![("cancel", json!({"reason": "first thoughts"}))],
            level: (10, 0),
            verbs: vec![
                ("extend", extend(), Refused, (10, 0)),
                ("confirm", json!({}), Refused, (10, 0)),
                ("cancel", json!({"reason": "first thoughts"}), Unchanged, (10, 0)),
                ("cancel", cancel(), Refused, (10, 0)),
                ("fulfil", json!({}), Refused, (10, 0)),
                ("return", one(1), Refused, (10, 0)),
            ],
        },
        State {
            name: "cancelled in part",
            shown: "cancelled",
            way: vec![confirmed(), ("fulfil", one(2)), ("cancel", json!({"reason": "first thoughts"}))],
            level: (8, 0),
            verbs: vec![
                ("extend", extend(), Refused, (8, 0)),
                ("confirm", json!({}), Refused, (8, 0)),
                ("cancel", json!({"reason": "first thoughts"}), Unchanged, (8, 0)),
                ("fulfil", json!({}), Refused, (8, 0)),
                ("return", one(1), Does("cancelled"), (9, 0)),
                ("return", one(2), Does("cancelled"), (10, 0)),
                ("return", one(3), Short(3, 2), (8, 0)),
            ],
        },
        State {
            name: "expired",
            shown: "expired",
            way: vec![],
            level: (10, 0),
            verbs: vec![
                ("extend", extend(), Refused, (10, 0)),
                ("confirm", json!({}), Refused, (10, 0)),
                ("cancel", cancel(), Refused, (10, 0)),
                ("fulfil", json!({}), Refused, (10, 0)),
                ("return", one(1), Refused, (10, 0)),
            ],
        },
    ]
}

pub(super) async fn every_state_and_verb(place: &Place) {
    place.locations(&[("t", 0)]).await;
    for state in states() {
        for (index, (verb, body, answer, after)) in state.verbs.iter().enumerate() {
            let sku = format!("{} {verb} {index}", state.name);
            let before = bring(place, &state, &sku).await;
            let reply = place.verb(&before, verb, body.clone()).await;
            match answer {
                Does(now) => {
                    let body_now = reply.expect(200).json();
                    assert_eq!(body_now["state"], *now, "{sku}");
                    repeated(place, &state, verb, body, &body_now).await;
                }
                Unchanged => assert_eq!(reply.expect(200).json(), before, "{sku}"),
                Refused => in_state(&reply, state.shown),
                Short(asked, there) => {
                    short(&reply, json!([{"line": 0, "sku": sku, "requested": asked, "available": there}]));
                }
            }
            if !matches!(answer, Does(_)) {
                assert_eq!(place.reservation(&before).await, before, "{sku}: nothing has changed");
                check(place, &sku, *after).await;
            }
        }
    }
}

/// A reservation in this state, as its last answer shows it.
async fn bring(place: &Place, state: &State, sku: &str) -> Value {
    place.stock(sku, &[("t", ON_HAND)]).await;
    let ttl_s = if state.name == "expired" { 1 } else { 600 };
    let mut held = place.hold(json!({"lines": [{"sku": sku, "quantity": HELD}], "ttl_s": ttl_s})).await;
    for (verb, body) in &state.way {
        held = place.done(&held, verb, body.clone()).await;
    }
    if state.name == "expired" {
        eventually!(place.reservation(&held).await["state"] == "expired");
        held = place.reservation(&held).await;
        // Swept or not, it counts for nothing; the row itself follows.
        eventually!(Place::level(&place.levels(sku).await, "t") == state.level);
    }
    assert_eq!(held["state"], state.shown, "{sku}");
    check(place, sku, state.level).await;
    held
}

/// On hand and reserved at the origin; what that makes available, at the edge.
async fn check(place: &Place, sku: &str, level: (i64, i64)) {
    assert_eq!(Place::level(&place.levels(sku).await, "t"), level, "{sku}");
    place.shows(sku, "", level.0 - level.1).await;
}

/// The same verb with the same body again, and with another: unchanged where it made the state.
async fn repeated(place: &Place, state: &State, verb: &str, body: &Value, now: &Value) {
    let sku = now["lines"][0]["sku"].as_str().unwrap();
    let (_, _, _, after) =
        state.verbs.iter().find(|(name, named, ..)| *name == verb && named == body).expect("it was just called");
    check(place, sku, *after).await;
    let made_it = now["state"] != state.shown;
    if !made_it {
        return;
    }
    assert_eq!(place.done(now, verb, body.clone()).await, *now, "{sku}: again");
    let other = match verb {
        "confirm" => one(2),
        "cancel" => json!({"reason": "third thoughts"}),
        _ => one(1),
    };
    in_state(&place.verb(now, verb, other).await, now["state"].as_str().unwrap());
    check(place, sku, *after).await;
}

pub(super) async fn too_many_on_a_line(place: &Place) {
    place.locations(&[("q-1", 1), ("q-2", 2)]).await;
    for sku in ["q", "q/2"] {
        place.stock(sku, &[("q-1", 3), ("q-2", 3)]).await;
    }
    let lines = json!([{"sku": "q", "quantity": 4}, {"sku": "q/2", "quantity": 5}]);
    let held = place.hold(json!({"lines": lines})).await;
    let both = json!({"lines": [{"line": 1, "quantity": 7}, {"line": 0, "quantity": 6}]});
    let lines_of = |reply: &onhand_harness::Reply| {
        let mut lines = reply.json()["lines"].as_array().cloned().unwrap_or_default();
        lines.sort_by_key(|line| line["line"].as_i64());
        lines
    };
    let wanted = [
        json!({"line": 0, "sku": "q", "requested": 6, "available": 4}),
        json!({"line": 1, "sku": "q/2", "requested": 7, "available": 5}),
    ];
    let too_many = place.verb(&held, "confirm", both.clone()).await.expect(409);
    assert_eq!((too_many.code().as_str(), lines_of(&too_many)), ("insufficient_stock", wanted.to_vec()));
    place.done(&held, "confirm", json!({})).await;
    let too_many = place.verb(&held, "fulfil", both.clone()).await.expect(409);
    assert_eq!((too_many.code().as_str(), lines_of(&too_many)), ("insufficient_stock", wanted.to_vec()));
    // Where a location is named, what is available there is all there is beside what the line has there.
    let there = json!({"lines": [{"line": 0, "quantity": 4, "location": "q-2"}]});
    short(&place.verb(&held, "fulfil", there).await, json!([{"line": 0, "sku": "q", "requested": 4, "available": 3}]));
    assert_eq!(place.reservation(&held).await["lines"][0]["fulfilled"], 0, "nothing has shipped");
    place.done(&held, "fulfil", json!({})).await;
    let too_many = place.verb(&held, "return", both).await.expect(409);
    assert_eq!((too_many.code().as_str(), lines_of(&too_many)), ("insufficient_stock", wanted.to_vec()));
    let levels = place.levels("q").await;
    assert_eq!((Place::level(&levels, "q-1"), Place::level(&levels, "q-2")), ((0, 0), (2, 0)));
}

pub(super) async fn no_such_reservation(place: &Place) {
    place.locations(&[("n", 0)]).await;
    place.stock("n", &[("n", 5)]).await;
    let held = place.hold_one("n", 1).await;
    for verb in ["extend", "confirm", "cancel", "fulfil", "return"] {
        let body = match verb {
            "extend" => json!({"ttl_s": 60}),
            "return" => one(1),
            _ => json!({}),
        };
        for id in ["00000000-0000-7000-8000-000000000000", "nonsense"] {
            let reply = place.verb(&json!({"id": id}), verb, body.clone()).await.expect(404);
            assert_eq!(reply.code(), "not_found", "{id} {verb}");
        }
    }
    let no_line = place.verb(&held, "confirm", json!({"lines": [{"line": 1, "quantity": 1}]})).await.expect(400);
    assert_eq!(no_line.json()["field"], "lines[0].line");
    assert_eq!(place.reservation(&held).await["state"], "held");
}
