//! Lists for operators, over SQLite.

use std::time::Duration;

use async_trait::async_trait;
use onhand_wire::{Sku, Timestamp};
use rusqlite::{Row, params};
use uuid::Uuid;

use super::{Sqlite, now_in_tx, row};
use crate::{
    record::ReservationRecord,
    store::{
        Result, sql,
        stock_lists::{LowStock, StockLists},
    },
};

const LOW: &str = "SELECT l.sku, l.location, max(0, i.on_hand - i.reserved - i.safety_stock), i.low_stock_at, l.since
    FROM low_stock l JOIN inventory_items i ON i.sku = l.sku AND i.location = l.location
    WHERE (l.sku, l.location) > (?1, ?2) ORDER BY l.sku, l.location LIMIT ?3";

/// Times in JSON all have the same form, so text order is time order.
const STUCK: &str = "SELECT body FROM reservations WHERE id > ?1 AND (state = 'held' AND expires_at <= ?2
        OR state = 'confirmed' AND created_at <= ?3 AND coalesce(json_extract(body, '$.confirmed_at') <= ?4, 1))
    ORDER BY id LIMIT ?5";

#[async_trait]
impl StockLists for Sqlite {
    async fn most_held(&self, limit: usize) -> Result<Vec<Sku>> {
        self.with(|connection| row::all(connection, sql::MOST_HELD, [limit as i64], |found| row::sku(found, 0)))
    }

    async fn low_stock(&self, after: Option<(String, String)>, limit: usize) -> Result<Vec<LowStock>> {
        let (sku, location) = after.unwrap_or_default();
        let low = |row: &Row<'_>| {
            let (available, threshold, since) = (row.get(2)?, row.get(3)?, row::time(row, 4)?);
            Ok(LowStock { sku: row.get(0)?, location: row.get(1)?, available, threshold, since })
        };
        self.with(|connection| row::all(connection, LOW, params![sku, location, limit as i64], low))
    }

    async fn low_stock_items(&self) -> Result<i64> {
        self.with(|connection| Ok(connection.query_one("SELECT count(*) FROM low_stock", [], |row| row.get(0))?))
    }

    async fn stuck(&self, stuck_after: Duration, beyond: Option<Uuid>, limit: usize) -> Result<Vec<ReservationRecord>> {
        let beyond = beyond.map(|id| id.to_string()).unwrap_or_default();
        self.with(|connection| {
            let now = now_in_tx(connection)?;
            let since = Timestamp::from_micros(now.micros() - row::micros(stuck_after));
            let params = params![beyond, now.micros(), since.micros(), since.to_string(), limit as i64];
            row::all(connection, STUCK, params, |row| row::json("a reservation", &row.get::<_, String>(0)?))
        })
    }
}
