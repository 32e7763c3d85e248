//! Reservations, exactly as an edge serves them.

use axum::{
    extract::{Path, Request, State},
    response::IntoResponse,
};
use onhand_wire::{Code, Problem, auth::Scope, request::read as read_body};
use uuid::Uuid;

use super::{Reply, Shared, fail, write::json};
use crate::command::Command;

pub(super) async fn create(State(context): Shared, request: Request) -> Reply {
    let command = |body: &[u8]| Ok(Command::Hold(Uuid::now_v7(), read_body(body)?));
    context.write(request, Scope::Storefront, command).await
}

/// A malformed id is one that does not exist.
fn id(text: &str) -> Result<Uuid, Problem> {
    text.parse().map_err(|_| Problem::new(Code::NotFound, "no such reservation"))
}

pub(super) async fn read(State(context): Shared, Path(reservation): Path<String>, request: Request) -> Reply {
    let (parts, _) = request.into_parts();
    context.judge(&parts, Scope::Storefront)?;
    let found = context.store.reservation(id(&reservation)?).await?;
    let (record, now) = found.ok_or_else(|| Problem::new(Code::NotFound, "no such reservation"))?;
    Ok(json(&record.shown(now)))
}

pub(super) async fn verb(
    State(context): Shared,
    Path((reservation, verb)): Path<(String, String)>,
    request: Request,
) -> Reply {
    if !["extend", "confirm", "cancel", "fulfil", "return"].contains(&verb.as_str()) {
        return Ok(fail::not_found().into_response());
    }
    let command = |body: &[u8]| {
        let id = id(&reservation)?;
        Ok(match verb.as_str() {
            "extend" => Command::Extend(id, read_body(body)?),
            "confirm" => Command::Confirm(id, read_body(body)?),
            "cancel" => Command::Cancel(id, read_body(body)?),
            "fulfil" => Command::Fulfil(id, read_body(body)?),
            _ => Command::Return(id, read_body(body)?),
        })
    };
    context.write(request, Scope::Storefront, command).await
}
