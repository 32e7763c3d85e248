//! Reservations, exactly as an edge serves them.

use axum::extract::{Path, Request, State};
use onhand_rules::CapturedCall;
use onhand_wire::{
    Code, Problem,
    request::{read as read_body, reservation_id},
};
use serde::Serialize;
use uuid::Uuid;

use super::{
    Reply, Shared,
    write::{self, json},
};
use crate::command::Command;

pub(super) async fn create(State(context): Shared, request: Request) -> Reply {
    let command = |body: &[u8]| Ok(Command::Hold(Uuid::now_v7(), read_body(body)?));
    context.write(request, command).await
}

pub(super) async fn read(State(context): Shared, Path(reservation): Path<String>, request: Request) -> Reply {
    let (parts, _) = request.into_parts();
    let sees = write::claims(&parts)?.sees;
    let found = context.store.reservation(reservation_id(&reservation)?, &sees).await?;
    let (record, now) = found.ok_or_else(|| Problem::new(Code::NotFound, "no such reservation"))?;
    Ok(json(&record.shown(now)))
}

#[derive(Serialize)]
struct Trace {
    id: Uuid,
    allocated_by: String,
    calls: Vec<CapturedCall>,
}

/// The rules that were asked to allocate it, with their inputs and answers.
pub(super) async fn trace(State(context): Shared, Path(reservation): Path<String>, request: Request) -> Reply {
    let (parts, _) = request.into_parts();
    let sees = write::claims(&parts)?.sees;
    let found = context.store.reservation(reservation_id(&reservation)?, &sees).await?;
    let (record, _) = found.ok_or_else(|| Problem::new(Code::NotFound, "no such reservation"))?;
    let calls = record.trace.into_iter().map(CapturedCall::with_digest).collect();
    Ok(json(&Trace { id: record.id, allocated_by: record.allocated_by, calls }))
}

macro_rules! verb {
    ($name:ident, $command:ident) => {
        pub(super) async fn $name(State(context): Shared, Path(reservation): Path<String>, request: Request) -> Reply {
            let command = |body: &[u8]| Ok(Command::$command(reservation_id(&reservation)?, read_body(body)?));
            context.write(request, command).await
        }
    };
}

verb!(extend, Extend);
verb!(confirm, Confirm);
verb!(cancel, Cancel);
verb!(fulfil, Fulfil);
verb!(give_back, Return);
