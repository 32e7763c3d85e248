//! Converts rows to types, and back.

use std::time::Duration;

use chrono::{DateTime, Utc};
use onhand_wire::{Channel, Item, Location, LocationId, Money, RestockAt, Sku, Timestamp, Version};
use serde::de::DeserializeOwned;
use tokio_postgres::Row;

use crate::{
    record::StockRow,
    store::{Result, StoreError},
};

pub(super) use crate::store::sql::{LOCATION, STOCK};

/// The database's clock, held so that it never falls below the stored T.
pub(super) const MOMENT: &str = "SELECT greatest(clock_timestamp(), t) FROM relay";
pub(super) const ITEM: &str = "sku, name, brand, attributes::text, price, currency, active, deleted, seq, changed_at";
pub(super) const CHANNEL: &str = "channel, locations::text, allocation, seq, changed_at, deleted";

/// Id, body and the owner that was asked for, of each named reservation that the caller sees. Key by key, whatever the
/// plan was made for.
pub(super) const NAMED_RESERVATIONS: &str = "SELECT v.id, v.body::text, asked.owner
    FROM unnest($1::uuid[], $2::text[]) AS asked (id, owner), LATERAL (SELECT id, body FROM reservations
        WHERE id = asked.id AND (asked.owner IS NULL OR owner = asked.owner) OFFSET 0) v";

pub(super) fn utc(moment: Timestamp) -> DateTime<Utc> {
    moment.into()
}

pub(super) fn time(row: &Row, column: usize) -> Timestamp {
    row.get::<_, DateTime<Utc>>(column).into()
}

fn corrupt(what: &str, error: impl std::fmt::Display) -> StoreError {
    StoreError::Refused(format!("{what} in the database cannot be read: {error}"))
}

pub(super) fn json<T: DeserializeOwned>(what: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| corrupt(what, error))
}

pub(super) fn sku(text: &str) -> Result<Sku> {
    Sku::new(text).map_err(|error| corrupt("a SKU", error))
}

pub(super) fn location_id(text: &str) -> Result<LocationId> {
    LocationId::new(text).map_err(|error| corrupt("a location", error))
}

fn seq(row: &Row, column: usize) -> u64 {
    row.get::<_, i64>(column) as u64
}

pub(super) fn item(row: &Row, term: u16) -> Result<Item> {
    let price = row.get::<_, Option<i64>>(4).zip(row.get::<_, Option<String>>(5));
    Ok(Item {
        sku: sku(row.get(0))?,
        name: row.get(1),
        brand: row.get(2),
        attributes: json("an item's attributes", row.get(3))?,
        price: price.map(|(amount, currency)| Money { amount, currency }),
        active: row.get(6),
        deleted: row.get(7),
        version: Version::new(term, seq(row, 8)),
        changed_at: time(row, 9),
    })
}

pub(super) fn stock(row: &Row) -> Result<(Sku, LocationId, StockRow)> {
    stock_from(row, 0)
}

/// The same, from this column on.
pub(super) fn stock_from(row: &Row, at: usize) -> Result<(Sku, LocationId, StockRow)> {
    let held = StockRow {
        on_hand: row.get(at + 2),
        reserved: row.get(at + 3),
        safety_stock: row.get(at + 4),
        backorder_limit: row.get(at + 5),
        low_stock_at: row.get(at + 6),
        restock_at: row.get::<_, Option<&str>>(at + 7).and_then(RestockAt::parse),
        seq: seq(row, at + 8),
        changed_at: time(row, at + 9),
        deleted: row.get(at + 10),
    };
    Ok((sku(row.get(at))?, location_id(row.get(at + 1))?, held))
}

pub(super) fn location(row: &Row, term: u16) -> Result<Location> {
    Ok(Location {
        location: location_id(row.get(0))?,
        name: row.get(1),
        region: row.get(2),
        priority: row.get(3),
        lat: row.get(4),
        lon: row.get(5),
        enabled: row.get(6),
        pickup: row.get(7),
        version: Version::new(term, seq(row, 8)),
        changed_at: time(row, 9),
        deleted: row.get(10),
    })
}

pub(super) fn channel(row: &Row, term: u16) -> Result<Channel> {
    Ok(Channel {
        channel: row.get::<_, &str>(0).parse().map_err(|error| corrupt("a channel", error))?,
        locations: json("a channel's locations", row.get(1))?,
        allocation: row.get(2),
        version: Version::new(term, seq(row, 3)),
        changed_at: time(row, 4),
        deleted: row.get(5),
    })
}

pub(super) fn micros(span: Duration) -> f64 {
    span.as_micros() as f64
}
