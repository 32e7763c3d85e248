//! The runbook's pages and restock notifications over PostgreSQL.
//!
//! Writes here are single statements in a transaction of their own on a connection of the read
//! pool: a row that a batch's trigger may wait for is locked for one statement, never longer.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use async_trait::async_trait;
use deadpool_postgres::Object;
use onhand_wire::{LocationId, Sku};
use tokio_postgres::{Client, Row, types::ToSql};
use uuid::Uuid;

use super::{Postgres, row, session::DURABLE};
use crate::{
    record::Record,
    state::Book,
    store::{
        Result,
        runbook::{Attempt, Connections, Delivery, LowStock, Runbook, Undelivered},
        sql,
    },
};

const LOW: &str =
    "SELECT l.sku, l.location, greatest(0, i.on_hand - i.reserved - i.safety_stock), i.low_stock_at, l.since
    FROM low_stock l JOIN inventory_items i ON i.sku = l.sku AND i.location = l.location
    WHERE (l.sku, l.location) > ($1, $2) ORDER BY l.sku, l.location LIMIT $3";

/// Created before it was confirmed: the index on created_at leaves few to look into.
const STUCK: &str = "WITH now AS (SELECT greatest(clock_timestamp(), t) AS now FROM relay),
        since AS (SELECT now - $1 * interval '1 microsecond' AS since FROM now)
    SELECT id, body::text FROM (
        SELECT id, body FROM reservations WHERE state = 'held' AND expires_at <= (SELECT now FROM now)
        UNION ALL
        SELECT id, body FROM reservations WHERE state = 'confirmed' AND created_at <= (SELECT since FROM since)
            AND coalesce((body->>'confirmed_at')::timestamptz, created_at) <= (SELECT since FROM since)
    ) stuck WHERE id > $2 ORDER BY id LIMIT $3";

/// One statement: a crossing is either untold or has its deliveries.
const TELL: &str = "WITH told AS (
        UPDATE restock_notifications SET told = true WHERE id IN (
            SELECT id FROM restock_notifications WHERE NOT told ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)
        RETURNING id),
    made AS (
        INSERT INTO restock_deliveries (notification, target, since, due)
        SELECT id, target, clock_timestamp(), clock_timestamp() FROM told, unnest($1::text[]) AS target)
    SELECT count(*) FROM told";

const TAKE: &str = "WITH taken AS (
        UPDATE restock_deliveries d SET attempts = d.attempts + 1, due = clock_timestamp() + $2 * interval '1 microsecond'
        FROM (SELECT notification, target FROM restock_deliveries WHERE NOT failed AND target = $3 AND due <= clock_timestamp()
            ORDER BY due LIMIT $1 FOR UPDATE SKIP LOCKED) AS next
        WHERE d.notification = next.notification AND d.target = next.target
        RETURNING d.notification, d.target, d.attempts, d.since)
    SELECT t.notification, t.target, t.attempts, t.since, n.event, n.sku, n.location, n.at, n.seq, n.available, n.threshold
    FROM taken t JOIN restock_notifications n ON n.id = t.notification ORDER BY n.at";

const ACKNOWLEDGED: &str =
    "DELETE FROM restock_deliveries d USING unnest($1::uuid[], $2::text[]) AS u (notification, target)
    WHERE d.notification = u.notification AND d.target = u.target";

const AGAIN: &str = "UPDATE restock_deliveries d SET due = clock_timestamp() + u.micros * interval '1 microsecond', failed = u.failed
    FROM unnest($1::uuid[], $2::text[], $3::double precision[], $4::boolean[]) AS u (notification, target, micros, failed)
    WHERE d.notification = u.notification AND d.target = u.target";

const GIVE_UP_OTHERS: &str = "UPDATE restock_deliveries SET failed = true, due = clock_timestamp()
    WHERE NOT failed AND target <> ALL($1) AND since <= clock_timestamp() - $2 * interval '1 microsecond' RETURNING target";

const FORGET: &str = "WITH old AS (
        DELETE FROM restock_deliveries WHERE failed AND due < clock_timestamp() - $1 * interval '1 microsecond'
        RETURNING notification)
    DELETE FROM restock_notifications n WHERE told
        AND NOT EXISTS (SELECT 1 FROM restock_deliveries d WHERE d.notification = n.id)";

fn micros(span: Duration) -> f64 {
    span.as_micros() as f64
}

impl Postgres {
    /// One statement that writes, on a connection whose transactions only read unless told otherwise.
    pub(super) async fn write(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        let mut client: Object = self.reader().await?;
        let write = client.build_transaction().read_only(false).start().await?;
        // A frozen origin must not keep its locks.
        write.batch_execute(&format!("SET LOCAL idle_in_transaction_session_timeout = '1s'; {DURABLE}")).await?;
        let rows = write.query(sql, params).await?;
        write.commit().await?;
        Ok(rows)
    }
}

fn delivery(found: &Row) -> Delivery {
    Delivery {
        notification: found.get(0),
        target: found.get(1),
        attempts: found.get(2),
        since: row::time(found, 3),
        event: found.get(4),
        sku: found.get(5),
        location: found.get(6),
        at: row::time(found, 7),
        seq: found.get::<_, i64>(8) as u64,
        available: found.get(9),
        threshold: found.get(10),
    }
}

