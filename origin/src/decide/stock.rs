//! Counts, adjustments, transfers and selling policy.

use onhand_wire::{
    LocationId, Quantity, Sku, limits,
    request::{Adjust, Policy, SetStock, Transfer},
};

use super::{Done, Effect, Excess, Rejection, ShortLine, Shortage, require};
use crate::{command::Ask, record::StockRow, state::BatchState};

type Key = (Sku, LocationId);

fn done(state: &BatchState, sku: &Sku, keys: &[Key]) -> Done {
    let facts = keys.iter().filter_map(|(sku, location)| state.fact(sku, location)).collect();
    Done { effect: Effect::Stock { sku: sku.clone(), facts }, stocks: state.stocks(keys) }
}

fn check_key(state: &BatchState, sku: &Sku, location: &LocationId) -> Result<(), Rejection> {
    require::item(state, sku)?;
    require::location(state, location).map(drop)
}

pub(super) fn set(state: &mut BatchState, ask: &Ask, sku: &Sku, body: &SetStock) -> Result<Done, Rejection> {
    check_key(state, sku, &body.location)?;
    let fact = state.fact(sku, &body.location).filter(|fact| !fact.deleted);
    let (version, on_hand) = fact.map_or((None, 0), |fact| (Some(fact.version), fact.on_hand));
    let found = || version.map(|version| version.to_string()).unwrap_or_default();
    let other_version = body.expected_version.as_ref().is_some_and(|expected| *expected != found());
    let other_count = body.expected_on_hand.is_some_and(|expected| expected.get() != on_hand);
    if other_version || other_count {
        return Err(Rejection::OtherStock { location: body.location.clone(), version, on_hand });
    }
    let why = ask.why("set", Some(&body.reason));
    state.change_stock(sku, &body.location, &why, |row| row.on_hand = body.quantity.get());
    Ok(done(state, sku, &[(sku.clone(), body.location.clone())]))
}

pub(super) fn adjust(state: &mut BatchState, ask: &Ask, sku: &Sku, body: &Adjust) -> Result<Done, Rejection> {
    check_key(state, sku, &body.location)?;
    let on_hand = state.row(sku, &body.location).map_or(0, |row| row.on_hand);
    let after = adjusted(on_hand, body.delta, sku, Excess::Delta)?;
    let why = ask.why(body.kind.as_str(), Some(&body.reason));
    state.change_stock(sku, &body.location, &why, |row| row.on_hand = after);
    Ok(done(state, sku, &[(sku.clone(), body.location.clone())]))
}

/// Below zero is refused, and so is more than a quantity can be. `excess`: what of the call would be too much.
pub(super) fn adjusted(on_hand: i64, delta: i64, sku: &Sku, excess: Excess) -> Result<i64, Rejection> {
    let after = on_hand + delta;
    if after < 0 {
        return Err(short(Shortage::OnHand, sku, -delta, on_hand));
    }
    if after > i64::from(limits::QUANTITY) {
        return Err(Rejection::TooMuch(excess));
    }
    Ok(after)
}

/// Of the call's only line.
fn short(of: Shortage, sku: &Sku, requested: i64, available: i64) -> Rejection {
    Rejection::Short { of, lines: vec![ShortLine { line: 0, sku: sku.clone(), requested, available }] }
}

/// Moves what is available at `from`: both sides or neither.
pub(super) fn transfer(state: &mut BatchState, ask: &Ask, body: &Transfer) -> Result<Done, Rejection> {
    check_key(state, &body.sku, &body.from)?;
    require::location(state, &body.to)?;
    let quantity = body.quantity.get();
    let available = state.row(&body.sku, &body.from).map_or(0, StockRow::available);
    if available < quantity {
        return Err(short(Shortage::Available, &body.sku, quantity, available));
    }
    let there = state.row(&body.sku, &body.to).map_or(0, |row| row.on_hand);
    adjusted(there, quantity, &body.sku, Excess::Quantity)?;
    let reason = Some(body.reason.as_str());
    state.change_stock(&body.sku, &body.from, &ask.why("transfer_out", reason), |row| row.on_hand -= quantity);
    state.change_stock(&body.sku, &body.to, &ask.why("transfer_in", reason), |row| row.on_hand += quantity);
    let keys = [(body.sku.clone(), body.from.clone()), (body.sku.clone(), body.to.clone())];
    Ok(done(state, &body.sku, &keys))
}

pub(super) fn set_policy(state: &mut BatchState, ask: &Ask, sku: &Sku, body: &Policy) -> Result<Done, Rejection> {
    require::item(state, sku)?;
    let keys: Vec<Key> = match &body.location {
        Some(location) => {
            require::location(state, location)?;
            vec![(sku.clone(), location.clone())]
        }
        None => everywhere(state, sku),
    };
    for (sku, location) in &keys {
        state.change_stock(sku, location, &ask.why("policy", None), |row| merge(row, body));
    }
    Ok(done(state, sku, &keys))
}

/// Where the item has stock rows; before it has any, every location, so that nothing said is forgotten.
fn everywhere(state: &BatchState, sku: &Sku) -> Vec<Key> {
    let key = |location: &LocationId| (sku.clone(), location.clone());
    let held: Vec<Key> = state.rows(sku).map(|(location, _)| key(location)).collect();
    if held.is_empty() { state.topology.locations.keys().map(key).collect() } else { held }
}

pub(super) fn merge(row: &mut StockRow, policy: &Policy) {
    let set = |field: &mut i64, value: Option<Quantity>| {
        if let Some(value) = value {
            *field = value.get();
        }
    };
    set(&mut row.safety_stock, policy.safety_stock);
    set(&mut row.backorder_limit, policy.backorder_limit);
    set(&mut row.low_stock_at, policy.low_stock_at);
    if let Some(restock_at) = &policy.restock_at {
        row.restock_at.clone_from(restock_at);
    }
}
