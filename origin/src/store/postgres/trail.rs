//! The trail over PostgreSQL.

use std::time::Duration;

use async_trait::async_trait;
use onhand_wire::Timestamp;
use tokio_postgres::{Transaction, types::ToSql};

use super::{Postgres, row};
use crate::{
    store::{Result, trail::Trail},
    trail::{Entry, Line, Query},
};

/// A batch's lines: one statement, whatever their number.
pub(super) const LINES: &str = "INSERT INTO admin_log (at, actor, kind, what, detail, correlation)
    SELECT $1, actor, kind, what, detail::json, correlation
    FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) AS u (actor, kind, what, detail, correlation)";

pub(super) const LINE: &str = "INSERT INTO admin_log (at, actor, kind, what, detail, correlation)
    SELECT greatest(clock_timestamp(), t), $1, $2, $3, $4::text::json, $5 FROM relay";

/// In the transaction of the change that it records.
pub(super) async fn line_in_tx(tx: &Transaction<'_>, line: &Line, at: Timestamp) -> Result<()> {
    let sql = "INSERT INTO admin_log (at, actor, kind, what, detail, correlation) VALUES ($1, $2, $3, $4, $5::text::json, $6)";
    let (at, detail) = (row::utc(at), line.detail.to_string());
    tx.execute(sql, &[&at, &line.actor, &line.kind.as_str(), &line.what, &detail, &line.correlation]).await?;
    Ok(())
}

const READ: &str = "SELECT id, at, actor, kind, what, detail::text, correlation FROM admin_log
    WHERE ($1::text IS NULL OR actor = $1) AND ($2::text IS NULL OR kind = $2)
        AND ($3::timestamptz IS NULL OR at >= $3) AND ($4::timestamptz IS NULL OR at < $4)
        AND ($5::bigint IS NULL OR id < $5)
    ORDER BY id DESC LIMIT $6";

const FORGET: &str = "WITH gone AS (
        DELETE FROM admin_log WHERE at < clock_timestamp() - $1 * interval '1 second' RETURNING 1)
    SELECT count(*) FROM gone";

#[async_trait]
impl Trail for Postgres {
    async fn record(&self, line: &Line) -> Result<()> {
        let detail = line.detail.to_string();
        let params: [&(dyn ToSql + Sync); 5] =
            [&line.actor, &line.kind.as_str(), &line.what, &detail, &line.correlation];
        self.write(LINE, &params).await.map(drop)
    }

    async fn trail(&self, query: &Query) -> Result<Vec<Entry>> {
        let (from, to) = (query.from.map(row::utc), query.to.map(row::utc));
        let (kind, limit) = (query.kind.map(|kind| kind.as_str()), query.limit as i64);
        let params: [&(dyn ToSql + Sync); 6] = [&query.actor, &kind, &from, &to, &query.before, &limit];
        let found = self.reader().await?.query(READ, &params).await?;
        let entry = |found: &tokio_postgres::Row| {
            Ok(Entry {
                id: found.get(0),
                time: row::time(found, 1),
                actor: found.get(2),
                kind: found.get(3),
                what: found.get(4),
                detail: row::json("the trail", found.get(5))?,
                correlation: found.get(6),
            })
        };
        found.iter().map(entry).collect()
    }

    async fn forget_trail(&self, age: Duration) -> Result<u64> {
        let gone = self.write(FORGET, &[&age.as_secs_f64()]).await?;
        Ok(gone.first().map_or(0, |found| found.get::<_, i64>(0) as u64))
    }
}
