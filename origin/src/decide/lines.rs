//! A hold's lines are replaced: all of the new ones or nothing, and what it holds itself is not in its own way.

use std::collections::BTreeMap;

use onhand_rules::Rules;
use onhand_wire::{
    LocationId, Sku,
    request::{Hold, SetLines},
    reservation::State as Stage,
};
use uuid::Uuid;

use super::{Done, Rejection, Verb, allocate, hold, limit, verb};
use crate::{command::Ask, state::BatchState};

pub(super) fn set(
    state: &mut BatchState,
    ask: &Ask,
    id: Uuid,
    body: &SetLines,
    rules: &Rules,
) -> Result<Done, Rejection> {
    let mut record = verb::open_for(state, ask, id, Verb::SetLines, &[Stage::Held])?;
    let mut wanted = Hold::of(body.lines.clone());
    wanted.channel.clone_from(&record.channel);
    wanted.destination.clone_from(&body.destination);
    let channel = hold::channel(state, &wanted)?;
    hold::check_names(state, &wanted)?;
    // All of it or nothing: known before any rule is asked.
    let asked: i64 = wanted.lines.iter().map(|line| line.quantity.get()).sum();
    limit::check_open(state, ask, asked - record.open_units())?;
    let mut change = BTreeMap::<(Sku, LocationId), i64>::new();
    for open in record.open() {
        *change.entry((open.sku, open.location)).or_default() -= open.quantity;
    }
    let own = |sku: &Sku, location: &LocationId| -change.get(&(sku.clone(), location.clone())).copied().unwrap_or(0);
    let (shares, decided) = allocate::plan(state, &wanted, channel.as_ref(), rules, &own);
    hold::refuse_if_short(&wanted, &shares)?;
    for (line, shares) in wanted.lines.iter().zip(&shares) {
        for share in shares {
            *change.entry((line.sku.clone(), share.location.clone())).or_default() += share.quantity;
        }
    }
    record.lines = hold::lines(&wanted, shares);
    (record.allocated_by, record.trace) = (decided.by, decided.trace);
    let why = ask.why("lines", None);
    change.retain(|_, change| *change != 0);
    for ((sku, location), change) in &change {
        state.change_stock(sku, location, &why, |row| row.reserved += change);
    }
    let keys = change.into_keys().collect();
    Ok(verb::done(state, record, &keys))
}
