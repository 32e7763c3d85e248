//! What other rows say about stock rows, for reconciliation.

use std::collections::{BTreeSet, HashMap};

use onhand_wire::{LocationId, Sku};
use rusqlite::{Connection, Row};

use super::row;
use crate::{
    state::Book,
    store::{Result, sql},
};

pub(super) fn books(connection: &Connection, skus: &BTreeSet<Sku>) -> Result<HashMap<(Sku, LocationId), Book>> {
    let mut books = HashMap::<_, Book>::new();
    for sku in skus {
        let open = |row: &Row<'_>| Ok((row::location_id(row, 1)?, row.get::<_, i64>(2)?));
        for (location, open) in row::all(connection, &sql::open_sums("= ?1"), [sku.as_str()], open)? {
            books.entry((sku.clone(), location)).or_default().open = open;
        }
        let sums = |row: &Row<'_>| {
            let (sum, last) = ((row.get(2)?, row.get(3)?), (row.get(4)?, row.get(5)?));
            Ok((row::location_id(row, 1)?, Book { open: 0, sum, last, seq: row.get::<_, i64>(6)? as u64 }))
        };
        for (location, sums) in row::all(connection, &sql::ledger_sums("WHERE sku = ?1"), [sku.as_str()], sums)? {
            let book = books.entry((sku.clone(), location)).or_default();
            *book = Book { open: book.open, ..sums };
        }
    }
    Ok(books)
}
