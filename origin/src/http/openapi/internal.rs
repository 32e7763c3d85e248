//! The runbook's endpoints, and what edges load.

use onhand_wire::{
    Code,
    auth::Scope,
    bulk::{LoadFacts, MESSAGEPACK},
};
use serde_json::{Value, json};
use utoipa::openapi::{
    HttpMethod::{Get, Post},
    Required,
    schema::empty,
};

use super::{
    answers::{ReconcileReport, Released},
    call::{Call, call},
};
use crate::http::operations::Reconcile;

const RUNBOOK: &str = "runbook";
const EDGES: &str = "edges";

pub(super) fn calls() -> Vec<Call> {
    vec![reconcile(), release_expired(), facts(), topology()]
}

fn reconcile() -> Call {
    let example = json!({
        "mode": "report", "checked": 4120,
        "differences": [{"comparison": "ledger", "sku": "22423", "location": "eu-1",
                         "expected": {"on_hand": 55, "reserved": 2}, "found": {"on_hand": 54, "reserved": 2}}],
    });
    call(RUNBOOK, Post, "/internal/api/inventory/reconcile", "reconcile")
        .needs(Scope::Operator)
        .says("Compare", "Open reservations against `reserved`, and the ledger against the rows; changes nothing.")
        .optional_body::<Reconcile>(json!({"mode": "report"}))
        .answers::<ReconcileReport>(200, "What differs.", example)
        .refuses(&[Code::InvalidRequest, Code::TooLarge, Code::UnsupportedMediaType])
}

fn release_expired() -> Call {
    let example = json!({"released": 1, "ids": ["0193a1b2-7c4d-7e8f-9a0b-1c2d3e4f5a6b"]});
    call(RUNBOOK, Post, "/internal/api/inventory/release-expired-reservations", "releaseExpired")
        .needs(Scope::Operator)
        .says("Sweep now", "Closes holds that are past their deadline. A body is ignored.")
        .answers::<Released>(200, "What was closed.", example)
        .refuses(&[Code::Maintenance])
}

fn facts() -> Call {
    call(EDGES, Post, "/internal/api/facts", "loadFacts")
        .needs(Scope::Operator)
        .says(
            "Facts of many SKUs, in one snapshot",
            "MessagePack maps with names; moments are microseconds since 1970, versions whole numbers, ids 16 bytes.",
        )
        .body_of::<LoadFacts>(MESSAGEPACK, Value::Null, Required::True)
        .answers_with(
            200,
            "`at`, `term`, `good_since`, and `stocks` in the order asked.",
            MESSAGEPACK,
            empty(),
            Value::Null,
        )
        .refuses(&[Code::InvalidRequest, Code::TooLarge, Code::UnsupportedMediaType])
}

fn topology() -> Call {
    call(EDGES, Get, "/internal/api/topology", "loadTopology")
        .needs(Scope::Operator)
        .says("Every location and channel", "A MessagePack map with names.")
        .answers_with(200, "`at`, `term`, `good_since`, `locations`, `channels`.", MESSAGEPACK, empty(), Value::Null)
}
