//! Dead letters: found, replayed, discarded. Each leaves a line in the trail, in its own commit.

use axum::extract::{Request, State};
use onhand_http::query::no_parameters;
use onhand_wire::{
    Problem, limits,
    order::OrderState,
    request::{Check, check_text, read},
};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{
    super::{Context, Reply, Shared, runbook::operator, write::json as shown},
    line, page, query,
};
use crate::{
    store::{
        StoreError,
        orders::{HOPELESS, OrderQuery, Replaying},
    },
    trail::Kind,
};

/// Orders of one call.
const MOST: usize = 10_000;

pub(in super::super) async fn letters(State(context): Shared, request: Request) -> Reply {
    context.lanes()?;
    let (query, limit) = query(request.uri().query(), Some(OrderState::DeadLettered))?;
    page(&context, &query, limit).await
}

pub(in super::super) async fn summary(State(context): Shared, request: Request) -> Reply {
    no_parameters(request.uri().query())?;
    context.lanes()?;
    let causes = context.store.letters_by_cause().await?;
    let count: i64 = causes.iter().map(|letters| letters.count).sum();
    Ok(shown(&json!({"count": count, "causes": causes})))
}

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
    /// Says what would be replayed, and does nothing.
    #[serde(default)]
    dry_run: bool,
}

#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Discard {
    ids: Option<Vec<Uuid>>,
    cause: Option<String>,
    reason: String,
}

fn check_ids(ids: Option<&Vec<Uuid>>) -> Result<(), Problem> {
    if ids.is_some_and(|ids| ids.len() > MOST) {
        return Err(Problem::field("ids", format!("at most {MOST}")));
    }
    Ok(())
}

impl Check for Replay {
    fn check(&self) -> Result<(), Problem> {
        check_ids(self.ids.as_ref())?;
        self.cause.as_ref().map_or(Ok(()), |cause| check_text("cause", cause))?;
        if self.limit.is_some_and(|limit| !(1..=MOST).contains(&limit)) {
            return Err(Problem::field("limit", format!("a whole number from 1 to {MOST}")));
        }
        if self.rate.is_some_and(|rate| !(rate.is_finite() && (0.01..=100_000.0).contains(&rate))) {
            return Err(Problem::field("rate", "orders a second, 0.01 to 100000"));
        }
        Ok(())
    }
}

impl Check for Discard {
    fn check(&self) -> Result<(), Problem> {
        check_ids(self.ids.as_ref())?;
        if self.ids.is_none() == self.cause.is_none() {
            return Err(Problem::field("ids", "name ids or a cause, one of them"));
        }
        self.cause.as_ref().map_or(Ok(()), |cause| check_text("cause", cause))?;
        check_text("reason", &self.reason)
    }
}

pub(in super::super) async fn replay(State(context): Shared, request: Request) -> Reply {
    let (parts, claims, body) = operator(&context, request).await?;
    no_parameters(parts.uri.query())?;
    let wanted: Replay = read(&body)?;
    let lanes = context.lanes()?;
    let found = found(&context, wanted.ids, wanted.cause.clone(), wanted.limit.unwrap_or(MOST)).await?;
    let (hopeless, ids): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, hopeless)| *hopeless);
    let ids: Vec<Uuid> = ids.into_iter().map(|(id, _)| id).collect();
    if wanted.dry_run {
        let body = json!({"dry_run": true, "would_replay": ids.len(), "hopeless": hopeless.len(), "ids": ids});
        return Ok(shown(&body));
    }
    let detail = json!({"cause": wanted.cause, "rate": wanted.rate, "orders": ids.len()});
    let asked = ids.len();
    let line = line(&parts, claims, Kind::OrdersReplayed, "dlq", detail);
    let pace = wanted.rate.map_or(std::time::Duration::ZERO, |rate| std::time::Duration::from_secs_f64(1.0 / rate));
    let replay = Replaying { pace, within: lanes.decide_within() };
    let replayed = context.store.replay_orders(&ids, replay, &line).await?;
    lanes.changed().await;
    // Decided meanwhile, or a void of their payment is not acknowledged yet: those wait for it.
    let left = asked - replayed.len();
    let body = json!({
        "dry_run": false, "replayed": replayed.len(), "hopeless": hopeless.len(), "left": left, "ids": replayed,
    });
    Ok(shown(&body))
}

pub(in super::super) async fn discard(State(context): Shared, request: Request) -> Reply {
    let (parts, claims, body) = operator(&context, request).await?;
    no_parameters(parts.uri.query())?;
    let wanted: Discard = read(&body)?;
    context.lanes()?;
    let found = found(&context, wanted.ids, wanted.cause.clone(), MOST).await?;
    let ids: Vec<Uuid> = found.into_iter().map(|(id, _)| id).collect();
    let detail = json!({"cause": wanted.cause, "reason": wanted.reason, "orders": ids.len()});
    let line = line(&parts, claims, Kind::OrdersDiscarded, "dlq", detail);
    let discarded = context.store.discard_orders(&ids, &wanted.reason, &line).await?;
    Ok(shown(&json!({"discarded": discarded.len(), "ids": discarded})))
}

/// Dead letters, each with whether trying it again cannot help.
async fn found(
    context: &Context,
    ids: Option<Vec<Uuid>>,
    cause: Option<String>,
    limit: usize,
) -> Result<Vec<(Uuid, bool)>, StoreError> {
    let query = OrderQuery { state: Some(OrderState::DeadLettered), ids, cause, limit, ..OrderQuery::default() };
    let rows = context.store.orders(&query).await?;
    let hopeless = |cause: &Option<String>| cause.as_deref().is_some_and(|cause| HOPELESS.contains(&cause));
    Ok(rows.into_iter().map(|row| (row.id, hopeless(&row.cause))).collect())
}

const _: () = assert!(MOST >= limits::PAGE);
