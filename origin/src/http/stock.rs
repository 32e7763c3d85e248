//! Stock calls and the ledger.

use axum::extract::{Path, Request, State};
use onhand_http::query::Params;
use onhand_wire::{
    LocationId, Problem, Sku,
    page::{Page, cursor, read_cursor, read_limit},
    request::read,
};

use super::{Reply, Shared, write::json};
use crate::{command::Command, decide::Rejection};

pub(super) fn sku(text: &str) -> Result<Sku, Problem> {
    Sku::new(text).map_err(|error| Problem::field("sku", error))
}

pub(super) async fn set(State(context): Shared, Path(name): Path<String>, request: Request) -> Reply {
    context.write(request, |body| Ok(Command::SetStock(sku(&name)?, read(body)?))).await
}

pub(super) async fn adjust(State(context): Shared, Path(name): Path<String>, request: Request) -> Reply {
    context.write(request, |body| Ok(Command::Adjust(sku(&name)?, read(body)?))).await
}

pub(super) async fn policy(State(context): Shared, Path(name): Path<String>, request: Request) -> Reply {
    context.write(request, |body| Ok(Command::SetPolicy(sku(&name)?, read(body)?))).await
}

pub(super) async fn transfer(State(context): Shared, request: Request) -> Reply {
    context.write(request, |body| Ok(Command::Transfer(read(body)?))).await
}

pub(super) async fn ledger(State(context): Shared, Path(name): Path<String>, request: Request) -> Reply {
    let (parts, _) = request.into_parts();
    let sku = sku(&name)?;
    let mut params = Params::of(parts.uri.query())?;
    let location = params.take("location")?.map(|text| LocationId::new(&text)).transpose();
    let location = location.map_err(|error| Problem::field("location", error))?;
    let before = params.take("cursor")?.map(|text| ledger_cursor(&text)).transpose()?;
    let limit = read_limit(params.take("limit")?.as_deref())?;
    params.end()?;
    super::catalogue::item(&context, &sku).await?;
    if let Some(asked) = &location
        && !context.store.load_topology().await?.locations.iter().any(|row| row.location == *asked && !row.deleted)
    {
        return Err(Problem::from(Rejection::UnknownLocation(asked.clone())).into());
    }
    let mut items = context.store.ledger(&sku, location.as_ref(), before, limit + 1).await?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next_cursor = items.last().filter(|_| more).map(|last| cursor(&last.id.to_string()));
    Ok(json(&Page { items, next_cursor }))
}

fn ledger_cursor(text: &str) -> Result<i64, Problem> {
    read_cursor(text)?.parse().map_err(|_| Problem::field("cursor", "not a cursor of this list"))
}
