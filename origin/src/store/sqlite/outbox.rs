//! What the relay reads, deletes and stores.

use std::time::Duration;

use onhand_wire::{Timestamp, event::Change};
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::{now_in_tx, row};
use crate::store::{OutboxRow, Result, Round, sql};

pub(super) fn round_in_tx(connection: &Connection, published: &[Change]) -> Result<Round> {
    let t = now_in_tx(connection)?;
    let (term, good_since) = row::term(connection)?;
    delete_in_tx(connection, published)?;
    let items = sql::pending(0, row::ITEM, "products", "t.sku = o.sku");
    let mut pending = row::all(connection, &items, [], |found| Ok(Change::Item(row::item(found, term)?)))?;
    let facts = sql::pending(1, row::STOCK, "inventory_items", "t.sku = o.sku AND t.location = o.location");
    pending.extend(row::all(connection, &facts, [], |found| {
        let (sku, location, held) = row::stock(found)?;
        Ok(Change::Fact(held.fact(&sku, &location, term)))
    })?);
    let locations = sql::pending(2, row::LOCATION, "locations", "t.location = o.location");
    pending.extend(row::all(connection, &locations, [], |found| Ok(Change::Location(row::location(found, term)?)))?);
    let channels = sql::pending(3, row::CHANNEL, "channels", "t.channel = o.location");
    pending.extend(row::all(connection, &channels, [], |found| Ok(Change::Channel(row::channel(found, term)?)))?);
    Ok(Round { t, term, good_since, pending })
}

pub(super) fn delete_in_tx(connection: &Connection, published: &[Change]) -> Result<()> {
    let (term, _) = row::term(connection)?;
    let sql = "DELETE FROM outbox WHERE kind = ?1 AND sku = ?2 AND location = ?3 AND seq <= ?4";
    let mut statement = connection.prepare_cached(sql)?;
    for row in published.iter().filter_map(OutboxRow::of).filter(|row| row.version.term() == term) {
        statement.execute(params![row.kind, row.sku, row.location, row.version.seq() as i64])?;
    }
    Ok(())
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
