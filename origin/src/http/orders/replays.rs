//! Replays of dead letters: jobs that begin here, and are worked on by whoever leads the lanes.

use axum::{
    extract::{Path, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use onhand_http::query::no_parameters;
use onhand_wire::{
    Code, Problem,
    request::{Check, check_text, read},
};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{
    super::{Context, Reply, Shared, runbook::operator, write::json as shown},
    letters::{MOST, check_ids, found},
    line,
};
use crate::{
    store::replays::{NewReplay, ReplayRow},
    trail::Kind,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Which dead letters: by id, or by cause; without either, all.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Replay {
    ids: Option<Vec<Uuid>>,
    cause: Option<String>,
    /// At most so many, the newest first; 10,000 unless it is said, and never more.
    limit: Option<usize>,
    /// Orders a second; without it, all at once.
    rate: Option<f64>,
    /// So many first; the rest only once these are decided, and if none of them is a dead letter again.
    canary: Option<usize>,
    /// Says what would be replayed, and does nothing.
    #[serde(default)]
    dry_run: bool,
}

impl Check for Replay {
    fn check(&self) -> Result<(), Problem> {
        check_ids(self.ids.as_ref())?;
        self.cause.as_ref().map_or(Ok(()), |cause| check_text("cause", cause))?;
        for (field, given) in [("limit", self.limit), ("canary", self.canary)] {
            if given.is_some_and(|given| !(1..=MOST).contains(&given)) {
                return Err(Problem::field(field, format!("a whole number from 1 to {MOST}")));
            }
        }
        if self.rate.is_some_and(|rate| !(rate.is_finite() && (0.01..=100_000.0).contains(&rate))) {
            return Err(Problem::field("rate", "orders a second, 0.01 to 100000"));
        }
        Ok(())
    }
}

pub(in super::super) async fn replay(State(context): Shared, request: Request) -> Reply {
    let (parts, claims, body) = operator(&context, request).await?;
    no_parameters(parts.uri.query())?;
    let wanted: Replay = read(&body)?;
    let lanes = context.lanes()?;
    let found = found(&context, wanted.ids, wanted.cause.clone(), wanted.limit.unwrap_or(MOST)).await?;
    let (hopeless, orders): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, hopeless)| *hopeless);
    let orders: Vec<Uuid> = orders.into_iter().map(|(id, _)| id).collect();
    if wanted.dry_run {
        let body = json!({"dry_run": true, "would_replay": orders.len(), "hopeless": hopeless.len(), "ids": orders});
        return Ok(shown(&body));
    }
    let replay = NewReplay {
        id: Uuid::now_v7(),
        cause: wanted.cause,
        rate: wanted.rate,
        canary: wanted.canary.map(|first| i32::try_from(first).unwrap_or(i32::MAX)),
        hopeless: i32::try_from(hopeless.len()).unwrap_or(i32::MAX),
        orders,
    };
    let detail = json!({
        "cause": replay.cause, "rate": replay.rate, "canary": replay.canary, "orders": replay.orders.len(),
    });
    let line = line(&parts, claims, Kind::OrdersReplayed, &replay.id.to_string(), detail);
    context.store.begin_replay(&replay, &line).await?;
    if let Err(error) = lanes.step_replays().await {
        tracing::debug!(%error, "a replay's first step is left to the replica that leads");
    }
    lanes.changed().await;
    let location = format!("/internal/api/orders/dlq/replays/{}", replay.id);
    let mut response = (StatusCode::ACCEPTED, shown(&known(&context, replay.id).await?)).into_response();
    response.headers_mut().extend(HeaderValue::try_from(location).ok().map(|location| (header::LOCATION, location)));
    Ok(response)
}

async fn known(context: &Context, id: Uuid) -> Result<ReplayRow, Problem> {
    let found = context.store.replay(id).await?;
    found.ok_or_else(|| Problem::new(Code::NotFound, "no such replay; one that is over is kept for 30 days"))
}

fn named(id: &str) -> Result<Uuid, Problem> {
    id.parse().map_err(|_| Problem::new(Code::NotFound, "no such replay: its id is a UUID"))
}

pub(in super::super) async fn read_replay(State(context): Shared, Path(id): Path<String>, request: Request) -> Reply {
    no_parameters(request.uri().query())?;
    context.lanes()?;
    Ok(shown(&known(&context, named(&id)?).await?))
}

/// What has not gone back yet stays a dead letter; one that is over stays as it is.
pub(in super::super) async fn stop(State(context): Shared, Path(id): Path<String>, request: Request) -> Reply {
    let (parts, claims, body) = operator(&context, request).await?;
    no_parameters(parts.uri.query())?;
    let Nothing {} = onhand_wire::request::parse(&body)?;
    context.lanes()?;
    let id = named(&id)?;
    known(&context, id).await?;
    let line = line(&parts, claims, Kind::ReplayStopped, &id.to_string(), json!({}));
    context.store.stop_replay(id, &line).await?;
    Ok(shown(&known(&context, id).await?))
}
