//! What becomes of a reservation: extend, confirm, cancel, fulfil, return, expire.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use onhand_wire::{
    LocationId, Sku, limits,
    request::{Cancel, Confirm, Extend, Fulfil, Return},
    reservation::State as Stage,
};
use uuid::Uuid;

use super::{Done, Effect, Excess, Rejection, ShortLine, Shortage, Verb, limit, require, ship};
use crate::{
    command::Ask,
    record::{ReservationLine, ReservationRecord},
    state::{BatchState, Why},
};

/// The reservation, or 404: so it is, too, with one that the caller does not see.
fn find(state: &BatchState, ask: &Ask, id: Uuid) -> Result<ReservationRecord, Rejection> {
    let found = state.reservations.get(&id).filter(|record| ask.sees.includes(record.owner.as_deref())).cloned();
    found.ok_or(Rejection::NoSuchReservation)
}

fn wrong_state(record: &ReservationRecord, state: &BatchState, verb: Verb) -> Rejection {
    Rejection::WrongState { state: record.state_at(state.now), verb }
}

/// The record if it is in one of `allowed`; `None` if this very call made its present state.
fn open(
    state: &BatchState,
    ask: &Ask,
    id: Uuid,
    verb: Verb,
    allowed: &[Stage],
) -> Result<Option<ReservationRecord>, Rejection> {
    let record = find(state, ask, id)?;
    if record.in_payment {
        return Err(Rejection::InPayment { state: record.state_at(state.now) });
    }
    if record.made_by.as_deref().is_some_and(|made_by| ask.digest.is_text(made_by)) {
        return Ok(None);
    }
    if allowed.contains(&record.state_at(state.now)) {
        return Ok(Some(record));
    }
    Err(wrong_state(&record, state, verb))
}

/// The record, if it is in one of `allowed`.
pub(super) fn open_for(
    state: &BatchState,
    ask: &Ask,
    id: Uuid,
    verb: Verb,
    allowed: &[Stage],
) -> Result<ReservationRecord, Rejection> {
    let record = find(state, ask, id)?;
    if allowed.contains(&record.state_at(state.now)) { Ok(record) } else { Err(wrong_state(&record, state, verb)) }
}

pub(super) fn short(line: u32, sku: &Sku, requested: i64, available: i64) -> ShortLine {
    ShortLine { line, sku: sku.clone(), requested, available }
}

pub(super) type Keys = BTreeSet<(Sku, LocationId)>;

pub(super) fn done(state: &mut BatchState, record: ReservationRecord, keys: &Keys) -> Done {
    let effect = Effect::Reservation(record.shown(state.now));
    state.put_record(record);
    Done { effect, stocks: state.stocks(keys) }
}

fn unchanged(state: &BatchState, ask: &Ask, id: Uuid) -> Result<Done, Rejection> {
    Ok(Effect::Reservation(find(state, ask, id)?.shown(state.now)).alone())
}

/// `index`: which of the call's lines says so, if it has several.
pub(super) fn line_mut(
    record: &mut ReservationRecord,
    index: Option<usize>,
    line: u32,
) -> Result<&mut ReservationLine, Rejection> {
    let last = record.lines.len() - 1;
    record.lines.get_mut(line as usize).ok_or(Rejection::NoSuchLine { index, last })
}

pub(super) fn extend(state: &mut BatchState, ask: &Ask, id: Uuid, body: &Extend) -> Result<Done, Rejection> {
    limit::check_ttl(state, body.ttl_s)?;
    let Some(mut record) = open(state, ask, id, Verb::Extend, &[Stage::Held])? else {
        return unchanged(state, ask, id);
    };
    record.expires_at = Some(state.now.plus(Duration::from_secs(body.ttl_s.into())));
    Ok(done(state, record, &Keys::new()))
}

