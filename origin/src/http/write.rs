//! Every write goes the same way: token, media type, body, key, then the batch.

use std::time::Duration;

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, header, request::Parts},
    response::{IntoResponse, Response},
};
use onhand_http::{auth::Claims, body, call, correlation::Correlation, problem, query::no_parameters};
use onhand_wire::{
    Code, Problem,
    bulk::{WRITTEN, Written},
    limits,
    session::{self, Floor, Session},
};
use uuid::Uuid;

use super::{Context, Reply};
use crate::{
    answer::WriteAnswer,
    command::{Ask, Command},
    key::CallDigest,
};

/// The claims of the call's token, which the router has already judged.
pub(super) fn claims(parts: &Parts) -> Result<Claims, Problem> {
    let judged = parts.extensions.get::<Claims>().cloned();
    judged.ok_or_else(|| Problem::new(Code::Unauthenticated, "Authorization: send Bearer and a token"))
}

impl Context {
    /// Carries out the command that `command` makes from the body.
    pub(super) async fn write(
        &self,
        request: Request,
        command: impl FnOnce(&[u8]) -> Result<Command, Problem>,
    ) -> Reply {
        let (parts, body) = request.into_parts();
        let claims = claims(&parts)?;
        no_parameters(parts.uri.query())?;
        body::require_json(&parts.headers)?;
        let body = body::read(body, limits::BODY_BYTES).await?;
        let key = key(&parts)?;
        let ask = Ask {
            command: command(&body)?,
            actor: claims.sub,
            owner: claims.owner,
            sees: claims.sees,
            key,
            digest: CallDigest::of(parts.method.as_str(), parts.uri.path(), &body),
            correlation: correlation(&parts),
        };
        let mut session = session(&parts.headers)?;
        let everywhere = ask.command.changes_topology();
        let unledgered_by = ask.command.is_unledgered().then(|| ask.actor.clone());
        let patience = self.patience(&parts.headers)?;
        let started = std::time::Instant::now();
        let answer = self.batches.ask(ask, patience).await;
        self.metrics.write_took(started.elapsed());
        let answer = answer?;
        if let Some(actor) = unledgered_by
            && answer.status < 300
            && !answer.replayed
        {
            let (method, path, correlation_id) = (&parts.method, parts.uri.path(), correlation(&parts));
            tracing::info!(actor, %method, path, correlation_id, "an administrator's change");
        }
        if everywhere {
            // Every SKU may look different now, so the time applies to all of them.
            session =
                session.extended(Session { at: answer.committed_at.rounded_up(), all: true, ..Session::default() });
        }
        Ok(respond(answer, session, wants_written(&parts.headers), &correlation(&parts)))
    }

    /// How long the caller waits, as far as it says.
    pub(super) fn patience(&self, headers: &HeaderMap) -> Result<Duration, Problem> {
        Ok(call::patience(headers)?.unwrap_or(self.write_timeout))
    }
}

pub(super) fn correlation(parts: &Parts) -> String {
    parts.extensions.get::<Correlation>().map_or_else(String::new, |correlation| correlation.as_str().to_owned())
}

/// The caller's key. A create must have one; any other write gets one here, so that a COMMIT
/// whose answer was lost can be settled by looking.
fn key(parts: &Parts) -> Result<String, Problem> {
    if let Some(key) = call::key(&parts.headers)? {
        return Ok(key.to_str().unwrap_or_default().to_owned());
    }
    if parts.method == Method::POST && parts.uri.path() == "/v1/reservations" {
        return Err(call::key_required());
    }
    Ok(Uuid::new_v4().to_string())
}

pub(super) fn session(headers: &HeaderMap) -> Result<Session, Problem> {
    let token = headers.get(session::HEADER).map(|value| value.to_str().unwrap_or_default());
    token.map_or_else(|| Ok(Session::default()), Session::decode)
}

fn wants_written(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes() == WRITTEN.as_bytes())
}

/// What the write changed, as floors for the caller's next lookup.
fn floors(answer: &WriteAnswer) -> Session {
    let items = answer.stocks.iter().filter_map(|stock| stock.item.as_ref());
    let items = items.map(|item| Floor { sku: item.sku.clone(), location: None, version: item.version });
    let facts = answer.stocks.iter().flat_map(|stock| &stock.facts);
    let facts =
        facts.map(|fact| Floor { sku: fact.sku.clone(), location: Some(fact.location.clone()), version: fact.version });
    // A replayed answer no longer knows what it changed, so its time applies to every SKU.
    Session { at: answer.committed_at.rounded_up(), floors: items.chain(facts).collect(), all: answer.replayed }
}

pub(super) fn respond(answer: WriteAnswer, brought: Session, written: bool, correlation: &str) -> Response {
    let session = brought.extended(floors(&answer));
    let as_of = answer.committed_at.rounded_up();
    if written {
        let (status, replayed, body, stocks) = (answer.status, answer.replayed, answer.body, answer.stocks);
        let written = Written { status, replayed, body, as_of, session, stocks };
        let bytes = rmp_serde::to_vec_named(&written).expect("plain data encodes");
        return ([(header::CONTENT_TYPE, WRITTEN)], bytes).into_response();
    }
    let status = problem::status(answer.status);
    let (kind, body) = if status.is_success() {
        ("application/json", answer.body.into())
    } else {
        (problem::MEDIA_TYPE, problem::kept(answer.body, correlation))
    };
    let mut response = (status, [(header::CONTENT_TYPE, kind)], body).into_response();
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    };
    set(session::HEADER, session.encode());
    set("onhand-as-of", as_of.to_string());
    if answer.replayed {
        set("idempotent-replayed", "true".to_owned());
    }
    response
}

/// The JSON of a read.
pub(super) fn json(body: &impl serde::Serialize) -> Response {
    let body = serde_json::to_vec(body).expect("plain data encodes");
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
