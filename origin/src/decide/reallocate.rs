//! What is held or confirmed moves from one location to another.

use onhand_wire::{Sku, request::Reallocate, reservation::State as Stage};
use uuid::Uuid;

use super::{Done, Rejection, Shortage, Verb, require, verb};
use crate::{
    command::Ask,
    record::{ReservationLine, Share, StockRow},
    state::BatchState,
};

pub(super) fn reallocate(state: &mut BatchState, ask: &Ask, id: Uuid, body: &Reallocate) -> Result<Done, Rejection> {
    let allowed = [Stage::Held, Stage::Confirmed];
    let mut record = verb::open_for(state, ask, id, Verb::Reallocate, &allowed)?;
    require::location(state, &body.from)?;
    require::location(state, &body.to)?;
    let (number, quantity) = (body.line, body.quantity.get());
    let line = verb::line_mut(&mut record, None, number)?;
    let open = line.shares.iter().find(|share| share.location == body.from).map_or(0, Share::open);
    short_of(Shortage::AllocatedThere, number, &line.sku, quantity, open)?;
    let row = state.row(&line.sku, &body.to);
    let holdable = row.map_or(0, |row| row.available() + StockRow::backorderable(row));
    short_of(Shortage::Stock, number, &line.sku, quantity, holdable)?;
    give(line, &body.from, -quantity);
    give(line, &body.to, quantity);
    let (sku, why) = (line.sku.clone(), ask.why("reallocate", None));
    state.change_stock(&sku, &body.from, &why, |row| row.reserved -= quantity);
    state.change_stock(&sku, &body.to, &why, |row| row.reserved += quantity);
    let keys = [(sku.clone(), body.from.clone()), (sku, body.to.clone())].into();
    Ok(verb::done(state, record, &keys))
}

fn short_of(of: Shortage, line: u32, sku: &Sku, requested: i64, available: i64) -> Result<(), Rejection> {
    if available >= requested {
        return Ok(());
    }
    Err(Rejection::Short { of, lines: vec![verb::short(line, sku, requested, available)] })
}

/// Adds to what a location gives to a line; what gives nothing, and gave nothing, goes.
pub(super) fn give(line: &mut ReservationLine, location: &onhand_wire::LocationId, quantity: i64) {
    match line.shares.iter_mut().find(|share| share.location == *location) {
        Some(share) => share.quantity += quantity,
        None => line.shares.push(Share { location: location.clone(), quantity, shipped: 0, returned: 0 }),
    }
    line.shares.retain(|share| share.quantity > 0);
}
