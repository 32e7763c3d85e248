//! What edges load.

use onhand_http::auth::Scope;
use onhand_wire::{
    Code,
    bulk::{LoadFacts, MESSAGEPACK, MOST_HELD, MOST_HELD_DEFAULT},
};
use serde_json::Value;
use utoipa::openapi::{
    HttpMethod::{Get, Post},
    Required,
    schema::empty,
};

use super::{
    call::{Call, call},
    catalogue::whole,
};

const EDGES: &str = "edges";

pub(super) fn calls() -> Vec<Call> {
    vec![facts(), topology(), most_held()]
}

fn facts() -> Call {
    call(EDGES, Post, "/internal/api/facts", "loadFacts")
        .needs(Scope::Edge)
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
        .needs(Scope::Edge)
        .says("Every location and channel", "A MessagePack map with names.")
        .answers_with(200, "`at`, `term`, `good_since`, `locations`, `channels`.", MESSAGEPACK, empty(), Value::Null)
}

fn most_held() -> Call {
    let limit = whole(1, MOST_HELD).default(Some(MOST_HELD_DEFAULT.into()));
    call(EDGES, Get, "/internal/api/most-held", "mostHeld")
        .needs(Scope::Edge)
        .says(
            "What edges warm themselves with",
            "SKUs with most units in open reservations first, then others by name.",
        )
        .query("limit", "Most SKUs in the list.", limit)
        .answers_with(200, "A MessagePack map: `skus`.", MESSAGEPACK, empty(), Value::Null)
        .refuses(&[Code::InvalidRequest])
}
