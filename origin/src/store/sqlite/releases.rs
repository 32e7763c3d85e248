//! Releases of rules over SQLite.

use std::time::Duration;

use async_trait::async_trait;
use onhand_wire::release::{Manifest, Release};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{Sqlite, begin, now_in_tx, row};
use crate::{
    store::{
        Result,
        releases::{
            After, BackTo, By, Plan, Pushed, ReleaseOutcome, Releases, RuleState, Standing, after_push,
            after_roll_back, plan,
        },
    },
    trail::Line,
};

const STANDING: &str =
    "SELECT m.manifest, r.announced FROM rules r JOIN rule_manifests m ON m.rule = r.rule AND m.seq = r.seq";

fn manifest(row: &Row<'_>) -> Result<Manifest> {
    row::json("a manifest", &row.get::<_, String>(0)?)
}

fn now_state_in_tx(connection: &Connection, rule: &str) -> Result<Option<RuleState>> {
    let sql = "SELECT seq FROM rules WHERE rule = ?1";
    let seq: Option<i64> = connection.query_row(sql, [rule], |row| row.get(0)).optional()?;
    seq.map_or(Ok(None), |seq| state_in_tx(connection, rule, seq))
}

fn state_in_tx(connection: &Connection, rule: &str, seq: i64) -> Result<Option<RuleState>> {
    let sql = "SELECT manifest, before FROM rule_manifests WHERE rule = ?1 AND seq = ?2";
    let state = |row: &Row<'_>| Ok(RuleState { manifest: manifest(row)?, before: row.get::<_, i64>(1)? as u64 });
    Ok(row::all(connection, sql, params![rule, seq], state)?.pop())
}

fn write_in_tx(connection: &Connection, state: &RuleState) -> Result<()> {
    let (rule, seq) = (&state.manifest.rule, state.manifest.seq as i64);
    let text = serde_json::to_string(&state.manifest).expect("plain data encodes");
    let sql = "INSERT INTO rule_manifests (rule, seq, before, manifest) VALUES (?1, ?2, ?3, ?4)";
    connection.execute(sql, params![rule, seq, state.before as i64, text])?;
    let sql = "INSERT INTO rules (rule, seq) VALUES (?1, ?2) ON CONFLICT (rule) DO UPDATE SET seq = ?2, announced = 0";
    connection.execute(sql, params![rule, seq])?;
    let line = Line::of_release(&state.manifest);
    super::trail::lines_in_tx(connection, std::slice::from_ref(&line), state.manifest.at)
}

fn keep_in_tx(connection: &Connection, pushed: &Pushed) -> Result<()> {
    let (digest, component) = (&pushed.released.digest, &pushed.released.component);
    let sql = "INSERT INTO rule_components (digest, component) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    connection.execute(sql, params![component, pushed.release.component])?;
    let beside = Release { component: Vec::new(), ..pushed.release.clone() };
    let beside = serde_json::to_string(&beside).expect("plain data encodes");
    let sql = "INSERT INTO rule_releases (digest, component, beside) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    connection.execute(sql, params![digest, component, beside])?;
    Ok(())
}

/// Writes what there is to be written.
fn settle<'a>(
    tx: Transaction<'_>,
    after: After,
    releases: impl IntoIterator<Item = Option<&'a Pushed>>,
) -> Result<ReleaseOutcome> {
    let then = match after {
        Ok(then) => then,
        Err(outcome) => return Ok(*outcome),
    };
    for pushed in releases.into_iter().flatten() {
        keep_in_tx(&tx, pushed)?;
    }
    write_in_tx(&tx, &then)?;
    tx.commit()?;
    Ok(ReleaseOutcome::Changed(then.manifest))
}

#[async_trait]
impl Releases for Sqlite {
    async fn push(&self, pushed: &Pushed, by: &By) -> Result<ReleaseOutcome> {
        self.with(|connection| {
            let tx = begin(connection)?;
            let now = now_state_in_tx(&tx, &pushed.rule)?;
            let after = after_push(now.as_ref(), pushed, by, now_in_tx(&tx)?);
            settle(tx, after, [Some(pushed)])
        })
    }