pub(super) fn confirm(state: &mut BatchState, ask: &Ask, id: Uuid, body: &Confirm) -> Result<Done, Rejection> {
    let Some(mut record) = open(state, ask, id, Verb::Confirm, &[Stage::Held])? else {
        return unchanged(state, ask, id);
    };
    let mut wanted: Vec<i64> = record.lines.iter().map(|line| line.quantity).collect();
    let mut shorts = Vec::new();
    for (index, asked) in body.lines.iter().flatten().enumerate() {
        let line = line_mut(&mut record, Some(index), asked.line)?;
        if asked.quantity.get() > line.quantity {
            shorts.push(short(asked.line, &line.sku, asked.quantity.get(), line.quantity));
        }
        wanted[asked.line as usize] = asked.quantity.get();
    }
    if !shorts.is_empty() {
        return Err(Rejection::Short { of: Shortage::Held, lines: shorts });
    }
    if wanted.iter().sum::<i64>() == 0 {
        return Err(Rejection::NothingConfirmed);
    }
    record.state = Stage::Confirmed;
    record.expires_at = None;
    record.confirmed_at = Some(state.now);
    record.made_by = Some(ask.digest.text());
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
fn release(state: &mut BatchState, line: &mut ReservationLine, mut excess: i64, why: &Why<'_>, keys: &mut Keys) {
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

pub(super) fn cancel(state: &mut BatchState, ask: &Ask, id: Uuid, body: &Cancel) -> Result<Done, Rejection> {
    let allowed = [Stage::Held, Stage::Confirmed];
    let Some(mut record) = open(state, ask, id, Verb::Cancel, &allowed)? else { return unchanged(state, ask, id) };
    let keys = give_up(state, &record, &ask.why("cancel", body.reason.as_deref()));
    record.state = Stage::Cancelled;
    record.made_by = Some(ask.digest.text());
    Ok(done(state, record, &keys))
}

/// The sweeper's: what a batch has released already is not in the record's open rows any more.
pub(super) fn expire(state: &mut BatchState, ask: &Ask, id: Uuid) -> Result<Done, Rejection> {
    let mut record = find(state, ask, id)?;
    if record.state != Stage::Held || record.state_at(state.now) != Stage::Expired {
        return unchanged(state, ask, id);
    }
    record.state = Stage::Expired;
    record.made_by = Some(ask.digest.text());
    Ok(done(state, record, &Keys::new()))
}

/// Releases all that a record holds; its shares stay as they were, for the reader.
fn give_up(state: &mut BatchState, record: &ReservationRecord, why: &Why<'_>) -> Keys {
    let mut keys = Keys::new();
    for open in record.open() {
        state.change_stock(&open.sku, &open.location, why, |row| row.reserved -= open.quantity);
        keys.insert((open.sku, open.location));
    }
    keys
}

pub(super) fn fulfil(state: &mut BatchState, ask: &Ask, id: Uuid, body: &Fulfil) -> Result<Done, Rejection> {
    let Some(record) = open(state, ask, id, Verb::Fulfil, &[Stage::Confirmed])? else {
        return unchanged(state, ask, id);
    };
    let shipped = ship::plan(state, &record, body)?;
    let mut keys = Keys::new();
    shipped.write(state, ask, &mut keys);
    let mut record = shipped.record;
    if record.lines.iter().flat_map(|line| &line.shares).all(|share| share.open() == 0) {
        record.state = Stage::Fulfilled;
        record.made_by = Some(ask.digest.text());
    }
    Ok(done(state, record, &keys))
}

/// What was asked of each line, and what of it can be done: a short line is named once.
#[derive(Default)]
pub(super) struct Tally(BTreeMap<u32, (i64, i64)>);

impl Tally {
    pub(super) fn count(&mut self, line: u32, asked: i64, possible: i64) {
        let sums = self.0.entry(line).or_default();
        *sums = (sums.0 + asked, sums.1 + possible);
    }

    pub(super) fn enough(self, record: &ReservationRecord, of: Shortage) -> Result<(), Rejection> {
        let shorts = self.0.into_iter().filter(|(_, (asked, possible))| possible < asked);
        let shorts: Vec<_> = shorts
            .map(|(line, (asked, possible))| short(line, &record.lines[line as usize].sku, asked, possible))
            .collect();
        if shorts.is_empty() { Ok(()) } else { Err(Rejection::Short { of, lines: shorts }) }
    }
}

pub(super) fn give_back(state: &mut BatchState, ask: &Ask, id: Uuid, body: &Return) -> Result<Done, Rejection> {
    let mut record = find(state, ask, id)?;
    let closed = !matches!(record.state_at(state.now), Stage::Confirmed | Stage::Fulfilled);
    // What has shipped may come back, whatever became of the rest.
    if closed && record.lines.iter().all(|line| line.shipped() == 0) {
        return Err(wrong_state(&record, state, Verb::Return));
    }
    body.location.as_ref().map_or(Ok(()), |location| require::location(state, location).map(drop))?;
    let returns = returns(state, &mut record, body)?;
    let why = ask.why("return", None);
    let mut keys = Keys::new();
    for (sku, location, quantity) in returns {
        state.change_stock(&sku, &location, &why, |row| row.on_hand += quantity);
        keys.insert((sku, location));
    }
    Ok(done(state, record, &keys))
}

/// On hand cannot go above what a quantity can be: with the last of `returns`, and what goes there, too.
fn check_room(state: &BatchState, returns: &[(Sku, LocationId, i64)], index: usize) -> Result<(), Rejection> {
    let Some((sku, location, _)) = returns.last() else { return Ok(()) };
    let coming: i64 = returns.iter().filter(|(s, l, _)| (s, l) == (sku, location)).map(|(.., quantity)| quantity).sum();
    let on_hand = state.row(sku, location).map_or(0, |row| row.on_hand);
    if on_hand + coming <= i64::from(limits::QUANTITY) {
        return Ok(());
    }
    Err(Rejection::TooMuch(Excess::Returned { index, location: location.clone() }))
}

/// What comes back where: to the location named, else to where it was shipped from.
fn returns(
    state: &BatchState,
    record: &mut ReservationRecord,
    body: &Return,
) -> Result<Vec<(Sku, LocationId, i64)>, Rejection> {
    let mut returns = Vec::<(Sku, LocationId, i64)>::new();
    let mut tally = Tally::default();
    for (index, asked) in body.lines.iter().enumerate() {
        let line = line_mut(record, Some(index), asked.line)?;
        if state.item(&line.sku).is_none() {
            return Err(Rejection::UnknownSku(line.sku.clone()));
        }
        let mut missing = asked.quantity.get();
        for share in &mut line.shares {
            let quantity = missing.min(share.shipped - share.returned);
            share.returned += quantity;
            missing -= quantity;
            if quantity > 0 {
                let location = body.location.clone().unwrap_or_else(|| share.location.clone());
                returns.push((line.sku.clone(), location, quantity));
                check_room(state, &returns, index)?;
            }
        }
        tally.count(asked.line, asked.quantity.get(), asked.quantity.get() - missing);
    }
    tally.enough(record, Shortage::Shipped)?;
    Ok(returns)
}
