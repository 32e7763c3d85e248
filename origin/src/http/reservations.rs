//! Reservations, exactly as an edge serves them.

use axum::extract::{Path, Request, State as Extracted};
use onhand_http::{auth::Scope, query::Params};
use onhand_rules::CapturedCall;
use onhand_wire::{
    Code, LocationId, Problem, Sku,
    page::Page,
    request::{check_text, read as read_body, reservation_id},
    reservation::State,
};
use serde::Serialize;
use uuid::Uuid;

use super::{
    Reply, Shared,
    exports::moment,
    runbook::{not_ours, page_among, paged},
    write::{self, json},
};
use crate::{command::Command, store::reservation_lists::ReservationQuery};

pub(super) async fn create(Extracted(context): Shared, request: Request) -> Reply {
    let command = |body: &[u8]| Ok(Command::Hold(Uuid::now_v7(), read_body(body)?));
    context.write(request, command).await
}

pub(super) async fn read(Extracted(context): Shared, Path(reservation): Path<String>, request: Request) -> Reply {
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

/// Which rules were asked where it goes, with what they were given and what they answered.
pub(super) async fn trace(Extracted(context): Shared, Path(reservation): Path<String>, request: Request) -> Reply {
    let (parts, _) = request.into_parts();
    let sees = write::claims(&parts)?.sees;
    let found = context.store.reservation(reservation_id(&reservation)?, &sees).await?;
    let (record, _) = found.ok_or_else(|| Problem::new(Code::NotFound, "no such reservation"))?;
    let calls = record.trace.into_iter().map(CapturedCall::with_digest).collect();
    Ok(json(&Trace { id: record.id, allocated_by: record.allocated_by, calls }))
}

macro_rules! verb {
    ($name:ident, $command:ident) => {
        pub(super) async fn $name(
            Extracted(context): Shared,
            Path(reservation): Path<String>,
            request: Request,
        ) -> Reply {
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
verb!(set_lines, SetLines);
verb!(reallocate, Reallocate);

/// By `order_ref` for a storefront; by more for operators. The latest first.
pub(super) async fn list(Extracted(context): Shared, request: Request) -> Reply {
    let (parts, _) = request.into_parts();
    let claims = write::claims(&parts)?;
    let mut params = Params::of(parts.uri.query())?;
    let query = query(&mut params)?;
    params.end()?;
    let by_more = query.sku.is_some() || query.location.is_some() || query.state.is_some();
    let by_more = by_more || query.from.is_some() || query.to.is_some();
    if !claims.scope.include(Scope::Operator) {
        if by_more {
            claims.need(Scope::Operator)?;
        }
        if query.order_ref.is_none() {
            return Err(
                Problem::field("order_ref", "the shop's own number of the order; operators may leave it out").into()
            );
        }
    }
    let limit = query.limit;
    let query = ReservationQuery { owner: claims.sees.only().map(str::to_owned), limit: limit + 1, ..query };
    let (records, now) = context.store.reservations(&query).await?;
    let Page { items, next_cursor } = paged(records, limit, |record| record.id.to_string());
    let items: Vec<_> = items.iter().map(|record| record.shown(now)).collect();
    Ok(json(&Page { items, next_cursor }))
}

fn query(params: &mut Params) -> Result<ReservationQuery, Problem> {
    const STATES: [State; 5] = [State::Held, State::Confirmed, State::Fulfilled, State::Cancelled, State::Expired];
    let (limit, beyond) = page_among(params)?;
    let before = beyond.map(|text| text.parse::<Uuid>().map_err(|_| not_ours())).transpose()?;
    let order_ref = params.take("order_ref")?;
    order_ref.as_deref().map_or(Ok(()), |text| check_text("order_ref", text))?;
    let sku = params.take("sku")?.map(|text| Sku::new(&text)).transpose();
    let location = params.take("location")?.map(|text| LocationId::new(&text)).transpose();
    let words = STATES.map(|state| (state.as_str(), Some(state)));
    Ok(ReservationQuery {
        owner: None,
        order_ref,
        sku: sku.map_err(|error| Problem::field("sku", error))?,
        location: location.map_err(|error| Problem::field("location", error))?,
        state: params.word("state", &words, None)?,
        from: moment(params, "from")?,
        to: moment(params, "to")?,
        before,
        limit,
    })
}
