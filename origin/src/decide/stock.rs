//! Counts, adjustments, transfers, selling policy and imported rows.

use onhand_wire::{
    Code, Fact, LocationId, Problem, Quantity, Sku, limits,
    request::{Adjust, Policy, PutItem, SetStock, Transfer},
};
use serde_json::{Value, json};

use super::{catalogue, insufficient, short};
use crate::{
    command::{Ask, Done, ImportMode, ImportRow},
    record::StockRow,
    state::State,
};

type Key = (Sku, LocationId);

/// Stock calls answer the new facts; one alone also stands at the top.
fn done(state: &State, sku: &Sku, keys: &[Key]) -> Done {
    let facts: Vec<Value> =
        keys.iter().filter_map(|(sku, location)| state.fact(sku, location)).map(|fact| shown(&fact)).collect();
    let mut body = match facts.as_slice() {
        [one] => one.clone(),
        _ => json!({"sku": sku}),
    };
    body["facts"] = facts.into();
    Done { status: 200, body: body.to_string(), stocks: state.stocks(keys) }
}

/// A fact as callers see it, with what follows from it.
pub(crate) fn shown(fact: &Fact) -> Value {
    let mut shown = serde_json::to_value(fact).expect("plain data encodes");
    shown["available"] = fact.available().into();
    shown["backorderable"] = fact.backorderable().into();
    shown
}

fn check_key(state: &State, sku: &Sku, location: &LocationId) -> Result<(), Problem> {
    state.require_item(sku)?;
    state.require_location(location).map(drop)
}

pub(super) fn set(state: &mut State, ask: &Ask, sku: &Sku, body: &SetStock) -> Result<Done, Problem> {
    check_key(state, sku, &body.location)?;
    let fact = state.fact(sku, &body.location).filter(|fact| !fact.deleted);
    let (version, on_hand) = fact.map_or((String::new(), 0), |fact| (fact.version.to_string(), fact.on_hand));
    let other_version = body.expected_version.as_ref().is_some_and(|expected| *expected != version);
    let other_count = body.expected_on_hand.is_some_and(|expected| expected.get() != on_hand);
    if other_version || other_count {
        let detail = format!("location: {} holds {on_hand}, not what was expected; look again", body.location);
        return Err(Problem::new(Code::VersionMismatch, detail).with("version", version).with("on_hand", on_hand));
    }
    let why = ask.why("set", Some(&body.reason));
    state.change_stock(sku, &body.location, &why, |row| row.on_hand = body.quantity.get());
    Ok(done(state, sku, &[(sku.clone(), body.location.clone())]))
}

pub(super) fn adjust(state: &mut State, ask: &Ask, sku: &Sku, body: &Adjust) -> Result<Done, Problem> {
    check_key(state, sku, &body.location)?;
    let on_hand = state.row(sku, &body.location).map_or(0, |row| row.on_hand);
    let after = adjusted(on_hand, body.delta, sku, "delta")?;
    let why = ask.why(body.kind.as_str(), Some(&body.reason));
    state.change_stock(sku, &body.location, &why, |row| row.on_hand = after);
    Ok(done(state, sku, &[(sku.clone(), body.location.clone())]))
}

/// Below zero is refused, and so is more than a quantity can be. `field`: what of the call says how many.
fn adjusted(on_hand: i64, delta: i64, sku: &Sku, field: &str) -> Result<i64, Problem> {
    let after = on_hand + delta;
    if after < 0 {
        return Err(insufficient("delta: on hand cannot go below zero", vec![short(0, sku, -delta, on_hand)]));
    }
    if after > i64::from(limits::QUANTITY) {
        return Err(Problem::field(field, format!("on hand cannot go above {}", limits::QUANTITY)));
    }
    Ok(after)
}

