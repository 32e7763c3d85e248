//! Converts rows to types.

use std::time::Duration;

use onhand_wire::{Channel, Item, Location, LocationId, Money, RestockAt, Sku, Timestamp, Version};
use rusqlite::{Connection, OptionalExtension, Row};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::{
    record::{ReservationRecord, StockRow},
    store::{Result, StoreError},
};

pub(super) use crate::store::sql::{LOCATION, STOCK};

pub(super) const ITEM: &str = "sku, name, brand, attributes, price, currency, active, deleted, seq, changed_at";
pub(super) const CHANNEL: &str = "channel, locations, allocation, seq, changed_at, deleted";

fn corrupt(what: &str, error: impl std::fmt::Display) -> StoreError {
    StoreError::Refused(format!("{what} in the database cannot be read: {error}"))
}

pub(super) fn json<T: DeserializeOwned>(what: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| corrupt(what, error))
}

fn text(row: &Row<'_>, column: usize) -> Result<String> {
    Ok(row.get(column)?)
}

pub(super) fn time(row: &Row<'_>, column: usize) -> Result<Timestamp> {
    Ok(Timestamp::from_micros(row.get(column)?))
}

pub(super) fn sku(row: &Row<'_>, column: usize) -> Result<Sku> {
    Sku::new(&text(row, column)?).map_err(|error| corrupt("a SKU", error))
}

pub(super) fn location_id(row: &Row<'_>, column: usize) -> Result<LocationId> {
    LocationId::new(&text(row, column)?).map_err(|error| corrupt("a location", error))
}

fn version(row: &Row<'_>, column: usize, term: u16) -> Result<Version> {
    Ok(Version::new(term, row.get::<_, i64>(column)? as u64))
}

pub(super) fn item(row: &Row<'_>, term: u16) -> Result<Item> {
    let price = row.get::<_, Option<i64>>(4)?.zip(row.get::<_, Option<String>>(5)?);
    Ok(Item {
        sku: sku(row, 0)?,
        name: row.get(1)?,
        brand: row.get(2)?,
        attributes: json("an item's attributes", &text(row, 3)?)?,
        price: price.map(|(amount, currency)| Money { amount, currency }),
        active: row.get(6)?,
        deleted: row.get(7)?,
        version: version(row, 8, term)?,
        changed_at: time(row, 9)?,
    })
}

pub(super) fn stock(row: &Row<'_>) -> Result<(Sku, LocationId, StockRow)> {
    stock_from(row, 0)
}

/// The same, from this column on.
pub(super) fn stock_from(row: &Row<'_>, at: usize) -> Result<(Sku, LocationId, StockRow)> {
    let held = StockRow {
        on_hand: row.get(at + 2)?,
        reserved: row.get(at + 3)?,
        safety_stock: row.get(at + 4)?,
        backorder_limit: row.get(at + 5)?,
        low_stock_at: row.get(at + 6)?,
        restock_at: row.get::<_, Option<String>>(at + 7)?.as_deref().and_then(RestockAt::parse),
        seq: row.get::<_, i64>(at + 8)? as u64,
        changed_at: time(row, at + 9)?,
        deleted: row.get(at + 10)?,
    };
    Ok((sku(row, at)?, location_id(row, at + 1)?, held))
}

pub(super) fn location(row: &Row<'_>, term: u16) -> Result<Location> {
    Ok(Location {
        location: location_id(row, 0)?,
        name: row.get(1)?,
        region: row.get(2)?,
        priority: row.get(3)?,
        lat: row.get(4)?,
        lon: row.get(5)?,
        enabled: row.get(6)?,
        pickup: row.get(7)?,
        version: version(row, 8, term)?,
        changed_at: time(row, 9)?,
        deleted: row.get(10)?,
    })
}

pub(super) fn channel(row: &Row<'_>, term: u16) -> Result<Channel> {
    Ok(Channel {
        channel: text(row, 0)?.parse().map_err(|error| corrupt("a channel", error))?,
        locations: json("a channel's locations", &text(row, 1)?)?,
        allocation: row.get(2)?,
        version: version(row, 3, term)?,
        changed_at: time(row, 4)?,
        deleted: row.get(5)?,
    })
}

pub(super) fn uuid(row: &Row<'_>, column: usize) -> Result<Uuid> {
    text(row, column)?.parse().map_err(|error| corrupt("an id", error))
}

/// `owner`: the owner that it must have; `None` accepts any.
pub(super) fn record(connection: &Connection, id: Uuid, owner: Option<&str>) -> Result<Option<ReservationRecord>> {
    let sql = "SELECT body FROM reservations WHERE id = ?1 AND (?2 IS NULL OR owner = ?2)";
    let mut statement = connection.prepare_cached(sql)?;
    let body: Option<String> = statement.query_one((id.to_string(), owner), |row| row.get(0)).optional()?;
    body.map(|body| json("a reservation", &body)).transpose()
}

/// Term and the oldest good one.
pub(super) fn term(connection: &Connection) -> Result<(u16, u16)> {
    let mut statement = connection.prepare_cached("SELECT term, good_since FROM origin_state")?;
    Ok(statement.query_one([], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// Every row of a query, read by `read`.
pub(super) fn all<T>(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    mut read: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

pub(super) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}
