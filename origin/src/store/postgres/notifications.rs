//! Restock notifications over PostgreSQL.
//!
//! Writes here are single statements in a transaction of their own on a connection of the read pool: a row that a
//! batch's trigger may wait for is locked only for one statement.

use std::time::Duration;

use async_trait::async_trait;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Postgres, row, row::micros};
use crate::store::{
    Result,
    notifications::{Attempt, Delivery, Notifications, Undelivered},
};

/// One statement, so a crossing has either all its deliveries or none.
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

#[async_trait]
impl Notifications for Postgres {
    async fn make_out_deliveries(&self, targets: &[String], limit: usize) -> Result<usize> {
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
        // Crossings without deliveries wait as well.
        let sql =
            "SELECT count(*) FILTER (WHERE NOT failed) + (SELECT count(*) FROM restock_notifications WHERE NOT told),
            count(*) FILTER (WHERE failed) FROM restock_deliveries";
        let found = client.query_one(sql, &[]).await?;
        Ok(Undelivered { pending: found.get(0), failed: found.get(1) })
    }
}
