//! What becomes of a reservation: extend, confirm, cancel, fulfil, return, expire.

use std::{collections::BTreeSet, time::Duration};

use onhand_wire::{
    Code, LocationId, Problem, Sku, limits,
    request::{Cancel, Confirm, Extend, Fulfil, Return},
    reservation::State as Stage,
};
use uuid::Uuid;

use super::{insufficient, short};
use crate::{
    command::{Ask, Done},
    record::{Record, RecordLine},
    state::{State, Why, unknown_sku},
};

/// The reservation, or 404.
fn find(state: &State, id: Uuid) -> Result<Record, Problem> {
    let found = state.reservations.get(&id).cloned();
    found.ok_or_else(|| Problem::new(Code::NotFound, "no such reservation"))
}

fn wrong_state(record: &Record, state: &State, verb: &str) -> Problem {
    let present = record.state_at(state.now).as_str();
    Problem::new(Code::ReservationState, format!("a reservation that is {present} cannot be changed by {verb}"))
        .with("state", present)
}

/// The record if it is in one of `allowed`; `None` if this very call made its present state.
fn open(state: &State, ask: &Ask, id: Uuid, verb: &str, allowed: &[Stage]) -> Result<Option<Record>, Problem> {
    let record = find(state, id)?;
    if record.made_by.as_deref() == Some(&*fingerprint(ask)) {
        return Ok(None);
    }
    if allowed.contains(&record.state_at(state.now)) {
        return Ok(Some(record));
    }
    Err(wrong_state(&record, state, verb))
}

