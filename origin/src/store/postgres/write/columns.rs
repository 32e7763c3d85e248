//! A statement's parameters: one array for each column, one element for each row.

use std::collections::HashSet;

use onhand_wire::{LocationId, Sku, Timestamp};

use super::{super::row::utc, Params};
use crate::{
    record::{OpenAllocation, PaymentChange, ReservationRecord},
    state::{BatchState, Changes, LedgerLine},
    store::words::search_text,
};

/// Gathers columns: one vector for each column, one element for each row.
macro_rules! columns {
    ($rows:expr, |$row:pat_param| $($column:expr),+ $(,)?) => {{
        let rows: Vec<_> = $rows.into_iter().collect();
        let params: Params = vec![$(Box::new(rows.iter().map(|$row| $column).collect::<Vec<_>>())),+];
        params
    }};
}

pub(super) fn items(state: &BatchState, skus: &[&Sku]) -> Params {
    columns!(
        skus.iter().map(|sku| &state.items[*sku]),
        |item| item.sku.to_string(),
        item.name.clone(),
        item.brand.clone(),
        serde_json::to_string(&item.attributes).expect("plain data encodes"),
        item.price.as_ref().map(|price| price.amount),
        item.price.as_ref().map(|price| price.currency.clone()),
        item.active,
        item.deleted,
        item.version.seq() as i64,
        utc(item.changed_at),
        search_text(item)
    )
}

pub(super) fn trail(state: &BatchState) -> Params {
    let mut params = columns!(
        &state.changes.trail,
        |line| line.actor.clone(),
        line.kind.as_str(),
        line.what.clone(),
        line.detail.to_string(),
        line.correlation.clone()
    );
    params.insert(0, Box::new(utc(state.now)));
    params
}

pub(super) fn orders(state: &BatchState) -> Params {
    let mut params = columns!(
        &state.changes.orders,
        |order| *order.0,
        order.1.state.as_str(),
        order.1.reason,
        order.1.reservation,
        order.1.cause
    );
    params.push(Box::new(utc(state.now)));
    params
}

/// What is to be charged.
pub(super) fn charges(state: &BatchState) -> Params {
    let charges = state.changes.payments.iter().filter_map(|(id, change)| match change {
        PaymentChange::Charge { amount, currency, payment_ref, order_ref, reservation } => {
            Some((*id, *amount, currency, payment_ref, order_ref, *reservation))
        }
        PaymentChange::Settled { .. } => None,
    });
    let mut params =
        columns!(charges, |charge| charge.0, charge.1, charge.2.clone(), charge.3.clone(), charge.4.clone(), charge.5);
    params.push(Box::new(utc(state.now)));
    params
}

/// What charges came to.
pub(super) fn settled(state: &BatchState) -> Params {
    let settled = state.changes.payments.iter().filter_map(|(id, change)| match change {
        PaymentChange::Settled { attempt, state } => Some((*id, *attempt, state.as_str())),
        PaymentChange::Charge { .. } => None,
    });
    let mut params = columns!(settled, |payment| payment.0, payment.1, payment.2);
    params.push(Box::new(utc(state.now)));
    params
}

pub(super) type Key = (Sku, LocationId);

/// The changed stock rows, each in key order.
#[derive(Default)]
pub(super) struct StockRows<'a> {
    pub(super) new: Vec<&'a Key>,
    /// Their policy changed, too.
    pub(super) whole: Vec<&'a Key>,
    pub(super) levels: Vec<&'a Key>,
}

impl<'a> StockRows<'a> {
    pub(super) fn of(changes: &'a Changes) -> Self {
        let lines = changes.ledger.iter().filter(|line| line.policy.is_some());
        let policies: HashSet<(&str, &str)> = lines.map(|line| (line.sku.as_str(), line.location.as_str())).collect();
        let mut rows = Self::default();
        for key in &changes.stock {
            if changes.new_stock.contains(key) {
                rows.new.push(key);
            } else if policies.contains(&(key.0.as_str(), key.1.as_str())) {
                rows.whole.push(key);
            } else {
                rows.levels.push(key);
            }
        }
        rows
    }
}

#[allow(unused_variables)] // each column's closure uses a part of the row
pub(super) fn levels(state: &BatchState, keys: &[&Key]) -> Params {
    let mut params = columns!(
        keys.iter().map(|(sku, location)| (sku, location, &state.stock[sku][location])),
        |(sku, location, row)| sku.to_string(),
        location.to_string(),
        row.on_hand,
        row.reserved,
        row.seq as i64
    );
    params.push(Box::new(utc(state.now)));
    params
}

