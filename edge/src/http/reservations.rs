//! Reservations: judged here, decided by the origin. The facts that come back are joined before the
//! caller hears, and what the caller has seen goes into its session token.

use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use onhand_http::{
    body,
    call::{self, IDEMPOTENCY_KEY},
    correlation::Correlation,
    problem,
    query::no_parameters,
};
use onhand_wire::{
    Code, Problem,
    bulk::{self, Written},
    request::{self, Cancel, Confirm, Extend, Fulfil, Hold, Reallocate, Return, SetLines},
    session,
    session::Session,
};
use uuid::Uuid;

use super::{Asked, Failure, Reply, availability, not_found, reply};
use crate::{
    freshness::AsOf,
    node::Node,
    origin::{Call, OriginAnswer},
};

/// Headers of the origin's own answers that are passed on.
const PASSED: [HeaderName; 3] = [header::CONTENT_TYPE, header::RETRY_AFTER, header::LOCATION];
const PASSED_TOO: [&str; 5] =
    ["onhand-as-of", "onhand-session", "idempotent-replayed", "ratelimit", "ratelimit-policy"];

/// The check of a verb's body.
type Check = fn(&[u8]) -> Result<(), Problem>;

fn check<T: serde::de::DeserializeOwned + request::Check>(body: &[u8]) -> Result<(), Problem> {
    request::read::<T>(body).map(|_| ())
}

fn verb(name: &str) -> Option<Check> {
    Some(match name {
        "extend" => check::<Extend>,
        "confirm" => check::<Confirm>,
        "cancel" => check::<Cancel>,
        "fulfil" => check::<Fulfil>,
        "return" => check::<Return>,
        "lines" => check::<SetLines>,
        "reallocate" => check::<Reallocate>,
        _ => return None,
    })
}

fn reservation_id(segment: &str) -> Result<Uuid, Failure> {
    request::reservation_id(segment).map_err(Failure::from)
}

pub(super) async fn create(node: &Node, asked: Asked<'_>) -> Result<Reply, Failure> {
    write(node, asked, "/v1/reservations".to_owned(), check::<Hold>, true).await
}

pub(super) async fn change(node: &Node, asked: Asked<'_>, id: &str, name: &str) -> Result<Reply, Failure> {
    let check = verb(name).ok_or_else(not_found)?;
    let path = format!("/v1/reservations/{}/{name}", reservation_id(id)?);
    write(node, asked, path, check, false).await
}

async fn write(node: &Node, asked: Asked<'_>, path: String, check: Check, create: bool) -> Result<Reply, Failure> {
    let began = Instant::now();
    let Asked { request, correlation, .. } = asked;
    let (head, content) = request.into_parts();
    no_parameters(head.uri.query())?;
    body::require_json(&head.headers)?;
    let content = super::whole(node, content).await?;
    let key = key(&head.headers, create)?;
    let brought = availability::session(&head.headers)?.unwrap_or_default();
    check(&content)?;
    let mut headers = forwarded(&head.headers, correlation);
    headers.insert(&IDEMPOTENCY_KEY, key);
    headers.insert(header::ACCEPT, HeaderValue::from_static(bulk::WRITTEN));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let deadline = deadline(node, &head.headers, began)?;
    let call = Call { method: head.method, path, headers, body: content, deadline };
    let answer = node.origin.forward(call).await?;
    node.metrics.wrote(answer.status.as_u16());
    if answer.headers.get(header::CONTENT_TYPE).is_none_or(|media_type| media_type != bulk::WRITTEN) {
        return Ok(passed(answer));
    }
    let written: Written = rmp_serde::from_slice(&answer.body).map_err(|error| {
        tracing::error!(%error, "the origin's answer to a write cannot be read");
        Failure::from(Problem::new(Code::Internal, "the write was answered in an unknown way"))
    })?;
    Ok(acknowledge(node, written, brought, correlation))
}

/// Joins the new facts, then answers.
fn acknowledge(node: &Node, written: Written, brought: Session, correlation: &Correlation) -> Reply {
    node.cache.written(written.stocks, written.as_of);
    let status = problem::status(written.status);
    let mut reply = if status.is_success() {
        super::json(status, written.body)
    } else {
        reply(status, problem::MEDIA_TYPE, problem::kept(written.body, correlation.as_str()))
    };
    let headers = reply.headers_mut();
    headers.insert("onhand-as-of", AsOf::new(written.as_of).header);
    if let Ok(token) = HeaderValue::try_from(brought.extended(written.session).encode()) {
        headers.insert(session::HEADER, token);
    }
    if written.replayed {
        headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    reply
}

pub(super) async fn read(node: &Node, asked: &Asked<'_>, id: &str) -> Result<Reply, Failure> {
    look(node, asked, format!("/v1/reservations/{}", reservation_id(id)?)).await
}

/// The origin's list, as it answers it.
pub(super) async fn list(node: &Node, asked: &Asked<'_>) -> Result<Reply, Failure> {
    let query = asked.request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    look(node, asked, format!("/v1/reservations{query}")).await
}

async fn look(node: &Node, asked: &Asked<'_>, path: String) -> Result<Reply, Failure> {
    let headers = asked.request.headers();
    let deadline = deadline(node, headers, Instant::now())?;
    let headers = forwarded(headers, asked.correlation);
    let call = Call { method: Method::GET, path, headers, body: Bytes::new(), deadline };
    Ok(passed(node.origin.forward(call).await?))
}

/// The caller's key; a call that may come without one is given one, so that a retry is safe.
fn key(headers: &HeaderMap, required: bool) -> Result<HeaderValue, Problem> {
    match call::key(headers)? {
        Some(key) => Ok(key.clone()),
        None if required => Err(call::key_required()),
        None => Ok(HeaderValue::try_from(Uuid::new_v4().to_string()).expect("a UUID is ASCII")),
    }
}

pub(super) fn forwarded(from: &HeaderMap, correlation: &Correlation) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(value) = from.get(header::AUTHORIZATION) {
        headers.insert(header::AUTHORIZATION, value.clone());
    }
    correlation.write(&mut headers);
    headers
}

/// The caller's own, from when its call `began`; else the configured one, from now.
pub(super) fn deadline(node: &Node, headers: &HeaderMap, began: Instant) -> Result<Instant, Problem> {
    let wait = call::patience(headers)?;
    Ok(wait.map_or_else(|| Instant::now() + node.origin.timeout(), |wait| began + wait))
}

/// The origin's own answer.
pub(super) fn passed(answer: OriginAnswer) -> Reply {
    let mut passed = reply(answer.status, "application/json", answer.body);
    let names = PASSED.into_iter().chain(PASSED_TOO.map(HeaderName::from_static));
    for name in names {
        if let Some(value) = answer.headers.get(&name) {
            passed.headers_mut().insert(name, value.clone());
        }
    }
    passed
}
