//! What of a reservation ships from where.
//!
//! From the line's allocations in order, or from the location that is named: first what the line has there, then, as far
//! as it is available there, what it has elsewhere. Nowhere more than is on hand: a backorder waits for its goods; what
//! is elsewhere need not.

use std::collections::BTreeMap;

use onhand_wire::{LocationId, Sku, request::Fulfil};

use super::{Rejection, Shortage, reallocate::give, require, verb::Tally, verb::line_mut};
use crate::{
    command::Ask,
    record::{ReservationLine, ReservationRecord, Share, StockRow},
    state::BatchState,
};

/// What leaves a location, and what of it came there from another one.
struct Shipment {
    sku: Sku,
    location: LocationId,
    quantity: i64,
    /// What was allocated elsewhere, and where.
    moved: Vec<(LocationId, i64)>,
}

/// The record as it is after it, and the rows that change.
pub(super) struct Shipped {
    pub(super) record: ReservationRecord,
    shipments: Vec<Shipment>,
}

/// Line, quantity and, where one is named, the location.
type Wanted<'a> = (u32, i64, Option<&'a LocationId>);

fn wanted<'a>(
    state: &BatchState,
    record: &mut ReservationRecord,
    body: &'a Fulfil,
) -> Result<Vec<Wanted<'a>>, Rejection> {
    let Some(lines) = &body.lines else {
        let left = |line: &ReservationLine| line.shares.iter().map(Share::open).sum();
        return Ok(record.lines.iter().zip(0..).map(|(line, number)| (number, left(line), None)).collect());
    };
    let mut wanted = Vec::new();
    for (index, asked) in lines.iter().enumerate() {
        asked.location.as_ref().map_or(Ok(()), |location| require::location(state, location).map(drop))?;
        line_mut(record, Some(index), asked.line)?;
        wanted.push((asked.line, asked.quantity.get(), asked.location.as_ref()));
    }
    Ok(wanted)
}

/// The rows as they would be, one shipment after the other.
struct Rows<'a> {
    state: &'a BatchState,
    rows: BTreeMap<(Sku, LocationId), StockRow>,
}

impl Rows<'_> {
    fn row(&mut self, sku: &Sku, location: &LocationId) -> &mut StockRow {
        let there = || self.state.row(sku, location).cloned().unwrap_or_default();
        self.rows.entry((sku.clone(), location.clone())).or_insert_with(there)
    }

    /// Ships of what the line has at this location; how much.
    fn ship(&mut self, line: &mut ReservationLine, share: usize, most: i64) -> i64 {
        let share = &mut line.shares[share];
        let row = self.row(&line.sku, &share.location);
        let quantity = most.min(share.open()).min(row.on_hand);
        (row.on_hand, row.reserved, share.shipped) =
            (row.on_hand - quantity, row.reserved - quantity, share.shipped + quantity);
        quantity
    }

    /// Moves to this location what the line has elsewhere, from the last, as far as it is available here.
    fn fetch(&mut self, line: &mut ReservationLine, here: &LocationId, most: i64) -> Vec<(LocationId, i64)> {
        let mut missing = most.min(self.row(&line.sku, here).available());
        let mut moved = Vec::new();
        let elsewhere: Vec<(LocationId, i64)> =
            line.shares.iter().rev().map(|share| (share.location.clone(), share.open())).collect();
        for (from, open) in elsewhere.into_iter().filter(|(from, _)| from != here) {
            let quantity = missing.min(open);
            if quantity > 0 {
                missing -= quantity;
                give(line, &from, -quantity);
                give(line, here, quantity);
                self.row(&line.sku, &from).reserved -= quantity;
                self.row(&line.sku, here).reserved += quantity;
                moved.push((from, quantity));
            }
        }
        moved
    }
}

pub(super) fn plan(state: &BatchState, record: &ReservationRecord, body: &Fulfil) -> Result<Shipped, Rejection> {
    let mut after = record.clone();
    let mut rows = Rows { state, rows: BTreeMap::new() };
    let (mut shipments, mut tally) = (Vec::new(), Tally::default());
    for (number, asked, named) in wanted(state, &mut after, body)? {
        let line = &mut after.lines[number as usize];
        let mut missing = asked;
        for share in 0..line.shares.len() {
            let location = line.shares[share].location.clone();
            if named.is_none_or(|named| *named == location) {
                let quantity = rows.ship(line, share, missing);
                missing -= quantity;
                shipments.push(Shipment { sku: line.sku.clone(), location, quantity, moved: Vec::new() });
            }
        }
        if let Some(here) = named.filter(|_| missing > 0) {
            let moved = rows.fetch(line, here, missing);
            if let Some(share) = line.shares.iter().position(|share| share.location == *here) {
                let quantity = rows.ship(line, share, moved.iter().map(|(_, quantity)| quantity).sum());
                missing -= quantity;
                shipments.push(Shipment { sku: line.sku.clone(), location: here.clone(), quantity, moved });
            }
        }
        tally.count(number, asked, asked - missing);
    }
    tally.enough(record, Shortage::LeftToShip)?;
    shipments.retain(|shipment| shipment.quantity > 0);
    Ok(Shipped { record: after, shipments })
}

impl Shipped {
    /// Writes it: what moves first, then what leaves.
    pub(super) fn write(&self, state: &mut BatchState, ask: &Ask, keys: &mut super::verb::Keys) {
        for Shipment { sku, location, quantity, moved } in &self.shipments {
            let why = ask.why("reallocate", None);
            for (from, quantity) in moved {
                state.change_stock(sku, from, &why, |row| row.reserved -= quantity);
                state.change_stock(sku, location, &why, |row| row.reserved += quantity);
                keys.insert((sku.clone(), from.clone()));
            }
            state.change_stock(sku, location, &ask.why("fulfil", None), |row| {
                row.on_hand -= quantity;
                row.reserved -= quantity;
            });
            keys.insert((sku.clone(), location.clone()));
        }
    }
}