#[allow(unused_variables)] // as above
pub(super) fn stock(state: &BatchState, keys: &[&Key]) -> Params {
    columns!(
        keys.iter().map(|(sku, location)| (sku, location, &state.stock[sku][location])),
        |(sku, location, row)| sku.to_string(),
        location.to_string(),
        row.on_hand,
        row.reserved,
        row.safety_stock,
        row.backorder_limit,
        row.low_stock_at,
        row.restock_at.as_ref().map(|at| at.as_str().to_owned()),
        row.seq as i64,
        utc(row.changed_at),
        row.deleted
    )
}

pub(super) fn new_reservations(state: &BatchState) -> Params {
    columns!(
        state.changes.new_reservations.iter().map(|id| &state.reservations[id]),
        |record| record.id,
        record.state.as_str(),
        record.expires_at.map(utc),
        utc(record.created_at),
        serde_json::to_string(record).expect("plain data encodes"),
        record.owner.clone(),
        record.holder.clone(),
        counted_units(record),
        record.order_ref.clone()
    )
}

/// Null if nobody counts them.
fn counted_units(record: &ReservationRecord) -> Option<i64> {
    record.holder.is_some().then(|| record.open_units())
}

#[allow(unused_variables)] // as above
pub(super) fn counted(state: &BatchState) -> Params {
    columns!(state.changes.open_units.iter(), |(holder, units)| holder.to_string(), **units)
}

pub(super) fn reservations(state: &BatchState) -> Params {
    columns!(
        state.changes.reservations.iter().map(|id| &state.reservations[id]),
        |record| record.id,
        record.state.as_str(),
        record.expires_at.map(utc),
        serde_json::to_string(record).expect("plain data encodes"),
        counted_units(record)
    )
}

pub(super) fn released(state: &BatchState) -> Params {
    columns!(state.changes.released.iter(), |dead| dead.reservation, dead.line as i32, dead.location.to_string())
}

/// What the batch's new and changed reservations hold now.
pub(super) fn open_allocations(state: &BatchState) -> Vec<OpenAllocation> {
    let ids = state.changes.new_reservations.iter().chain(&state.changes.reservations);
    ids.flat_map(|id| state.reservations[id].open()).collect()
}

pub(super) fn allocations(open: &[OpenAllocation]) -> Params {
    columns!(
        open.iter(),
        |open| open.reservation,
        open.line as i32,
        open.sku.to_string(),
        open.location.to_string(),
        open.quantity,
        open.expires_at.map(utc)
    )
}

pub(super) fn ledger(lines: &[LedgerLine], now: Timestamp) -> Params {
    let mut params = columns!(
        lines.iter(),
        |line| line.actor.clone(),
        line.kind,
        line.reason.clone(),
        line.sku.to_string(),
        line.location.to_string(),
        line.before.0,
        line.before.1,
        line.after.0,
        line.after.1,
        line.seq as i64,
        line.reservation,
        line.correlation.clone(),
        line.policy.as_ref().map(|policy| serde_json::to_string(policy).expect("plain data encodes"))
    );
    params.insert(0, Box::new(utc(now)));
    params
}

#[allow(unused_variables)] // as above
pub(super) fn kept(state: &BatchState) -> Params {
    let mut params = columns!(
        state.changes.kept.iter(),
        |((subject, key), kept)| subject.clone(),
        key.clone(),
        kept.digest.to_vec(),
        i16::from(kept.form),
        i32::from(kept.status),
        kept.body.clone()
    );
    params.push(Box::new(utc(state.now)));
    params
}

pub(super) fn location_row(row: &onhand_wire::Location) -> Params {
    vec![
        Box::new(row.location.to_string()),
        Box::new(row.name.clone()),
        Box::new(row.region.clone()),
        Box::new(row.priority),
        Box::new(row.lat),
        Box::new(row.lon),
        Box::new(row.enabled),
        Box::new(row.pickup),
        Box::new(row.version.seq() as i64),
        Box::new(utc(row.changed_at)),
        Box::new(row.deleted),
    ]
}

pub(super) fn channel_row(row: &onhand_wire::Channel) -> Params {
    vec![
        Box::new(row.channel.to_string()),
        Box::new(serde_json::to_string(&row.locations).expect("plain data encodes")),
        Box::new(row.allocation.clone()),
        Box::new(row.version.seq() as i64),
        Box::new(utc(row.changed_at)),
        Box::new(row.deleted),
    ]
}
