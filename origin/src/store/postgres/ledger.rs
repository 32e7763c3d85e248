//! Compares the ledger with the rows, and rebuilds the rows from the ledger alone.

use deadpool_postgres::Object;
use futures_util::{TryStreamExt, pin_mut};
use tokio_postgres::{Client, IsolationLevel, Row};

use super::row;
use crate::store::{
    Result,
    ledger::{self, Checker, LedgerCheck, Rebuilt, Step, Table},
};

const ROW_POLICY: &str = "json_build_object('safety_stock', safety_stock, 'backorder_limit', backorder_limit,
    'low_stock_at', low_stock_at, 'restock_at', restock_at, 'deleted', deleted)";
/// Lines between two reports of progress.
const OFTEN: u64 = 4096;

pub(super) async fn verify(
    client: &mut Object,
    most: usize,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<LedgerCheck> {
    let snapshot =
        client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start().await?;
    // Without a limit, because nobody waits for this.
    snapshot.batch_execute("SET LOCAL statement_timeout = 0").await?;
    let all = snapshot.query_one("SELECT count(*) FROM ledger", &[]).await?.get::<_, i64>(0) as u64;
    let no_params: [&str; 0] = [];
    let steps = snapshot.query_raw(&ledger::steps(ROW_POLICY), no_params).await?;
    pin_mut!(steps);
    let mut checker = Checker::new(most);
    while let Some(found) = steps.try_next().await? {
        checker.take(step(&found)?);
        if checker.lines().is_multiple_of(OFTEN) {
            progress(checker.lines(), all);
        }
    }
    progress(all, all);
    Ok(checker.finish())
}

fn step(found: &Row) -> Result<Step> {
    let policy = found.get::<_, Option<&str>>(8).map(|text| row::json("a ledger line's policy", text));
    Ok(Step {
        sku: found.get(0),
        location: found.get(1),
        before: (found.get(2), found.get(3)),
        after: (found.get(4), found.get(5)),
        seq: found.get(6),
        at: row::time(found, 7),
        policy: policy.transpose()?,
        id: found.get(9),
        baseline: found.get(10),
        corrects: found.get(11),
    })
}

/// One transaction; a writer to the rows waits for its end.
pub(super) async fn rebuild(client: &mut Client, into: &Table) -> Result<Rebuilt> {
    let whole = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).start().await?;
    if !into.is_rows() {
        whole.batch_execute(&format!("CREATE TABLE IF NOT EXISTS {into} (LIKE inventory_items INCLUDING ALL)")).await?;
    }
    whole.batch_execute(&format!("LOCK TABLE {into} IN SHARE ROW EXCLUSIVE MODE")).await?;
    let there: i64 = whole.query_one(&format!("SELECT count(*) FROM {into}"), &[]).await?.get(0);
    if there > 0 {
        return Ok(Rebuilt::NotEmpty(there as u64));
    }
    let rows = whole.execute(&ledger::rebuild(into), &[]).await?;
    let differences: i64 = whole.query_one(&ledger::differences(into), &[]).await?.get(0);
    whole.commit().await?;
    Ok(Rebuilt::Done { rows, differences: differences as u64 })
}
