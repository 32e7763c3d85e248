//! What the relay reads, deletes and stores.

use std::time::Duration;

use onhand_wire::{Timestamp, event::Change};
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::{now_in_tx, row};
use crate::store::{
    ROWS, Result, Round, Sent,
    outbox::{Key, Rows},
};

pub(super) fn round_in_tx(connection: &Connection, sent: &Sent) -> Result<Round> {
    let t = now_in_tx(connection)?;
    // T is kept: if the clock is set back, no later commit has an earlier time.
    connection.prepare_cached("UPDATE relay SET t = ?1")?.execute([t.micros()])?;
    let (term, good_since) = row::term(connection)?;
    delete_in_tx(connection, sent)?;
    let under_way = |id: &Uuid| sent.term == term && sent.under_way.contains(id);
    let mut left = row::all(connection, "SELECT id, keys FROM outbox ORDER BY id", [], outbox_row)?;
    left.retain(|(id, _)| !under_way(id));
    let mut rows = Rows::default();
    for (id, keys) in left.iter().take(ROWS) {
        rows.add(*id, keys)?;
    }
    for change in states(connection, &rows, term)? {
        rows.set_state(change);
    }
    Ok(Round { t, term, good_since, whole: left.len() <= ROWS, pending: rows.pending() })
}

fn outbox_row(row: &rusqlite::Row<'_>) -> Result<(Uuid, String)> {
    Ok((row::uuid(row, 0)?, row.get(1)?))
}

pub(super) fn delete_in_tx(connection: &Connection, sent: &Sent) -> Result<()> {
    if row::term(connection)?.0 != sent.term {
        return Ok(());
    }
    let mut statement = connection.prepare_cached("DELETE FROM outbox WHERE id = ?1")?;
    for id in &sent.published {
        statement.execute([id.to_string()])?;
    }
    Ok(())
}

/// Each key's state in the transaction.
fn states(connection: &Connection, rows: &Rows, term: u16) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    for key in rows.keys() {
        changes.extend(match key {
            Key::Item(sku) => {
                let sql = format!("SELECT {} FROM products WHERE sku = ?1", row::ITEM);
                row::all(connection, &sql, [sku.as_str()], |found| Ok(Change::Item(row::item(found, term)?)))?
            }
            Key::Fact(sku, location) => {
                let sql = format!("SELECT {} FROM inventory_items WHERE sku = ?1 AND location = ?2", row::STOCK);
                row::all(connection, &sql, [sku.as_str(), location.as_str()], |found| {
                    let (sku, location, held) = row::stock(found)?;
                    Ok(Change::Fact(held.fact(&sku, &location, term)))
                })?
            }
            Key::Location(location) => {
                let sql = format!("SELECT {} FROM locations WHERE location = ?1", row::LOCATION);
                row::all(connection, &sql, [location.as_str()], |found| {
                    Ok(Change::Location(row::location(found, term)?))
                })?
            }
            Key::Channel(channel) => {
                let sql = format!("SELECT {} FROM channels WHERE channel = ?1", row::CHANNEL);
                row::all(connection, &sql, [channel.as_str()], |found| Ok(Change::Channel(row::channel(found, term)?)))?
            }
        });
    }
    Ok(changes)
}

pub(super) fn heartbeat(
    connection: &Connection,
    holder: Uuid,
    t: Option<Timestamp>,
    lease: Duration,
) -> Result<Option<Timestamp>> {
    let now = now_in_tx(connection)?;
    let sql = "UPDATE relay SET holder = ?1, t = max(t, ?2), lease_until = ?3
        WHERE holder IS NULL OR holder = ?1 OR lease_until < ?4 RETURNING t";
    let stored = t.map_or(0, Timestamp::micros);
    let mut statement = connection.prepare_cached(sql)?;
    let params = params![holder.to_string(), stored, now.plus(lease).micros(), now.micros()];
    let led: Option<i64> = statement.query_one(params, |row| row.get(0)).optional()?;
    Ok(led.map(|stored| now.max(Timestamp::from_micros(stored))))
}
