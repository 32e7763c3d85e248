//! Heartbeats of alerting over SQLite.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::params;

use super::{Sqlite, now_in_tx, row::micros};
use crate::store::{Result, alerting::Heartbeats};

const TAKE: &str = "UPDATE alerting SET leased_until = ?1 + ?4
    WHERE leased_until <= ?1 AND (told_silent <> ?2 OR ?2 AND told_at <= ?1 - ?3)";

#[async_trait]
impl Heartbeats for Sqlite {
    async fn alerting_heard(&self) -> Result<()> {
        self.with(|connection| {
            let now = now_in_tx(connection)?.micros();
            connection.execute("UPDATE alerting SET heard_at = ?1", [now])?;
            Ok(())
        })
    }

    async fn alerting_heard_ago(&self) -> Result<Option<Duration>> {
        self.with(|connection| {
            let now = now_in_tx(connection)?.micros();
            let heard: Option<i64> = connection.query_one("SELECT heard_at FROM alerting", [], |row| row.get(0))?;
            Ok(heard.map(|heard| Duration::from_micros(u64::try_from(now - heard).unwrap_or_default())))
        })
    }

    async fn take_telling(&self, silent: bool, again: Duration, lease: Duration) -> Result<bool> {
        self.with(|connection| {
            let now = now_in_tx(connection)?.micros();
            Ok(connection.execute(TAKE, params![now, silent, micros(again), micros(lease)])? > 0)
        })
    }

    async fn told(&self, silent: bool) -> Result<()> {
        self.with(|connection| {
            let now = now_in_tx(connection)?.micros();
            let sql = "UPDATE alerting SET told_silent = ?1, told_at = ?2, leased_until = 0";
            connection.execute(sql, params![silent, now])?;
            Ok(())
        })
    }
}
