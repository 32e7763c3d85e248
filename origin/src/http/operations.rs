//! Health, metrics, maintenance, and the runbook's endpoints.

use axum::{
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use onhand_wire::{
    Code, Problem,
    auth::Scope,
    request::{parse, read},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, Reply, Shared, body, write};
use crate::command::Command;

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Health {
    status: &'static str,
    database: bool,
    /// Null when the feed is inside the process.
    kafka: Option<bool>,
    region: String,
    term: Option<u16>,
    maintenance: Option<bool>,
}

/// Only PostgreSQL's loss makes it unhealthy: writes go on without the feed.
async fn health(context: &Context) -> Health {
    let standing = context.store.standing().await.ok();
    Health {
        status: if standing.is_some() { "healthy" } else { "unhealthy" },
        database: standing.is_some(),
        kafka: context.feed.healthy(),
        region: context.region.clone(),
        term: standing.as_ref().map(|standing| standing.term),
        maintenance: standing.map(|standing| standing.maintenance.is_some()),
    }
}

pub(super) async fn inventory_health(State(context): Shared) -> Response {
    let health = health(&context).await;
    let status = if health.database { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, write::json(&health)).into_response()
}

/// Kafka's absence does not take a replica out.
pub(super) async fn readiness(State(context): Shared) -> Response {
    let up = context.store.standing().await.is_ok();
    let status = if up { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, write::json(&json!({"status": if up { "UP" } else { "DOWN" }}))).into_response()
}

pub(super) async fn liveness() -> Response {
    write::json(&json!({"status": "UP"}))
}

pub(super) async fn metrics(State(context): Shared) -> Response {
    context.metrics.auth(context.verifier.standing());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], context.metrics.page()).into_response()
}

pub(super) async fn maintenance(State(context): Shared, request: Request) -> Reply {
    context.write(request, Scope::Admin, |body| Ok(Command::Maintain(read(body)?))).await
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reconcile {
    /// Only `report`.
    #[serde(default)]
    #[schema(pattern = "^report$")]
    mode: Option<String>,
}

/// Open reservations against `reserved`, and the ledger against the rows; reports, changes nothing.
pub(super) async fn reconcile(State(context): Shared, request: Request) -> Reply {
    let (parts, body) = request.into_parts();
    context.judge(&parts, Scope::Operator)?;
    body::require_json(&parts.headers)?;
    let asked: Reconcile = parse(&body::read(body).await?)?;
    if asked.mode.is_some_and(|mode| mode != "report") {
        return Err(Problem::field("mode", "only \"report\" is there yet").into());
    }
    let comparison = context.store.compare().await?;
    Ok(write::json(&json!({"mode": "report", "checked": comparison.checked, "differences": comparison.differences})))
}

/// Sweeps now.
pub(super) async fn release_expired(State(context): Shared, request: Request) -> Reply {
    let (parts, _) = request.into_parts();
    context.judge(&parts, Scope::Operator)?;
    if let Some(message) = context.store.standing().await?.maintenance {
        return Err(Problem::new(Code::Maintenance, "writes are paused for maintenance")
            .with("message", message)
            .into());
    }
    let (ids, _) = context.sweeper.sweep().await?;
    Ok(write::json(&json!({"released": ids.len(), "ids": ids})))
}
