//! Orders, their lanes, and dead letters.

use onhand_http::auth::Scope;
use onhand_wire::{Code, order::ShownOrder, request::PlaceOrder};
use serde_json::{Value, json};
use utoipa::openapi::{
    HttpMethod::{Get, Post},
    KnownFormat, ObjectBuilder, SchemaFormat,
    schema::Type,
};

use super::{
    answers::{DiscardedOrders, LetterSummary, Nothing, OrderPage, ShownLanes, Switched, WouldReplay},
    call::{Call, call},
    catalogue::{cursor, limit},
};
use crate::{
    http::orders::{Discard, Replay, SwitchLane},
    store::replays::ReplayRow,
};

const TAG: &str = "orders";
const ID: &str = "7b1c52d4-8c3a-8f61-9d2e-4f0a6b7c8d9e";
const AT: &str = "2026-01-31T09:30:00.000Z";

pub(super) fn calls() -> Vec<Call> {
    vec![
        place(),
        list(),
        read(),
        stream(),
        standing(),
        lanes(),
        switch("pause", "pauseLane", "Stop deciding a lane's orders; they are taken in all the same."),
        switch("resume", "resumeLane", "Go on."),
        letters(),
        summary(),
        replay(),
        read_replay(),
        stop_replay(),
        discard(),
    ]
}

fn shown(state: &str) -> Value {
    let waits = state == "queued";
    json!({"id": ID, "state": state, "ahead": waits.then_some(12), "eta_s": waits.then_some(1),
           "reservation_id": null, "reason": null})
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn on_order(call: Call) -> Call {
    let id = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
    call.path_of("id", "The order's; one that nobody issued is not_found.", id)
        .query(
            "place",
            "As the `Location` of its 202 had it: with it, its place in the line is known on any node.",
            text(),
        )
        .refuses(&[Code::NotFound, Code::InvalidRequest])
}

fn place() -> Call {
    let example = json!({"lines": [{"sku": "22423", "quantity": 1}], "priority": "high", "order_ref": "order-1001"});
    let call = call(TAG, Post, "/v1/orders", "placeOrder").needs(Scope::Storefront).key_required();
    let call = call.says(
        "Queue an order",
        "Judged as a reservation is; 202 once its lane has it on every replica that must. Subject and \
         `Idempotency-Key` name one order, for ever, on any node: the same call again is the same order, another body \
         changes nothing and is 422. In a lane, orders with the same first SKU are decided in the order in which they \
         were accepted. 504 `same_key` where it is not known whether it is in: the same call settles it. 503 overloaded \
         where it would wait longer than `orders.max_wait`. `Location` carries its place, signed.",
    );
    call.body::<PlaceOrder>(example).answers::<ShownOrder>(202, "In its lane.", shown("queued")).refuses(&[
        Code::InvalidRequest,
        Code::TooLarge,
        Code::UnsupportedMediaType,
        Code::UnknownSku,
        Code::UnknownChannel,
        Code::IdempotencyKeyReused,
        Code::RateLimited,
        Code::Overloaded,
        Code::DeadlineExceeded,
    ])
}

fn read() -> Call {
    let call = on_order(call(TAG, Get, "/v1/orders/{id}", "getOrder").needs(Scope::Storefront));
    call.says("An order", "From the moment of its 202, on any node.").answers::<ShownOrder>(
        200,
        "The order as it is now.",
        shown("confirmed"),
    )
}

fn stream() -> Call {
    let call = on_order(call(TAG, Get, "/v1/orders/{id}/stream", "followOrder").needs(Scope::Storefront));
    let call = call.says("Follow an order", "Its state, then each change of it, until nothing more comes by itself.");
    let example = json!(format!("event: order\ndata: {}\n\n", shown("queued")));
    call.answers_with(200, "`event: order`, each with the order.", "text/event-stream", text(), example)
        .refuses(&[Code::Overloaded])
}

fn order_row() -> Value {
    json!({"id": ID, "lane": "high", "partition": 3, "offset": 1204, "subject": "shop", "sku": "22423",
           "order_ref": "order-1001", "state": "dead_lettered", "reason": null, "reservation_id": null,
           "accepted_at": AT, "decide_by": AT, "taken_at": AT, "decided_at": AT, "attempts": 8, "next_at": null,
           "cause": "open_units", "fault": "…", "first_fault_at": AT})
}

fn moments(call: Call) -> Call {
    let at = || text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    call.query("from", "Accepted from this moment.", at()).query("to", "Accepted before this moment.", at())
}

fn list() -> Call {
    let call = moments(limit(cursor(call(TAG, Get, "/v1/orders", "listOrders").needs(Scope::Operator))));
    call.says("Orders", "Newest intake first.")
        .query("order_ref", "Of this reference.", text())
        .query("state", "In this state.", text())
        .query("sku", "Whose first line has this SKU.", text())
        .answers::<OrderPage>(200, "A page.", json!({"items": [order_row()], "next_cursor": null}))
        .refuses(&[Code::InvalidRequest])
}

fn standing() -> Call {
    let call = call(TAG, Get, "/internal/api/orders/standing", "orderStanding").needs(Scope::Edge);
    let binary =
        ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)));
    call.says("How far the lanes have come", "For edges, which tell callers of their wait by it.").answers_with(
        200,
        "MessagePack.",
        "application/msgpack",
        binary,
        Value::Null,
    )
}