/// Under the SKUs' locks, in the batch's transaction.
pub(super) async fn books(client: &Client, skus: &BTreeSet<Sku>) -> Result<HashMap<(Sku, LocationId), Book>> {
    let skus: Vec<&str> = skus.iter().map(Sku::as_str).collect();
    let mut books = HashMap::<_, Book>::new();
    let key =
        |found: &Row| Ok::<_, crate::store::StoreError>((row::sku(found.get(0))?, row::location_id(found.get(1))?));
    for found in client.query(&sql::open_sums("= ANY($1)"), &[&skus]).await? {
        books.entry(key(&found)?).or_default().open = found.get(2);
    }
    for found in client.query(&sql::ledger_sums("WHERE sku = ANY($1)"), &[&skus]).await? {
        let book = books.entry(key(&found)?).or_default();
        book.sum = (found.get(2), found.get(3));
        book.last = (found.get(4), found.get(5));
        book.seq = found.get::<_, i64>(6) as u64;
    }
    Ok(books)
}

#[async_trait]
impl Runbook for Postgres {
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

    async fn stuck(&self, stuck_after: Duration, beyond: Option<Uuid>, limit: usize) -> Result<Vec<Record>> {
        let client = self.reader().await?;
        let params: [&(dyn ToSql + Sync); 3] = [&micros(stuck_after), &beyond.unwrap_or_default(), &(limit as i64)];
        let rows = client.query(STUCK, &params).await?;
        rows.iter().map(|found| row::json("a reservation", found.get(1))).collect()
    }

    async fn tell(&self, targets: &[String], limit: usize) -> Result<usize> {
        let rows = self.write(TELL, &[&targets, &(limit as i64)]).await?;
        Ok(rows.first().map_or(0, |found| found.get::<_, i64>(0)) as usize)
    }

    async fn take_deliveries(&self, target: &str, limit: usize, lease: Duration) -> Result<Vec<Delivery>> {
        let rows = self.write(TAKE, &[&(limit as i64), &micros(lease), &target]).await?;
        Ok(rows.iter().map(delivery).collect())
    }

    async fn give_up_others(&self, targets: &[String], age: Duration) -> Result<usize> {
        Ok(self.write(GIVE_UP_OTHERS, &[&targets, &micros(age)]).await?.len())
    }

    async fn settle_deliveries(&self, attempts: &[(Delivery, Attempt)]) -> Result<()> {
        let (done, open): (Vec<_>, Vec<_>) =
            attempts.iter().partition(|(_, attempt)| *attempt == Attempt::Acknowledged);
        if !done.is_empty() {
            let ids: Vec<Uuid> = done.iter().map(|(delivery, _)| delivery.notification).collect();
            let targets: Vec<&str> = done.iter().map(|(delivery, _)| delivery.target.as_str()).collect();
            self.write(ACKNOWLEDGED, &[&ids, &targets]).await?;
        }
        if !open.is_empty() {
            let ids: Vec<Uuid> = open.iter().map(|(delivery, _)| delivery.notification).collect();
            let targets: Vec<&str> = open.iter().map(|(delivery, _)| delivery.target.as_str()).collect();
            let later = |attempt: &Attempt| if let Attempt::Again(span) = attempt { micros(*span) } else { 0.0 };
            let pauses: Vec<f64> = open.iter().map(|(_, attempt)| later(attempt)).collect();
            let failed: Vec<bool> = open.iter().map(|(_, attempt)| *attempt == Attempt::GivenUp).collect();
            self.write(AGAIN, &[&ids, &targets, &pauses, &failed]).await?;
        }
        Ok(())
    }

    async fn forget_notifications(&self, kept: Duration) -> Result<()> {
        self.write(FORGET, &[&micros(kept)]).await.map(drop)
    }

    async fn undelivered(&self) -> Result<Undelivered> {
        let client = self.reader().await?;
        // What is not yet made out waits as well.
        let sql =
            "SELECT count(*) FILTER (WHERE NOT failed) + (SELECT count(*) FROM restock_notifications WHERE NOT told),
            count(*) FILTER (WHERE failed) FROM restock_deliveries";
        let found = client.query_one(sql, &[]).await?;
        Ok(Undelivered { pending: found.get(0), failed: found.get(1) })
    }

    async fn restart_connections(&self) -> Result<usize> {
        let (size, available) = (self.reads.status().size, self.reads.status().available);
        // Idle ones go now, those at work when they come back.
        self.oldest.is_now();
        let mut closed = self.reads.retain(|_, _| false).removed.len() + (size - available.min(size));
        closed += self.idle().drain(..).count();
        // Whoever is at work has the lock: a write under way is finished first.
        closed += usize::from(self.relay.lock().await.take().is_some());
        closed += usize::from(self.beats.lock().await.take().is_some());
        self.reader().await?.query_one("SELECT 1", &[]).await?;
        Ok(closed)
    }

    fn connections(&self) -> Option<Connections> {
        let status = self.reads.status();
        let idle = status.available.min(status.size);
        Some(Connections { max: status.max_size, active: status.size - idle, idle, pending: status.waiting })
    }
}
