//! Notices of orders' decisions over SQLite.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Row, params};

use super::{Sqlite, begin, now_in_tx, row, row::micros};
use crate::store::{
    Result,
    notices::{Notice, Notices},
    notifications::{Attempt, Undelivered},
};

const TAKE: &str = "SELECT order_id, at, target, state, reason, reservation, order_ref, subject, attempts + 1
    FROM order_notices WHERE NOT failed AND target = ?3 AND due <= ?1 ORDER BY due LIMIT ?2";

fn notice(row: &Row<'_>) -> Result<Notice> {
    let reservation: Option<String> = row.get(5)?;
    Ok(Notice {
        order: row::uuid(row, 0)?,
        at: row::time(row, 1)?,
        target: row.get(2)?,
        state: row.get(3)?,
        reason: row.get(4)?,
        reservation: reservation.and_then(|id| id.parse().ok()),
        order_ref: row.get(6)?,
        subject: row.get(7)?,
        attempts: row.get(8)?,
    })
}

#[async_trait]
impl Notices for Sqlite {
    async fn notify_of_orders(&self, targets: &[String]) -> Result<()> {
        self.with(|connection| {
            let tx = begin(connection)?;
            tx.execute("DELETE FROM order_notice_targets", [])?;
            for target in targets {
                tx.execute("INSERT OR IGNORE INTO order_notice_targets VALUES (?1)", [target])?;
            }
            Ok(tx.commit()?)
        })
    }

    async fn take_notices(&self, target: &str, limit: usize, lease: Duration) -> Result<Vec<Notice>> {
        self.with(|connection| {
            let tx = begin(connection)?;
            let now = now_in_tx(&tx)?;
            let taken = row::all(&tx, TAKE, params![now.micros(), limit as i64, target], notice)?;
            for notice in &taken {
                let sql = "UPDATE order_notices SET attempts = attempts + 1, due = ?4
                    WHERE order_id = ?1 AND at = ?2 AND target = ?3";
                let due = now.plus(lease).micros();
                tx.execute(sql, params![notice.order.to_string(), notice.at.micros(), notice.target, due])?;
            }
            tx.commit()?;
            Ok(taken)
        })
    }

    async fn settle_notices(&self, attempts: &[(Notice, Attempt)]) -> Result<()> {
        self.with(|connection| {
            let tx = begin(connection)?;
            let now = now_in_tx(&tx)?;
            for (notice, attempt) in attempts {
                let (id, at) = (notice.order.to_string(), notice.at.micros());
                if *attempt == Attempt::Acknowledged {
                    let sql = "DELETE FROM order_notices WHERE order_id = ?1 AND at = ?2 AND target = ?3";
                    tx.execute(sql, params![id, at, notice.target])?;
                    continue;
                }
                let pause = if let Attempt::Again(span) = attempt { micros(*span) } else { 0 };
                let sql = "UPDATE order_notices SET due = ?4, failed = ?5
                    WHERE order_id = ?1 AND at = ?2 AND target = ?3";
                let given_up = *attempt == Attempt::GivenUp;
                tx.execute(sql, params![id, at, notice.target, now.micros() + pause, given_up])?;
            }
            Ok(tx.commit()?)
        })
    }

    async fn give_up_other_notices(&self, targets: &[String], age: Duration) -> Result<usize> {
        let known = serde_json::to_string(targets).expect("plain data encodes");
        self.with(|connection| {
            let now = now_in_tx(connection)?.micros();
            let sql = "UPDATE order_notices SET failed = 1, due = ?1
                WHERE NOT failed AND target NOT IN (SELECT value FROM json_each(?2)) AND at <= ?3";
            Ok(connection.execute(sql, params![now, known, now - micros(age)])?)
        })
    }

    async fn forget_notices(&self, kept: Duration) -> Result<()> {
        self.with(|connection| {
            let before = now_in_tx(connection)?.micros() - micros(kept);
            Ok(connection.execute("DELETE FROM order_notices WHERE failed AND due < ?1", [before]).map(drop)?)
        })
    }

    async fn undelivered_notices(&self) -> Result<Undelivered> {
        let sql = "SELECT count(*) FILTER (WHERE NOT failed), count(*) FILTER (WHERE failed) FROM order_notices";
        let read = |row: &Row<'_>| Ok(Undelivered { pending: row.get(0)?, failed: row.get(1)? });
        self.with(|connection| Ok(row::all(connection, sql, [], read)?.into_iter().next().unwrap_or_default()))
    }
}
