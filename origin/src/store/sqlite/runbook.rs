//! The runbook's pages and restock notifications over SQLite.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use async_trait::async_trait;
use onhand_wire::{LocationId, Sku, Timestamp};
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::{Sqlite, begin, now_in_tx, row};
use crate::{
    record::Record,
    state::Book,
    store::{
        Result,
        runbook::{Attempt, Connections, Delivery, LowStock, Runbook, Undelivered},
        sql,
    },
};

const LOW: &str = "SELECT l.sku, l.location, max(0, i.on_hand - i.reserved - i.safety_stock), i.low_stock_at, l.since
    FROM low_stock l JOIN inventory_items i ON i.sku = l.sku AND i.location = l.location
    WHERE (l.sku, l.location) > (?1, ?2) ORDER BY l.sku, l.location LIMIT ?3";

/// A moment in JSON is text of one form: text order is time order.
const STUCK: &str = "SELECT body FROM reservations WHERE id > ?1 AND (state = 'held' AND expires_at <= ?2
        OR state = 'confirmed' AND created_at <= ?3 AND coalesce(json_extract(body, '$.confirmed_at') <= ?4, 1))
    ORDER BY id LIMIT ?5";

const TAKE: &str = "SELECT d.notification, d.target, d.attempts + 1, d.since, n.event, n.sku, n.location, n.at, n.seq,
        n.available, n.threshold
    FROM restock_deliveries d JOIN restock_notifications n ON n.id = d.notification
    WHERE NOT d.failed AND d.target = ?3 AND d.due <= ?1 ORDER BY d.due LIMIT ?2";

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

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

/// As it is kept: SQLite makes ids without hyphens.
fn id(delivery: &Delivery) -> String {
    delivery.notification.simple().to_string()
}

#[async_trait]
impl Runbook for Sqlite {
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

    async fn stuck(&self, stuck_after: Duration, beyond: Option<Uuid>, limit: usize) -> Result<Vec<Record>> {
        let beyond = beyond.map(|id| id.to_string()).unwrap_or_default();
        self.with(|connection| {
            let now = now_in_tx(connection)?;
            let since = Timestamp::from_micros(now.micros() - micros(stuck_after));
            let params = params![beyond, now.micros(), since.micros(), since.to_string(), limit as i64];
            row::all(connection, STUCK, params, |row| row::json("a reservation", &row.get::<_, String>(0)?))
        })
    }

    async fn tell(&self, targets: &[String], limit: usize) -> Result<usize> {
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

    /// One connection to a file of this machine: there is nothing to restart.
    async fn restart_connections(&self) -> Result<usize> {
        Ok(0)
    }

    fn connections(&self) -> Option<Connections> {
        None
    }
}