/// Moves what is available at `from`: both sides or neither.
pub(super) fn transfer(state: &mut State, ask: &Ask, body: &Transfer) -> Result<Done, Problem> {
    check_key(state, &body.sku, &body.from)?;
    state.require_location(&body.to)?;
    let quantity = body.quantity.get();
    let available = state.row(&body.sku, &body.from).map_or(0, StockRow::available);
    if available < quantity {
        let lines = vec![short(0, &body.sku, quantity, available)];
        return Err(insufficient("quantity: more than is available at `from`", lines));
    }
    let there = state.row(&body.sku, &body.to).map_or(0, |row| row.on_hand);
    adjusted(there, quantity, &body.sku, "quantity")?;
    let reason = Some(body.reason.as_str());
    state.change_stock(&body.sku, &body.from, &ask.why("transfer_out", reason), |row| row.on_hand -= quantity);
    state.change_stock(&body.sku, &body.to, &ask.why("transfer_in", reason), |row| row.on_hand += quantity);
    let keys = [(body.sku.clone(), body.from.clone()), (body.sku.clone(), body.to.clone())];
    Ok(done(state, &body.sku, &keys))
}

pub(super) fn set_policy(state: &mut State, ask: &Ask, sku: &Sku, body: &Policy) -> Result<Done, Problem> {
    state.require_item(sku)?;
    let keys: Vec<Key> = match &body.location {
        Some(location) => {
            state.require_location(location)?;
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
fn everywhere(state: &State, sku: &Sku) -> Vec<Key> {
    let key = |location: &LocationId| (sku.clone(), location.clone());
    let held: Vec<Key> = state.rows(sku).map(|(location, _)| key(location)).collect();
    if held.is_empty() { state.topology.locations.keys().map(key).collect() } else { held }
}

fn merge(row: &mut StockRow, policy: &Policy) {
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

/// Rows that were valid when staged; what has turned invalid since is reported.
pub(super) fn import(state: &mut State, ask: &Ask, rows: &[ImportRow]) -> Result<Done, Problem> {
    let mut errors = Vec::new();
    for row in rows {
        if let Err(problem) = import_row(state, ask, row) {
            errors.push(json!({"row": row.row, "code": problem.code.as_str(), "detail": problem.detail}));
        }
    }
    let body = json!({"applied": rows.len() - errors.len(), "errors": errors}).to_string();
    // Too many facts to name them to the caller.
    Ok(Done { status: 200, body, stocks: Vec::new() })
}

/// A row that says what is so already is applied by writing nothing: a nightly file of everything
/// costs what has changed.
fn import_row(state: &mut State, ask: &Ask, row: &ImportRow) -> Result<(), Problem> {
    if !row.create {
        state.require_item(&row.sku)?;
    }
    state.require_location(&row.location)?;
    let held = state.row(&row.sku, &row.location);
    let on_hand = held.map_or(0, |held| held.on_hand);
    let mut wanted = held.cloned().unwrap_or_default();
    wanted.on_hand = match row.mode {
        ImportMode::Set => row.quantity,
        ImportMode::Adjust => adjusted(on_hand, row.quantity, &row.sku, "quantity")?,
    };
    merge(&mut wanted, &row.policy);
    let same = held == Some(&wanted);
    import_item(state, row);
    if same {
        return Ok(());
    }
    let kind = if row.mode == ImportMode::Set { "import_set" } else { "import_adjust" };
    state.change_stock(&row.sku, &row.location, &ask.why(kind, None), |held| {
        held.on_hand = wanted.on_hand;
        merge(held, &row.policy);
    });
    Ok(())
}

/// Creates the item, or renames and reprices it where the file has those columns.
fn import_item(state: &mut State, row: &ImportRow) {
    let held = state.item(&row.sku);
    let says_other = held.is_none_or(|item| {
        row.name.as_ref().is_some_and(|name| *name != item.name)
            || row.brand.is_some() && row.brand != item.brand
            || row.price.is_some() && row.price != item.price
    });
    if !says_other {
        return;
    }
    let held = held.cloned();
    let new = PutItem {
        name: row.name.clone().or(held.as_ref().map(|item| item.name.clone())).unwrap_or_else(|| row.sku.to_string()),
        brand: row.brand.clone().or(held.as_ref().and_then(|item| item.brand.clone())),
        attributes: held.as_ref().map(|item| item.attributes.clone()).unwrap_or_default(),
        price: row.price.clone().or(held.as_ref().and_then(|item| item.price.clone())),
        active: held.as_ref().is_none_or(|item| item.active),
    };
    state.put_item(catalogue::item(&row.sku, new));
}
