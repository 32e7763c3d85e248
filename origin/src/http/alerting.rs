//! `POST /internal/api/alerting/heartbeat`: alerting says that it lives.

use axum::extract::{Request, State};
use onhand_http::{body, query::no_parameters};
use onhand_wire::limits;
use serde_json::json;

use super::{Reply, Shared, write};

/// What Alertmanager sends (which alerts, how often) is read and left: that it was sent is all that counts.
pub(super) async fn heartbeat(State(context): Shared, request: Request) -> Reply {
    let (parts, body) = request.into_parts();
    no_parameters(parts.uri.query())?;
    body::require_json(&parts.headers)?;
    body::read(body, limits::BODY_BYTES).await?;
    context.alerting.heartbeat().await;
    Ok(write::json(&json!({})))
}
