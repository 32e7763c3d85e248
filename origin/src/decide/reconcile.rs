//! Sets stock rows right: on hand as counted or as the ledger sums to, reserved as open reservations hold.
//!
//! What was found before the lock only named the row; all that is compared here was read under it.
//! The ledger goes on from its own sum, not from what the row had: so both its sum and its last
//! line are the row again. What the row had stands in the reason.

use onhand_wire::{LocationId, Quantity, Sku};

use super::{Corrected, Done, Effect, Level};
use crate::{
    command::{Ask, Correction},
    state::{BatchState, Book, Why},
};

pub(super) fn reconcile(state: &mut BatchState, ask: &Ask, rows: &[Correction]) -> Done {
    let mut corrected = Vec::new();
    let mut keys = Vec::new();
    for row in rows {
        if let Some(done) = correct(state, ask, row) {
            corrected.push(done);
            keys.push((row.sku.clone(), row.location.clone()));
        }
    }
    Done { effect: Effect::Reconciled(corrected), stocks: state.stocks(&keys) }
}

/// What was done to the row; nothing where all agrees.
fn correct(state: &mut BatchState, ask: &Ask, row: &Correction) -> Option<Corrected> {
    let count = countable(state, row);
    let book = book(state, &row.sku, &row.location);
    let held = state.stock.get(&row.sku).and_then(|rows| rows.get(&row.location)).cloned().unwrap_or_default();
    let found = (held.on_hand, held.reserved);
    let right = (count.unwrap_or(book.sum.0.max(0)), book.open);
    if found == right && book.sum == right && book.last == right {
        return None;
    }
    let mut line = Line { state, ask, row, seq: book.seq, deleted: held.deleted && count.is_none(), at: book.sum };
    if found.1 != right.1 {
        let reason = format!("reserved was {}, open reservations hold {}", found.1, right.1);
        line.write("reconcile_reserved", &reason, (book.sum.0.max(0), right.1));
    }
    if let Some(count) = count.filter(|count| *count != found.0 || *count != book.sum.0) {
        let reason = format!("counted {count}, on hand was {}", found.0);
        line.write("reconcile_count", &reason, (count, right.1));
    } else if found.0 != right.0 || line.at != right || found == right {
        let reason = format!(
            "the row had {} on hand and {} reserved, its ledger sums to {} and {}",
            found.0, found.1, book.sum.0, book.sum.1
        );
        line.write("reconcile_ledger", &reason, right);
    }
    Some(Corrected { sku: row.sku.clone(), location: row.location.clone(), before: found, after: right })
}

/// A count of what is not in the catalogue, or nowhere, sets nothing.
fn countable(state: &BatchState, row: &Correction) -> Option<i64> {
    let known = state.item(&row.sku).is_some() && state.topology.locations.contains_key(&row.location);
    row.count.filter(|_| known).map(Quantity::get)
}

/// The books as read, carried on by what this batch has done so far. A ledger line's change of
/// `reserved` is a change of allocations, except where reconciliation itself wrote it.
fn book(state: &BatchState, sku: &Sku, location: &LocationId) -> Book {
    let mut book = state.books.get(&(sku.clone(), location.clone())).cloned().unwrap_or_default();
    for line in state.changes.ledger.iter().filter(|line| line.sku == *sku && line.location == *location) {
        let reserved = line.after.1 - line.before.1;
        if !line.kind.starts_with("reconcile_") {
            book.open += reserved;
        }
        book.sum = (book.sum.0 + line.after.0 - line.before.0, book.sum.1 + reserved);
        book.last = line.after;
        book.seq = book.seq.max(line.seq);
    }
    book
}

/// Writes the corrections of one row, each going on from where the ledger stands.
struct Line<'a> {
    state: &'a mut BatchState,
    ask: &'a Ask,
    row: &'a Correction,
    seq: u64,
    deleted: bool,
    at: Level,
}

impl Line<'_> {
    fn write(&mut self, kind: &'static str, reason: &str, after: Level) {
        let why = Why { kind, ..self.ask.why(kind, Some(reason)) };
        let (seq, deleted) = (self.seq, self.deleted);
        self.state.change_stock(&self.row.sku, &self.row.location, &why, |held| {
            (held.on_hand, held.reserved) = after;
            // A row made anew goes on where the lost one was: versions never fall.
            held.seq = held.seq.max(seq);
            held.deleted = deleted;
        });
        if let Some(line) = self.state.changes.ledger.last_mut() {
            line.before = self.at;
        }
        self.at = after;
    }
}
