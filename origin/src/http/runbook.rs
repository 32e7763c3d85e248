//! The runbook's lists and its two simple remedies.

use axum::{
    extract::{Request, State},
    http::request::Parts,
};
use onhand_http::{
    auth::Claims,
    body,
    query::{Params, no_parameters},
};
use onhand_wire::{
    Code, Problem, limits,
    page::{Page, cursor, read_cursor, read_limit},
    request::parse,
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Context, Reply, Shared, whole, whole::Begun, write};
use crate::{record::ReservationRecord, store::StoreError};

/// Ids that a sweep's answer lists; all are counted.
const LISTED: usize = 10_000;

/// `limit` and `cursor`, among other parameters.
pub(super) fn page_among(params: &mut Params) -> Result<(usize, Option<String>), Problem> {
    let limit = read_limit(params.take("limit")?.as_deref())?;
    let beyond = params.take("cursor")?.map(|text| read_cursor(&text)).transpose()?;
    Ok((limit, beyond))
}

/// `limit` and `cursor`, and nothing else.
pub(super) fn page(parts: &Parts) -> Result<(usize, Option<String>), Problem> {
    let mut params = Params::of(parts.uri.query())?;
    let asked = page_among(&mut params)?;
    params.end()?;
    Ok(asked)
}

/// One more than the page was read, to know whether there is a next one.
pub(super) fn paged<T>(mut items: Vec<T>, limit: usize, key: impl Fn(&T) -> String) -> Page<T> {
    let more = items.len() > limit;
    items.truncate(limit);
    let next_cursor = items.last().filter(|_| more).map(|last| cursor(&key(last)));
    Page { items, next_cursor }
}

pub(super) fn not_ours() -> Problem {
    Problem::field("cursor", "not a cursor of this list")
}

pub(super) async fn low_stock(State(context): Shared, request: Request) -> Reply {
    let (parts, _) = request.into_parts();
    let (limit, beyond) = page(&parts)?;
    // No slash is in a location.
    let split = |text: String| text.rsplit_once('/').map(|(sku, at)| (sku.to_owned(), at.to_owned()));
    let after = beyond.map(|text| split(text).ok_or_else(not_ours)).transpose()?;
    let items = context.store.low_stock(after, limit + 1).await?;
    Ok(write::json(&paged(items, limit, |low| format!("{}/{}", low.sku, low.location))))
}

pub(super) async fn stuck(State(context): Shared, request: Request) -> Reply {
    let (parts, _) = request.into_parts();
    let (limit, beyond) = page(&parts)?;
    let beyond = beyond.map(|text| text.parse::<Uuid>().map_err(|_| not_ours())).transpose()?;
    let found = context.store.stuck(context.stuck_after, beyond, limit + 1).await?;
    let Page { items, next_cursor } = paged(found, limit, |record| record.id.to_string());
    Ok(write::json(&Page { items: items.iter().map(shown).collect::<Vec<_>>(), next_cursor }))
}

/// The state is the row's: past its deadline, callers see the reservation as expired.
fn shown(record: &ReservationRecord) -> Value {
    let open = record.open();
    let held = record.expires_at.is_some();
    let lines: Vec<Value> = open
        .iter()
        .map(|open| json!({"line": open.line, "sku": open.sku, "location": open.location, "open": open.quantity}))
        .collect();
    json!({
        "id": record.id,
        "state": record.state.as_str(),
        "reason": if held { "not_swept" } else { "not_shipped" },
        "expires_at": record.expires_at,
        "created_at": record.created_at,
        "confirmed_at": record.confirmed_at,
        "order_ref": record.order_ref,
        "units": open.iter().map(|open| open.quantity).sum::<i64>(),
        "lines": lines,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// A write without parameters: token, media type, an empty body, then its key.
async fn begin(context: &Context, request: Request) -> Result<Begun, super::fail::Fail> {
    let (parts, claims, body) = operator(context, request).await?;
    no_parameters(parts.uri.query())?;
    let Nothing {} = parse(&body)?;
    context.begin(&parts, claims, &body).await
}

pub(super) async fn operator(
    context: &Context,
    request: Request,
) -> Result<(Parts, Claims, axum::body::Bytes), Problem> {
    let (parts, body) = request.into_parts();
    let claims = write::claims(&parts)?;
    body::require_json(&parts.headers)?;
    let body = body::read(body, limits::BODY_BYTES).await?;
    // Judged as for any write. What takes more than one command is carried to its end anyway.
    write::session(&parts.headers)?;
    context.patience(&parts.headers)?;
    Ok((parts, claims, body))
}

/// Sweeps everything that is due.
pub(super) async fn release_expired(State(context): Shared, request: Request) -> Reply {
    let ask = match begin(&context, request).await? {
        Begun::Fresh(ask) => *ask,
        Begun::Before(answer) => return Ok(whole::respond(answer, "")),
    };
    let swept = context.sweeper.sweep_all().await?;
    let listed: Vec<&Uuid> = swept.ids.iter().take(LISTED).collect();
    context.end(ask, json!({"released": swept.ids.len(), "ids": listed}), swept.committed_at).await
}

/// Sends restock notifications that are due, now. It waits for a silent target no longer than the caller waits, and
/// then goes on in the background.
pub(super) async fn restock(State(context): Shared, request: Request) -> Reply {
    let headers = request.headers().clone();
    let ask = match begin(&context, request).await? {
        Begun::Fresh(ask) => *ask,
        Begun::Before(answer) => return Ok(whole::respond(answer, "")),
    };
    let restocker = context.restocker.clone();
    let look = tokio::spawn(async move { restocker.look().await });
    let looked = tokio::time::timeout(context.patience(&headers)?, look).await.map_err(|_| {
        Problem::new(Code::DeadlineExceeded, "a target does not answer; what is due goes on being sent")
    })?;
    let sent = looked.map_err(|error| StoreError::Unreachable(error.to_string()))??;
    let left = context.restocker.undelivered().await?;
    let body = json!({"sent": sent.sent, "pending": left.pending, "failed": left.failed});
    context.end(ask, body, None).await
}
