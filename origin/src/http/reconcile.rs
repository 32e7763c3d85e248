//! `POST …/reconcile`: three comparisons, and their corrections.

use axum::extract::{Request, State};
use onhand_http::{auth::Scope, query::no_parameters};
use onhand_wire::{Problem, request::parse};
use serde::Deserialize;

use super::{Context, Reply, Shared, runbook::operator, whole, whole::Begun, write};
use crate::{reconcile, warehouse, warehouse::Count};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mode {
    #[default]
    Report,
    Apply,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reconcile {
    #[serde(default)]
    mode: Mode,
    /// If absent, the warehouse system is asked, if one is configured.
    #[serde(default)]
    counts: Option<Vec<Count>>,
}

fn read(body: &[u8]) -> Result<Reconcile, Problem> {
    let asked: Reconcile = parse(body)?;
    reconcile::check_counts(asked.counts.as_deref().unwrap_or_default())?;
    Ok(asked)
}

pub(super) async fn reconcile(State(context): Shared, request: Request) -> Reply {
    let (parts, claims, body) = operator(&context, request).await?;
    no_parameters(parts.uri.query())?;
    let asked = read(&body)?;
    if asked.mode == Mode::Apply {
        claims.need(Scope::Admin)?; // it sets stock, as a PUT of stock does
    }
    whole::key(&parts)?; // a malformed key is refused in every mode
    // A report writes nothing, so it also works under maintenance, and its key is not kept.
    let ask = match asked.mode {
        Mode::Report => None,
        Mode::Apply => match context.begin(&parts, claims, &body).await? {
            Begun::Fresh(ask) => Some(*ask),
            Begun::Before(answer) => return Ok(whole::respond(answer, "")),
        },
    };
    let counts = match asked.counts {
        Some(counts) => Some(counts),
        None => fetched(&context).await?,
    };
    let report = reconcile::report(&*context.store, counts.as_deref()).await?;
    let Some(ask) = ask else { return Ok(write::json(&report.shown("report", None))) };
    let corrected = report.apply(&context.batches, &ask).await?;
    let committed_at = (corrected.rows > 0).then_some(corrected.committed_at);
    context.end(ask, report.shown("apply", Some(&corrected)), committed_at).await
}

async fn fetched(context: &Context) -> Result<Option<Vec<Count>>, Problem> {
    let counts = warehouse::fetch(&context.warehouse, &context.client).await?;
    if let Err(problem) = reconcile::check_counts(counts.as_deref().unwrap_or_default()) {
        return Err(warehouse::unusable(&problem.detail));
    }
    Ok(counts)
}