    async fn roll_back_plan(&self, rule: &str) -> Result<Option<Plan>> {
        self.with(|connection| {
            let Some(now) = now_state_in_tx(connection, rule)? else { return Ok(None) };
            let then = state_in_tx(connection, rule, now.before as i64)?;
            plan(now.manifest, then.map(|then| then.manifest))
        })
    }

    async fn roll_back(&self, back: &BackTo, by: &By) -> Result<ReleaseOutcome> {
        self.with(|connection| {
            let tx = begin(connection)?;
            let Some(now) = now_state_in_tx(&tx, &back.rule)? else { return Ok(ReleaseOutcome::Moved(None)) };
            let then = state_in_tx(&tx, &back.rule, now.before as i64)?;
            let after = after_roll_back(&now, then.as_ref(), back, by, now_in_tx(&tx)?);
            settle(tx, after, [back.full.as_ref(), back.next.as_ref()])
        })
    }

    async fn release(&self, digest: &str) -> Result<Option<Release>> {
        let sql = "SELECT r.beside, c.component FROM rule_releases r JOIN rule_components c ON c.digest = r.component
            WHERE r.digest = ?1";
        let release = |found: &Row<'_>| {
            let beside: Release = row::json("a release", &found.get::<_, String>(0)?)?;
            Ok(Release { component: found.get(1)?, ..beside })
        };
        self.with(|connection| Ok(row::all(connection, sql, [digest], release)?.pop()))
    }

    async fn rules(&self, after: &str, limit: usize) -> Result<Vec<Standing>> {
        let sql = format!("{STANDING} WHERE r.rule > ?1 ORDER BY r.rule LIMIT ?2");
        let standing = |row: &Row<'_>| Ok(Standing { manifest: manifest(row)?, announced: row.get(1)? });
        self.with(|connection| row::all(connection, &sql, params![after, limit as i64], standing))
    }

    async fn manifests(&self, rule: &str, before: Option<u64>, limit: usize) -> Result<Vec<Manifest>> {
        let sql = "SELECT manifest FROM rule_manifests WHERE rule = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3";
        let before = before.and_then(|seq| i64::try_from(seq).ok()).unwrap_or(i64::MAX);
        self.with(|connection| row::all(connection, sql, params![rule, before, limit as i64], manifest))
    }

    async fn announce_all(&self) -> Result<()> {
        self.with(|connection| Ok(connection.execute("UPDATE rules SET announced = 0", []).map(drop)?))
    }

    async fn take_unannounced(&self, lease: Duration) -> Result<Vec<Manifest>> {
        self.with(|connection| {
            let tx = begin(connection)?;
            let now = now_in_tx(&tx)?.micros();
            let sql = format!("{STANDING} WHERE NOT r.announced AND r.due <= ?1 ORDER BY r.rule");
            let taken = row::all(&tx, &sql, [now], manifest)?;
            let sql = "UPDATE rules SET due = ?2 WHERE NOT announced AND due <= ?1";
            tx.execute(sql, [now, now.saturating_add(row::micros(lease))])?;
            tx.commit()?;
            Ok(taken)
        })
    }

    async fn settle_announcement(&self, rule: &str, seq: Option<u64>, pause: Duration) -> Result<()> {
        // No rule has a seq below 0.
        let seq = seq.and_then(|seq| i64::try_from(seq).ok()).unwrap_or(-1);
        self.with(|connection| {
            let due = now_in_tx(connection)?.micros().saturating_add(row::micros(pause));
            connection.execute(
                "UPDATE rules SET announced = (seq = ?2), due = ?3 WHERE rule = ?1",
                params![rule, seq, due],
            )?;
            Ok(())
        })
    }

    async fn unannounced(&self) -> Result<i64> {
        self.with(|connection| {
            Ok(connection.query_one("SELECT count(*) FROM rules WHERE NOT announced", [], |row| row.get(0))?)
        })
    }
}