fn lanes() -> Call {
    let lane = json!({"lane": "high", "paused": false, "undecided": 1204, "oldest": AT, "rate": 5120.0, "eta_s": 1,
                      "partitions": [{"partition": 0, "next": 5531, "undecided": 1204}]});
    let call = call(TAG, Get, "/internal/api/orders/lanes", "orderLanes").needs(Scope::Operator);
    call.says("The lanes", "What waits in each, how fast it is decided, and how far it is taken in.")
        .answers::<ShownLanes>(200, "Both.", json!({"lanes": [lane]}))
        .refuses(&[Code::InvalidRequest])
}

fn operators(path: &'static str, id: &'static str) -> Call {
    call(TAG, Post, path, id).needs(Scope::Operator).refuses(&[
        Code::InvalidRequest,
        Code::TooLarge,
        Code::UnsupportedMediaType,
    ])
}

fn switch(verb: &'static str, id: &'static str, says: &str) -> Call {
    let path = match verb {
        "pause" => "/internal/api/orders/lanes/{lane}/pause",
        _ => "/internal/api/orders/lanes/{lane}/resume",
    };
    operators(path, id)
        .says(if verb == "pause" { "Pause a lane" } else { "Resume a lane" }, says)
        .path_of("lane", "`high` or `low`.", text())
        .refuses(&[Code::NotFound])
        .optional_body::<SwitchLane>(json!({"reason": "the payment provider is down"}))
        .answers::<Switched>(200, "Done.", json!({"lane": "low", "paused": verb == "pause"}))
}

fn letters() -> Call {
    let call = moments(limit(cursor(call(TAG, Get, "/internal/api/orders/dlq", "deadLetters").needs(Scope::Operator))));
    call.says("Dead letters", "Newest intake first.")
        .query("cause", "Of this cause.", text())
        .query("sku", "Whose first line has this SKU.", text())
        .answers::<OrderPage>(200, "A page.", json!({"items": [order_row()], "next_cursor": null}))
        .refuses(&[Code::InvalidRequest])
}

fn summary() -> Call {
    let cause =
        json!({"cause": "open_units", "count": 14, "first_seen": AT, "last_seen": AT, "sample": ID, "fault": "…"});
    let call = call(TAG, Get, "/internal/api/orders/dlq/summary", "deadLetterSummary").needs(Scope::Operator);
    call.says("Dead letters by cause", "The most frequent first.")
        .answers::<LetterSummary>(200, "All of them.", json!({"count": 14, "causes": [cause]}))
        .refuses(&[Code::InvalidRequest])
}

fn replay_row(state: &str) -> Value {
    json!({"id": "0193a1b2-7c4d-7e8f-9a0b-1c2d3e4f5a6b", "state": state, "actor": "ops", "cause": "open_units",
           "rate": 50.0, "canary": 10, "created_at": AT, "ended_at": null, "orders": 100, "replayed": 10,
           "waiting": 90, "left": 0, "hopeless": 0, "outcomes": {"confirmed": 8, "queued": 2}})
}

fn replay() -> Call {
    operators("/internal/api/orders/dlq/replay", "replayOrders")
        .says(
            "Try dead letters again",
            "A job, which goes on whatever becomes of this origin. Orders go back under the same ids, out of line, each \
             with the time to be decided that a new order has. What was decided meanwhile stays; what waits for the void \
             of its payment goes when that is acknowledged; what cannot be read is never tried again. With `rate`, one \
             after the other; with `canary`, so many first, and the rest if none of them is a dead letter again.",
        )
        .optional_body::<Replay>(json!({"cause": "open_units", "limit": 100, "rate": 50.0, "canary": 10}))
        .answers::<ReplayRow>(202, "It has begun; `Location` names it.", replay_row("canary"))
        .answers::<WouldReplay>(
            200,
            "With `dry_run`: what would go back.",
            json!({"dry_run": true, "would_replay": 1, "hopeless": 0, "ids": [ID]}),
        )
}

fn on_replay(call: Call) -> Call {
    let id = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
    call.path_of("id", "The replay's. One that is over is kept for 30 days.", id).refuses(&[Code::NotFound])
}

fn read_replay() -> Call {
    let path = "/internal/api/orders/dlq/replays/{id}";
    on_replay(call(TAG, Get, path, "getReplay").needs(Scope::Operator))
        .says("A replay", "How far it is, and what became of the orders that went back.")
        .answers::<ReplayRow>(200, "As it is now.", replay_row("running"))
        .refuses(&[Code::InvalidRequest])
}

fn stop_replay() -> Call {
    on_replay(operators("/internal/api/orders/dlq/replays/{id}/stop", "stopReplay"))
        .says("Stop a replay", "What has not gone back stays a dead letter. One that is over stays as it is.")
        .optional_body::<Nothing>(json!({}))
        .answers::<ReplayRow>(200, "As it is now.", replay_row("stopped"))
}

fn discard() -> Call {
    operators("/internal/api/orders/dlq/discard", "discardOrders")
        .says("Give dead letters up", "They are rejected for good, with `reason` discarded.")
        .body::<Discard>(json!({"ids": [ID], "reason": "the customer was called"}))
        .answers::<DiscardedOrders>(200, "Which are rejected.", json!({"discarded": 1, "ids": [ID]}))
}
