//! Compares the ledger with the rows, and rebuilds the rows from the ledger alone.

use rusqlite::{Connection, Row, Transaction};

use super::row;
use crate::store::{
    Result,
    ledger::{self, Checker, LedgerCheck, Rebuilt, Step, Table},
};

const ROW_POLICY: &str = "json_object('safety_stock', safety_stock, 'backorder_limit', backorder_limit,
    'low_stock_at', low_stock_at, 'restock_at', restock_at, 'deleted', json(iif(deleted, 'true', 'false')))";

pub(super) fn verify(connection: &Connection, most: usize, progress: &dyn Fn(u64, u64)) -> Result<LedgerCheck> {
    let all: i64 = connection.query_one("SELECT count(*) FROM ledger", [], |row| row.get(0))?;
    let mut statement = connection.prepare(&ledger::steps(ROW_POLICY))?;
    let mut rows = statement.query([])?;
    let mut checker = Checker::new(most);
    while let Some(found) = rows.next()? {
        checker.take(step(found)?);
    }
    progress(all as u64, all as u64);
    Ok(checker.finish())
}

fn step(found: &Row<'_>) -> Result<Step> {
    let policy = found.get::<_, Option<String>>(8)?.map(|text| row::json("a ledger line's policy", &text));
    Ok(Step {
        sku: found.get(0)?,
        location: found.get(1)?,
        before: (found.get(2)?, found.get(3)?),
        after: (found.get(4)?, found.get(5)?),
        seq: found.get(6)?,
        at: row::time(found, 7)?,
        policy: policy.transpose()?,
        id: found.get(9)?,
        baseline: found.get(10)?,
        corrects: found.get(11)?,
    })
}

pub(super) fn rebuild_in_tx(whole: &Transaction<'_>, into: &Table) -> Result<Rebuilt> {
    if !into.is_rows() {
        let sql: String =
            whole.query_one("SELECT sql FROM sqlite_schema WHERE name = 'inventory_items'", [], |row| row.get(0))?;
        let sql = sql.replacen("TABLE inventory_items", &format!("TABLE IF NOT EXISTS {into}"), 1);
        whole.execute_batch(&sql)?;
    }
    let count = |sql: &str| -> Result<u64> { Ok(whole.query_one(sql, [], |row| row.get::<_, i64>(0))? as u64) };
    let there = count(&format!("SELECT count(*) FROM {into}"))?;
    if there > 0 {
        return Ok(Rebuilt::NotEmpty(there));
    }
    let rows = whole.execute(&ledger::rebuild(into), [])? as u64;
    Ok(Rebuilt::Done { rows, differences: count(&ledger::differences(into))? })
}
