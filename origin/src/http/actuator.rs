//! The management listener's pages in Spring Actuator's JSON. Reading needs no token; changing something does.

use axum::{
    extract::{Path, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use onhand_http::{
    actuator::{self, Loggers},
    query::no_parameters,
};
use serde_json::json;

use super::{Context, Reply, Shared, fail::not_found, runbook::operator, write};
use crate::trail::Kind;

/// Pages that an edge does not have.
const PAGES: [&str; 1] = ["restart-db-connections"];

impl Context {
    /// Reads the values that are known only on demand.
    pub(super) fn measure(&self) {
        if let Some(pool) = self.store.connections() {
            self.metrics.connections(pool.max, pool.active, pool.idle, pool.pending);
        }
    }

    fn loggers(&self) -> Result<&dyn Loggers, super::fail::Fail> {
        self.loggers.get().map(|loggers| &**loggers).ok_or_else(not_found)
    }
}

pub(super) async fn links(request: Request) -> Response {
    write::json(&actuator::links(request.headers(), &PAGES))
}

fn word(up: bool) -> &'static str {
    if up { "UP" } else { "DOWN" }
}

/// Only the database's loss takes it down: writes go on without Kafka, and reads under maintenance.
pub(super) async fn health(State(context): Shared) -> Response {
    let standing = context.store.standing().await.ok();
    let up = standing.is_some();
    let mut components = json!({"db": {"status": word(up)}, "ping": {"status": "UP"}});
    if let Some(kafka) = context.feed.healthy() {
        components["kafka"] = json!({"status": word(kafka)});
    }
    if let Some(standing) = standing {
        let details = json!({"term": standing.term, "maintenance": standing.maintenance.is_some(), "message": standing.maintenance});
        components["inventory"] = json!({"status": "UP", "details": details});
    }
    let body = json!({"status": word(up), "components": components, "groups": ["liveness", "readiness"]});
    let status = if up { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, write::json(&body)).into_response()
}

pub(super) async fn info(State(context): Shared) -> Response {
    let term = context.store.standing().await.ok().map(|standing| standing.term);
    write::json(&json!({
        "name": "onhand-origin",
        "version": env!("CARGO_PKG_VERSION"),
        "region": context.region,
        "term": term,
        "uptime_s": context.started.elapsed().as_secs(),
        "configuration": {"fingerprint": context.fingerprint},
    }))
}

pub(super) async fn metric_names(State(context): Shared) -> Response {
    context.measure();
    write::json(&actuator::metric_names(&context.metrics.gather()))
}

pub(super) async fn metric(State(context): Shared, Path(name): Path<String>, request: Request) -> Reply {
    context.measure();
    Ok(write::json(&actuator::asked_metric(&context.metrics.gather(), &name, request.uri().query())?))
}

pub(super) async fn rules(State(context): Shared) -> Response {
    write::json(&json!(context.rules.report()))
}

pub(super) async fn loggers(State(context): Shared) -> Reply {
    Ok(write::json(&actuator::loggers(context.loggers()?)))
}

pub(super) async fn logger(State(context): Shared, Path(name): Path<String>) -> Reply {
    Ok(write::json(&actuator::logger(context.loggers()?, &name)?))
}

pub(super) async fn set_level(State(context): Shared, Path(name): Path<String>, request: Request) -> Reply {
    let (parts, claims, body) = operator(&context, request).await?;
    actuator::set_level(context.loggers()?, &name, &body)?;
    tracing::warn!(logger = name, actor = claims.sub, "an operator changed a log level");
    let level: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    context.record(&parts, &claims, Kind::LevelChanged, &name, level).await;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Closes every connection as soon as its work is done, and opens new ones.
pub(super) async fn restart_connections(State(context): Shared, request: Request) -> Reply {
    let (parts, claims) = {
        let (parts, claims, _) = operator(&context, request).await?;
        (parts, claims)
    };
    no_parameters(parts.uri.query())?;
    let closed = context.store.restart_connections().await?;
    tracing::warn!(closed, actor = claims.sub, "database connections were restarted by an operator");
    context.record(&parts, &claims, Kind::ConnectionsRestarted, "database", json!({"closed": closed})).await;
    Ok(write::json(&json!({"closed": closed})))
}
