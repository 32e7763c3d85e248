//! What edges load: MessagePack, many SKUs in one request.

use axum::{
    extract::{Request, State},
    http::header,
    response::{IntoResponse, Response},
};
use onhand_http::{body, query::Params};
use onhand_wire::{
    Problem, Sees,
    bulk::{LOAD_SKUS, LoadFacts, MESSAGEPACK, MOST_HELD, MOST_HELD_DEFAULT, MostHeld},
    limits, whole,
};
use serde::Serialize;

use super::{Reply, Shared};

fn messagepack(value: &impl Serialize) -> Response {
    let bytes = rmp_serde::to_vec_named(value).expect("plain data encodes");
    ([(header::CONTENT_TYPE, MESSAGEPACK)], bytes).into_response()
}

pub(super) async fn facts(State(context): Shared, request: Request) -> Reply {
    let (parts, body) = request.into_parts();
    if !body::media_type(&parts.headers)?.eq_ignore_ascii_case(MESSAGEPACK) {
        return Err(onhand_wire::request::unsupported_media_type(MESSAGEPACK).into());
    }
    let body = body::read(body, limits::BODY_BYTES).await?;
    let mut load: LoadFacts = rmp_serde::from_slice(&body).map_err(|error| Problem::field("body", error))?;
    if load.skus.len() > LOAD_SKUS {
        return Err(Problem::field("skus", format!("at most {LOAD_SKUS}")).into());
    }
    if !context.verifier.knows_owners() {
        load.sees.get_or_insert(Sees::All);
    }
    Ok(messagepack(&context.store.load_facts(&load).await?))
}

pub(super) async fn most_held(State(context): Shared, request: Request) -> Reply {
    let (parts, _) = request.into_parts();
    let mut params = Params::of(parts.uri.query())?;
    let limit = params.take("limit")?;
    params.end()?;
    let right = || Problem::field("limit", format!("a whole number from 1 to {MOST_HELD}"));
    let read = |text: String| {
        let limit = whole(&text).and_then(|limit| usize::try_from(limit).ok());
        limit.filter(|limit| (1..=MOST_HELD).contains(limit))
    };
    let limit = limit.map_or(Ok(MOST_HELD_DEFAULT), |text| read(text).ok_or_else(right))?;
    let skus = context.store.most_held(limit).await?;
    Ok(messagepack(&MostHeld { skus }))
}

pub(super) async fn topology(State(context): Shared) -> Reply {
    Ok(messagepack(&context.store.load_topology().await?))
}
