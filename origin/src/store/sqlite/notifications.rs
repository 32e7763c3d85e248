//! Restock notifications over SQLite.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Row, params};

use super::{Sqlite, begin, now_in_tx, row, row::micros};
use crate::store::{
    Result,
    notifications::{Attempt, Delivery, Notifications, Undelivered},
};

const TAKE: &str = "SELECT d.notification, d.target, d.attempts + 1, d.since, n.event, n.sku, n.location, n.at, n.seq,
        n.available, n.threshold
    FROM restock_deliveries d JOIN restock_notifications n ON n.id = d.notification
    WHERE NOT d.failed AND d.target = ?3 AND d.due <= ?1 ORDER BY d.due LIMIT ?2";

fn delivery(row: &Row<'_>) -> Result<Delivery> {
    Ok(Delivery {
        notification: row::uuid(row, 0)?,
        target: row.get(1)?,
        attempts: row.get(2)?,
        since: row::time(row, 3)?,
        event: row.get(4)?,
        sku: row.get(5)?,
        location: row.get(6)?,
        at: row::time(row, 7)?,
        seq: row.get::<_, i64>(8)? as u64,
        available: row.get(9)?,
        threshold: row.get(10)?,
    })
}

/// The id as it is stored: SQLite makes ids without hyphens.
fn id(delivery: &Delivery) -> String {
    delivery.notification.simple().to_string()
}

#[async_trait]
impl Notifications for Sqlite {
    async fn make_out_deliveries(&self, targets: &[String], limit: usize) -> Result<usize> {
        self.with(|connection| {
            let tx = begin(connection)?;
            let now = now_in_tx(&tx)?.micros();
            let untold = "SELECT id FROM restock_notifications WHERE NOT told ORDER BY at LIMIT ?1";
            let ids = row::all(&tx, untold, [limit as i64], |row| Ok(row.get::<_, String>(0)?))?;
            for id in &ids {
                for target in targets {
                    let sql =
                        "INSERT INTO restock_deliveries (notification, target, since, due) VALUES (?1, ?2, ?3, ?3)";
                    tx.execute(sql, params![id, target, now])?;
                }
                tx.execute("UPDATE restock_notifications SET told = 1 WHERE id = ?1", [id])?;
            }
            tx.commit()?;
            Ok(ids.len())
        })
    }

    async fn take_deliveries(&self, target: &str, limit: usize, lease: Duration) -> Result<Vec<Delivery>> {
        self.with(|connection| {
            let tx = begin(connection)?;
            let now = now_in_tx(&tx)?.micros();
            let taken = row::all(&tx, TAKE, params![now, limit as i64, target], delivery)?;
            for delivery in &taken {
                let sql = "UPDATE restock_deliveries SET attempts = attempts + 1, due = ?3 WHERE notification = ?1 AND target = ?2";
                tx.execute(sql, params![id(delivery), delivery.target, now + micros(lease)])?;
            }
            tx.commit()?;
            Ok(taken)
        })
    }

    async fn give_up_others(&self, targets: &[String], age: Duration) -> Result<usize> {
        self.with(|connection| {
            let now = now_in_tx(connection)?.micros();
            let sql = "UPDATE restock_deliveries SET failed = 1, due = ?2
                WHERE NOT failed AND since <= ?3 AND target NOT IN (SELECT value FROM json_each(?1))";
            let targets = serde_json::to_string(targets).expect("plain data encodes");
            Ok(connection.execute(sql, params![targets, now, now - micros(age)])?)
        })
    }

    async fn settle_deliveries(&self, attempts: &[(Delivery, Attempt)]) -> Result<()> {
        self.with(|connection| {
            let tx = begin(connection)?;
            let now = now_in_tx(&tx)?.micros();
            let again = "UPDATE restock_deliveries SET due = ?3, failed = ?4 WHERE notification = ?1 AND target = ?2";
            for (delivery, attempt) in attempts {
                let (id, target) = (id(delivery), &delivery.target);
                match attempt {
                    Attempt::Acknowledged => {
                        let sql = "DELETE FROM restock_deliveries WHERE notification = ?1 AND target = ?2";
                        tx.execute(sql, params![id, target])?
                    }
                    Attempt::Again(span) => tx.execute(again, params![id, target, now + micros(*span), false])?,
                    Attempt::GivenUp => tx.execute(again, params![id, target, now, true])?,
                };
            }
            Ok(tx.commit()?)
        })
    }

    async fn forget_notifications(&self, kept: Duration) -> Result<()> {
        self.with(|connection| {
            let oldest = now_in_tx(connection)?.micros() - micros(kept);
            connection.execute("DELETE FROM restock_deliveries WHERE failed AND due < ?1", [oldest])?;
            let sql = "DELETE FROM restock_notifications WHERE told
                AND NOT EXISTS (SELECT 1 FROM restock_deliveries d WHERE d.notification = id)";
            connection.execute(sql, [])?;
            Ok(())
        })
    }

    async fn undelivered(&self) -> Result<Undelivered> {
        self.with(|connection| {
            let sql = "SELECT (SELECT count(*) FROM restock_deliveries WHERE NOT failed)
                    + (SELECT count(*) FROM restock_notifications WHERE NOT told),
                (SELECT count(*) FROM restock_deliveries WHERE failed)";
            let found = |row: &Row<'_>| Ok(Undelivered { pending: row.get(0)?, failed: row.get(1)? });
            Ok(connection.query_one(sql, [], found)?)
        })
    }
}
