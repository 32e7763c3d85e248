//! Holding stock: all or what there is.

use std::{collections::BTreeSet, time::Duration};

use onhand_rules::{AllocationDecision, Rules};
use onhand_wire::{
    Channel,
    request::{Hold, HoldPolicy},
    reservation::State as Stage,
};
use uuid::Uuid;

use super::{Done, Effect, Rejection, ShortLine, Shortage, allocate, limit, require};
use crate::{
    command::Ask,
    record::{ReservationLine, ReservationRecord, Share},
    state::BatchState,
};

pub(super) fn hold(state: &mut BatchState, ask: &Ask, id: Uuid, hold: &Hold, rules: &Rules) -> Result<Done, Rejection> {
    limit::check_ttl(state, hold.ttl_s)?;
    let channel = channel(state, hold)?;
    check_names(state, hold)?;
    if hold.policy == HoldPolicy::All {
        // Known before any rule is asked: who is at the limit costs no rule's time.
        limit::check_open(state, ask, hold.lines.iter().map(|line| line.quantity.get()).sum())?;
    }
    let (shares, decided) = allocate::plan(state, hold, channel.as_ref(), rules, &|_, _| 0);
    refuse_if_short(hold, &shares)?;
    let units = shares.iter().flatten().map(|share| share.quantity).sum();
    limit::check_open(state, ask, units)?;
    let mut record = record(state, id, hold, shares, decided);
    record.owner.clone_from(&ask.owner);
    record.holder = limit::holder(state, ask);
    Ok(write(state, ask, record))
}

/// What the lines name must be there.
pub(super) fn check_names(state: &BatchState, hold: &Hold) -> Result<(), Rejection> {
    for line in &hold.lines {
        require::item(state, &line.sku)?;
        line.location.as_ref().map_or(Ok(()), |named| require::location(state, named).map(drop))?;
    }
    Ok(())
}

pub(super) fn channel(state: &BatchState, hold: &Hold) -> Result<Option<Channel>, Rejection> {
    let Some(id) = &hold.channel else { return Ok(None) };
    state.topology.channels.get(id).cloned().map(Some).ok_or_else(|| Rejection::UnknownChannel(id.clone()))
}

/// `all`: every short line is named. `partial`: only nothing at all is refused.
pub(super) fn refuse_if_short(hold: &Hold, shares: &[Vec<Share>]) -> Result<(), Rejection> {
    let got: Vec<i64> = shares.iter().map(|line| line.iter().map(|share| share.quantity).sum()).collect();
    let enough = match hold.policy {
        HoldPolicy::All => hold.lines.iter().zip(&got).all(|(line, got)| *got >= line.quantity.get()),
        HoldPolicy::Partial => got.iter().any(|got| *got > 0),
    };
    if enough {
        return Ok(());
    }
    let lines = hold.lines.iter().zip(&got).zip(0..);
    let short = lines.filter(|((line, got), _)| **got < line.quantity.get()).map(|((line, got), number)| ShortLine {
        line: number,
        sku: line.sku.clone(),
        requested: line.quantity.get(),
        available: *got,
    });
    Err(Rejection::Short { of: Shortage::Stock, lines: short.collect() })
}

pub(super) fn lines(hold: &Hold, shares: Vec<Vec<Share>>) -> Vec<ReservationLine> {
    let lines = hold.lines.iter().zip(shares).map(|(line, shares)| ReservationLine {
        sku: line.sku.clone(),
        requested: line.quantity.get(),
        quantity: shares.iter().map(|share| share.quantity).sum(),
        confirmed: 0,
        shares,
    });
    lines.collect()
}

fn record(
    state: &BatchState,
    id: Uuid,
    hold: &Hold,
    shares: Vec<Vec<Share>>,
    decided: AllocationDecision,
) -> ReservationRecord {
    ReservationRecord {
        id,
        state: Stage::Held,
        expires_at: Some(state.now.plus(Duration::from_secs(hold.ttl_s.into()))),
        created_at: state.now,
        confirmed_at: None,
        order_ref: hold.order_ref.clone(),
        channel: hold.channel.clone(),
        allocated_by: decided.by,
        trace: decided.trace,
        lines: lines(hold, shares),
        made_by: None,
        owner: None,
        holder: None,
        in_payment: false,
    }
}

fn write(state: &mut BatchState, ask: &Ask, record: ReservationRecord) -> Done {
    let why = ask.why("hold", None);
    let mut keys = BTreeSet::new();
    for line in &record.lines {
        for share in &line.shares {
            state.change_stock(&line.sku, &share.location, &why, |row| row.reserved += share.quantity);
            keys.insert((line.sku.clone(), share.location.clone()));
        }
    }
    let effect = Effect::Held(record.shown(state.now));
    state.put_record(record);
    Done { effect, stocks: state.stocks(&keys) }
}
