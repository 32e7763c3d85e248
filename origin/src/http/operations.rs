//! Health, metrics, maintenance, and the runbook's endpoints.

use axum::{
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use onhand_wire::request::read;
use serde::Serialize;
use serde_json::json;

use super::{Context, Reply, Shared, write};
use crate::{alerting, command::Command};

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Health {
    status: &'static str,
    database: bool,
    /// Null if the feed is inside the process.
    kafka: Option<bool>,
    region: String,
    term: Option<u16>,
    maintenance: Option<bool>,
    /// The operator's message, under maintenance.
    message: Option<String>,
    alerting: AlertingHealth,
}

/// Whether somebody would hear of an alert. It makes nothing unhealthy: the origin decides without.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct AlertingHealth {
    says: String,
    /// Null: never.
    last_heard_s: Option<u64>,
    silent: bool,
}

fn alerting_health(standing: alerting::Standing) -> AlertingHealth {
    let last_heard_s = standing.last_heard.map(|ago| ago.as_secs());
    let says = last_heard_s.map_or_else(
        || "alerting was never heard".to_owned(),
        |seconds| format!("alerting last heard {seconds} s ago"),
    );
    AlertingHealth { says, last_heard_s, silent: standing.silent }
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
        maintenance: standing.as_ref().map(|standing| standing.maintenance.is_some()),
        message: standing.and_then(|standing| standing.maintenance),
        alerting: alerting_health(context.alerting.standing()),
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
    context.measure();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], context.metrics.page()).into_response()
}

pub(super) async fn maintenance(State(context): Shared, request: Request) -> Reply {
    context.write(request, |body| Ok(Command::Maintain(read(body)?))).await
}
