//! What edges load.

use onhand_wire::{
    Code,
    auth::Scope,
    bulk::{LoadFacts, MESSAGEPACK},
};
use serde_json::Value;
use utoipa::openapi::{
    HttpMethod::{Get, Post},
    Required,
    schema::empty,
};

use super::call::{Call, call};

const EDGES: &str = "edges";

pub(super) fn calls() -> Vec<Call> {
    vec![facts(), topology()]
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
