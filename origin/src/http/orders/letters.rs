//! Dead letters: found, and discarded with a line in the trail, in the same commit.

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
        orders::{HOPELESS, OrderQuery},
    },
    trail::Kind,
};

/// Orders of one call.
pub(super) const MOST: usize = 10_000;

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

#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Discard {
    ids: Option<Vec<Uuid>>,
    cause: Option<String>,
    reason: String,
}

pub(super) fn check_ids(ids: Option<&Vec<Uuid>>) -> Result<(), Problem> {
    if ids.is_some_and(|ids| ids.len() > MOST) {
        return Err(Problem::field("ids", format!("at most {MOST}")));
    }
    Ok(())
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
pub(super) async fn found(
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