fn fingerprint(ask: &Ask) -> String {
    ask.digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

type Keys = BTreeSet<(Sku, LocationId)>;

fn done(state: &mut State, record: Record, keys: &Keys) -> Done {
    let body = serde_json::to_string(&record.shown(state.now)).expect("plain data encodes");
    state.put_record(record);
    Done { status: 200, body, stocks: state.stocks(keys) }
}

fn unchanged(state: &State, id: Uuid) -> Result<Done, Problem> {
    let body = serde_json::to_string(&find(state, id)?.shown(state.now)).expect("plain data encodes");
    Ok(Done { status: 200, body, stocks: Vec::new() })
}

fn line_mut(record: &mut Record, index: usize, line: u32) -> Result<&mut RecordLine, Problem> {
    let most = record.lines.len() - 1;
    let found = record.lines.get_mut(line as usize);
    found.ok_or_else(|| {
        Problem::field(&format!("lines[{index}].line"), format!("a line of the reservation, 0 to {most}"))
    })
}

pub(super) fn extend(state: &mut State, ask: &Ask, id: Uuid, body: &Extend) -> Result<Done, Problem> {
    let Some(mut record) = open(state, ask, id, "extend", &[Stage::Held])? else { return unchanged(state, id) };
    record.expires_at = Some(state.now.plus(Duration::from_secs(body.ttl_s.into())));
    Ok(done(state, record, &Keys::new()))
}

pub(super) fn confirm(state: &mut State, ask: &Ask, id: Uuid, body: &Confirm) -> Result<Done, Problem> {
    let Some(mut record) = open(state, ask, id, "confirm", &[Stage::Held])? else { return unchanged(state, id) };
    let mut wanted: Vec<i64> = record.lines.iter().map(|line| line.quantity).collect();
    let mut shorts = Vec::new();
    for (index, asked) in body.lines.iter().flatten().enumerate() {
        let line = line_mut(&mut record, index, asked.line)?;
        if asked.quantity.get() > line.quantity {
            shorts.push(short(asked.line, &line.sku, asked.quantity.get(), line.quantity));
        }
        wanted[asked.line as usize] = asked.quantity.get();
    }
    if !shorts.is_empty() {
        return Err(insufficient("lines: more than is held", shorts));
    }
    if wanted.iter().sum::<i64>() == 0 {
        return Err(Problem::field("lines", "confirm at least one unit, or cancel the reservation"));
    }
    record.state = Stage::Confirmed;
    record.expires_at = None;
    record.confirmed_at = Some(state.now);
    record.made_by = Some(fingerprint(ask));
    let why = ask.why("confirm", None);
    let mut keys = Keys::new();
    for (line, wanted) in record.lines.iter_mut().zip(wanted) {
        line.confirmed = wanted;
        let excess = line.quantity - wanted;
        release(state, line, excess, &why, &mut keys);
    }
    Ok(done(state, record, &keys))
}

/// Gives `excess` units of a line back, from the last allocation.
fn release(state: &mut State, line: &mut RecordLine, mut excess: i64, why: &Why<'_>, keys: &mut Keys) {
    for share in line.shares.iter_mut().rev() {
        let given = excess.min(share.open());
        if given > 0 {
            share.quantity -= given;
            excess -= given;
            state.change_stock(&line.sku, &share.location, why, |row| row.reserved -= given);
            keys.insert((line.sku.clone(), share.location.clone()));
        }
    }
    line.shares.retain(|share| share.quantity > 0);
}

pub(super) fn cancel(state: &mut State, ask: &Ask, id: Uuid, body: &Cancel) -> Result<Done, Problem> {
    let allowed = [Stage::Held, Stage::Confirmed];
    let Some(mut record) = open(state, ask, id, "cancel", &allowed)? else { return unchanged(state, id) };
    let keys = give_up(state, &record, &ask.why("cancel", body.reason.as_deref()));
    record.state = Stage::Cancelled;
    record.made_by = Some(fingerprint(ask));
    Ok(done(state, record, &keys))
}

/// The sweeper's: what a batch has released already is not in the record's open rows any more.
pub(super) fn expire(state: &mut State, ask: &Ask, id: Uuid) -> Result<Done, Problem> {
    let mut record = find(state, id)?;
    if record.state != Stage::Held || record.state_at(state.now) != Stage::Expired {
        return unchanged(state, id);
    }
    record.state = Stage::Expired;
    record.made_by = Some(fingerprint(ask));
    Ok(done(state, record, &Keys::new()))
}

/// Releases all that a record holds; its shares stay as they were, for the reader.
fn give_up(state: &mut State, record: &Record, why: &Why<'_>) -> Keys {
    let mut keys = Keys::new();
    for open in record.open() {
        state.change_stock(&open.sku, &open.location, why, |row| row.reserved -= open.quantity);
        keys.insert((open.sku, open.location));
    }
    keys
}

pub(super) fn fulfil(state: &mut State, ask: &Ask, id: Uuid, body: &Fulfil) -> Result<Done, Problem> {
    let Some(mut record) = open(state, ask, id, "fulfil", &[Stage::Confirmed])? else { return unchanged(state, id) };
    let shipments = match &body.lines {
        None => everything(&record),
        Some(_) => named(state, &mut record, body)?,
    };
    refuse_unshippable(state, &record, &shipments)?;
    let why = ask.why("fulfil", None);
    let mut keys = Keys::new();
    for shipment in shipments {
        let line = &mut record.lines[shipment.line];
        let share = &mut line.shares[shipment.share];
        share.shipped += shipment.quantity;
        state.change_stock(&line.sku, &share.location, &why, |row| {
            row.on_hand -= shipment.quantity;
            row.reserved -= shipment.quantity;
        });
        keys.insert((line.sku.clone(), share.location.clone()));
    }
    if record.lines.iter().flat_map(|line| &line.shares).all(|share| share.open() == 0) {
        record.state = Stage::Fulfilled;
        record.made_by = Some(fingerprint(ask));
    }
    Ok(done(state, record, &keys))
}

struct Shipment {
    line: usize,
    share: usize,
    quantity: i64,
}

fn everything(record: &Record) -> Vec<Shipment> {
    let shares = record.lines.iter().enumerate().flat_map(|(line, held)| {
        held.shares.iter().enumerate().map(move |(share, row)| Shipment { line, share, quantity: row.open() })
    });
    shares.filter(|shipment| shipment.quantity > 0).collect()
}

/// Ships what is named, from the line's allocations in order, or from the location named.
fn named(state: &State, record: &mut Record, body: &Fulfil) -> Result<Vec<Shipment>, Problem> {
    let mut shipments = Vec::new();
    let mut shorts = Vec::new();
    let mut left = record.clone();
    for (index, asked) in body.lines.iter().flatten().enumerate() {
        asked.location.as_ref().map_or(Ok(()), |location| state.require_location(location).map(drop))?;
        let line = line_mut(&mut left, index, asked.line)?;
        let mut wanted = asked.quantity.get();
        for (share, row) in line.shares.iter_mut().enumerate() {
            if asked.location.as_ref().is_some_and(|location| *location != row.location) {
                continue;
            }
            let quantity = wanted.min(row.open());
            row.shipped += quantity;
            wanted -= quantity;
            if quantity > 0 {
                shipments.push(Shipment { line: asked.line as usize, share, quantity });
            }
        }
        if wanted > 0 {
            shorts.push(short(asked.line, &line.sku, asked.quantity.get(), asked.quantity.get() - wanted));
        }
    }
    if shorts.is_empty() { Ok(shipments) } else { Err(insufficient("lines: more than is left to ship", shorts)) }
}

/// Never more than is on hand: a backorder waits for its goods.
fn refuse_unshippable(state: &State, record: &Record, shipments: &[Shipment]) -> Result<(), Problem> {
    let mut on_hand = std::collections::BTreeMap::new();
    let mut shorts = Vec::new();
    for shipment in shipments {
        let line = &record.lines[shipment.line];
        let location = &line.shares[shipment.share].location;
        let there = state.row(&line.sku, location).map_or(0, |row| row.on_hand);
        let left = on_hand.entry((&line.sku, location)).or_insert(there);
        if *left < shipment.quantity {
            shorts.push(short(shipment.line as u32, &line.sku, shipment.quantity, *left));
        }
        *left -= shipment.quantity.min(*left);
    }
    if shorts.is_empty() { Ok(()) } else { Err(insufficient("lines: more than is on hand", shorts)) }
}

pub(super) fn give_back(state: &mut State, ask: &Ask, id: Uuid, body: &Return) -> Result<Done, Problem> {
    let mut record = find(state, id)?;
    if !matches!(record.state_at(state.now), Stage::Confirmed | Stage::Fulfilled) {
        return Err(wrong_state(&record, state, "return"));
    }
    body.location.as_ref().map_or(Ok(()), |location| state.require_location(location).map(drop))?;
    let returns = returns(state, &mut record, body)?;
    let why = ask.why("return", None);
    let mut keys = Keys::new();
    for (sku, location, quantity) in returns {
        state.change_stock(&sku, &location, &why, |row| row.on_hand += quantity);
        keys.insert((sku, location));
    }
    Ok(done(state, record, &keys))
}

/// On hand cannot go above what a quantity can be.
fn check_room(state: &State, sku: &Sku, location: &LocationId, quantity: i64, index: usize) -> Result<(), Problem> {
    let on_hand = state.row(sku, location).map_or(0, |row| row.on_hand);
    if on_hand + quantity <= i64::from(limits::QUANTITY) {
        return Ok(());
    }
    let right = format!("on hand at {location} cannot go above {}", limits::QUANTITY);
    Err(Problem::field(&format!("lines[{index}].quantity"), right))
}

/// What comes back where: to the location named, else to where it was shipped from.
fn returns(state: &State, record: &mut Record, body: &Return) -> Result<Vec<(Sku, LocationId, i64)>, Problem> {
    let mut returns = Vec::new();
    let mut shorts = Vec::new();
    for (index, asked) in body.lines.iter().enumerate() {
        let line = line_mut(record, index, asked.line)?;
        if state.item(&line.sku).is_none() {
            return Err(unknown_sku(&line.sku));
        }
        let shipped = line.shipped() - line.returned();
        if asked.quantity.get() > shipped {
            shorts.push(short(asked.line, &line.sku, asked.quantity.get(), shipped));
            continue;
        }
        let mut wanted = asked.quantity.get();
        for share in &mut line.shares {
            let quantity = wanted.min(share.shipped - share.returned);
            share.returned += quantity;
            wanted -= quantity;
            if quantity > 0 {
                let location = body.location.clone().unwrap_or_else(|| share.location.clone());
                check_room(state, &line.sku, &location, quantity, index)?;
                returns.push((line.sku.clone(), location, quantity));
            }
        }
    }
    if shorts.is_empty() { Ok(returns) } else { Err(insufficient("lines: more than was shipped", shorts)) }
}
