//! The trail over SQLite.

use std::time::Duration;

use async_trait::async_trait;
use onhand_wire::Timestamp;
use rusqlite::{Connection, params};

use super::{Sqlite, now_in_tx, row};
use crate::{
    store::{Result, trail::Trail},
    trail::{Entry, Line, Query},
};

pub(super) fn lines_in_tx(connection: &Connection, lines: &[Line], at: Timestamp) -> Result<()> {
    let sql = "INSERT INTO admin_log (at, actor, kind, what, detail, correlation) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    for line in lines {
        let (kind, detail) = (line.kind.as_str(), line.detail.to_string());
        let params = params![at.micros(), line.actor, kind, line.what, detail, line.correlation];
        connection.prepare_cached(sql)?.execute(params)?;
    }
    Ok(())
}

const READ: &str = "SELECT id, at, actor, kind, what, detail, correlation FROM admin_log
    WHERE (?1 IS NULL OR actor = ?1) AND (?2 IS NULL OR kind = ?2) AND (?3 IS NULL OR at >= ?3)
        AND (?4 IS NULL OR at < ?4) AND (?5 IS NULL OR id < ?5)
    ORDER BY id DESC LIMIT ?6";

#[async_trait]
impl Trail for Sqlite {
    async fn record(&self, line: &Line) -> Result<()> {
        self.with(|connection| lines_in_tx(connection, std::slice::from_ref(line), now_in_tx(connection)?))
    }

    async fn trail(&self, query: &Query) -> Result<Vec<Entry>> {
        let (from, to) = (query.from.map(Timestamp::micros), query.to.map(Timestamp::micros));
        let kind = query.kind.map(|kind| kind.as_str());
        let params = params![query.actor, kind, from, to, query.before, query.limit as i64];
        let entry = |found: &rusqlite::Row<'_>| {
            Ok(Entry {
                id: found.get(0)?,
                time: row::time(found, 1)?,
                actor: found.get(2)?,
                kind: found.get(3)?,
                what: found.get(4)?,
                detail: row::json("the trail", &found.get::<_, String>(5)?)?,
                correlation: found.get(6)?,
            })
        };
        self.with(|connection| row::all(connection, READ, params, entry))
    }

    async fn forget_trail(&self, age: Duration) -> Result<u64> {
        self.with(|connection| {
            let oldest = now_in_tx(connection)?.micros() - age.as_micros() as i64;
            Ok(connection.execute("DELETE FROM admin_log WHERE at < ?1", [oldest])? as u64)
        })
    }
}
