//! Lists for operators, over PostgreSQL.

use std::time::Duration;

use async_trait::async_trait;
use onhand_wire::Sku;
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::{Postgres, row};
use crate::{
    record::ReservationRecord,
    store::{
        Result, sql,
        stock_lists::{LowStock, StockLists},
    },
};

const LOW: &str =
    "SELECT l.sku, l.location, greatest(0, i.on_hand - i.reserved - i.safety_stock), i.low_stock_at, l.since
    FROM low_stock l JOIN inventory_items i ON i.sku = l.sku AND i.location = l.location
    WHERE (l.sku, l.location) > ($1, $2) ORDER BY l.sku, l.location LIMIT $3";

/// A reservation is created before it is confirmed, so the index on created_at leaves few to read.
const STUCK: &str = "WITH now AS (SELECT greatest(clock_timestamp(), t) AS now FROM relay),
        since AS (SELECT now - $1 * interval '1 microsecond' AS since FROM now)
    SELECT id, body::text FROM (
        SELECT id, body FROM reservations WHERE state = 'held' AND expires_at <= (SELECT now FROM now)
        UNION ALL
        SELECT id, body FROM reservations WHERE state = 'confirmed' AND created_at <= (SELECT since FROM since)
            AND coalesce((body->>'confirmed_at')::timestamptz, created_at) <= (SELECT since FROM since)
    ) stuck WHERE id > $2 ORDER BY id LIMIT $3";

#[async_trait]
impl StockLists for Postgres {
    async fn most_held(&self, limit: usize) -> Result<Vec<Sku>> {
        let client = self.reader().await?;
        let rows = client.query(sql::MOST_HELD, &[&(limit as i64)]).await?;
        rows.iter().map(|found| row::sku(found.get(0))).collect()
    }

    async fn low_stock(&self, after: Option<(String, String)>, limit: usize) -> Result<Vec<LowStock>> {
        let (sku, location) = after.unwrap_or_default();
        let client = self.reader().await?;
        let rows = client.query(LOW, &[&sku, &location, &(limit as i64)]).await?;
        let low = |found: &Row| LowStock {
            sku: found.get(0),
            location: found.get(1),
            available: found.get(2),
            threshold: found.get(3),
            since: row::time(found, 4),
        };
        Ok(rows.iter().map(low).collect())
    }

    async fn low_stock_items(&self) -> Result<i64> {
        let client = self.reader().await?;
        Ok(client.query_one("SELECT count(*) FROM low_stock", &[]).await?.get(0))
    }

    async fn stuck(&self, stuck_after: Duration, beyond: Option<Uuid>, limit: usize) -> Result<Vec<ReservationRecord>> {
        let client = self.reader().await?;
        let params: [&(dyn ToSql + Sync); 3] =
            [&row::micros(stuck_after), &beyond.unwrap_or_default(), &(limit as i64)];
        let rows = client.query(STUCK, &params).await?;
        rows.iter().map(|found| row::json("a reservation", found.get(1))).collect()
    }
}
