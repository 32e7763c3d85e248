//! Releases of rules over PostgreSQL.
//!
//! A change has a session of its own: it is rare, it may have megabytes, and it must check, as a batch does, that its
//! COMMIT waited for a standby. The rule's row in `rules` is its lock.

use std::time::Duration;

use async_trait::async_trait;
use onhand_wire::{
    Timestamp,
    release::{Manifest, Release},
};
use tokio_postgres::{Client, Row, Transaction};

use super::{
    Postgres, home, row,
    session::{Purpose, Session},
};
use crate::{
    store::{
        Result, StoreError,
        releases::{
            After, BackTo, By, Plan, Pushed, ReleaseOutcome, Releases, RuleState, Standing, after_push,
            after_roll_back, plan,
        },
    },
    trail::Line,
};

/// Megabytes may be written to disk.
const PATIENCE: Duration = Duration::from_secs(60);
/// A frozen origin must not keep the rule's lock.
const LIMITS: &str = "SET LOCAL statement_timeout = '50s'; SET LOCAL lock_timeout = '5s';
    SET LOCAL idle_in_transaction_session_timeout = '5s'";

/// Skips those that are being announced: they have a lease.
const TAKE: &str = "UPDATE rules r SET due = clock_timestamp() + $1 * interval '1 microsecond'
    FROM (SELECT rule FROM rules WHERE NOT announced AND due <= clock_timestamp() FOR UPDATE SKIP LOCKED) next,
        rule_manifests m
    WHERE r.rule = next.rule AND m.rule = r.rule AND m.seq = r.seq RETURNING m.manifest";

const SETTLE: &str = "UPDATE rules SET announced = (seq = $2), due = clock_timestamp() + $3 * interval '1 microsecond'
    WHERE rule = $1 RETURNING rule";

const PLAN: &str = "SELECT m.manifest, old.manifest FROM rules r
    JOIN rule_manifests m ON m.rule = r.rule AND m.seq = r.seq
    LEFT JOIN rule_manifests old ON old.rule = r.rule AND old.seq = m.before WHERE r.rule = $1";

fn manifest(row: &Row) -> Result<Manifest> {
    row::json("a manifest", row.get(0))
}

/// The rule's current state, with its row locked.
async fn locked_in_tx(tx: &Transaction<'_>, rule: &str) -> Result<Option<RuleState>> {
    tx.execute("INSERT INTO rules (rule, seq) VALUES ($1, 0) ON CONFLICT DO NOTHING", &[&rule]).await?;
    let seq: i64 = tx.query_one("SELECT seq FROM rules WHERE rule = $1 FOR UPDATE", &[&rule]).await?.get(0);
    state_in_tx(tx, rule, seq).await
}

async fn state_in_tx(tx: &Transaction<'_>, rule: &str, seq: i64) -> Result<Option<RuleState>> {
    let sql = "SELECT manifest, before FROM rule_manifests WHERE rule = $1 AND seq = $2";
    let Some(found) = tx.query_opt(sql, &[&rule, &seq]).await? else { return Ok(None) };
    Ok(Some(RuleState { manifest: manifest(&found)?, before: found.get::<_, i64>(1) as u64 }))
}

async fn moment_in_tx(tx: &Transaction<'_>) -> Result<Timestamp> {
    Ok(row::time(&tx.query_one(row::MOMENT, &[]).await?, 0))
}

async fn write_in_tx(tx: &Transaction<'_>, state: &RuleState) -> Result<()> {
    let (rule, seq) = (&state.manifest.rule, state.manifest.seq as i64);
    let text = serde_json::to_string(&state.manifest).expect("plain data encodes");
    let sql = "INSERT INTO rule_manifests (rule, seq, before, manifest) VALUES ($1, $2, $3, $4)";
    tx.execute(sql, &[rule, &seq, &(state.before as i64), &text]).await?;
    // Keeps the lease: the previous state is announced first.
    tx.execute("UPDATE rules SET seq = $2, announced = false WHERE rule = $1", &[rule, &seq]).await?;
    super::trail::line_in_tx(tx, &Line::of_release(&state.manifest), state.manifest.at).await
}

async fn keep_in_tx(tx: &Transaction<'_>, pushed: &Pushed) -> Result<()> {
    let (digest, component) = (&pushed.released.digest, &pushed.released.component);
    let sql = "INSERT INTO rule_components (digest, component) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    tx.execute(sql, &[component, &pushed.release.component]).await?;
    let beside = Release { component: Vec::new(), ..pushed.release.clone() };
    let beside = serde_json::to_string(&beside).expect("plain data encodes");
    let sql = "INSERT INTO rule_releases (digest, component, beside) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    tx.execute(sql, &[digest, component, &beside]).await?;
    Ok(())
}

async fn push(client: &mut Client, pushed: &Pushed, by: &By) -> Result<ReleaseOutcome> {
    let tx = client.transaction().await?;
    tx.batch_execute(LIMITS).await?;
    let now = locked_in_tx(&tx, &pushed.rule).await?;
    let at = moment_in_tx(&tx).await?;
    settle(tx, after_push(now.as_ref(), pushed, by, at), [Some(pushed)]).await
}

async fn roll_back(client: &mut Client, back: &BackTo, by: &By) -> Result<ReleaseOutcome> {
    let tx = client.transaction().await?;
    tx.batch_execute(LIMITS).await?;
    let Some(now) = locked_in_tx(&tx, &back.rule).await? else { return Ok(ReleaseOutcome::Moved(None)) };
    let then = state_in_tx(&tx, &back.rule, now.before as i64).await?;
    let after = after_roll_back(&now, then.as_ref(), back, by, moment_in_tx(&tx).await?);
    settle(tx, after, [back.full.as_ref(), back.next.as_ref()]).await
}

/// Writes what there is to be written.
async fn settle(
    tx: Transaction<'_>,
    after: After,
    releases: impl IntoIterator<Item = Option<&Pushed>>,
) -> Result<ReleaseOutcome> {
    let then = match after {
        Ok(then) => then,
        Err(outcome) => return Ok(*outcome),
    };
    for pushed in releases.into_iter().flatten() {
        keep_in_tx(&tx, pushed).await?;
    }
    write_in_tx(&tx, &then).await?;
    tx.commit().await?;
    Ok(ReleaseOutcome::Changed(then.manifest))
}

impl Postgres {
    /// A change on a session of its own; one whose COMMIT warned was not acknowledged.
    async fn change<T>(&self, work: impl AsyncFnOnce(&mut Client) -> Result<T>) -> Result<T> {
        let changing = async {
            let mut session: Session = self.connect(Purpose::Migration).await?;
            home::guard(session.home.as_deref(), session.client.query_one(home::STANDING, &[])).await?;
            let done = work(&mut session.client).await?;
            if session.take_warning() {
                return Err(StoreError::Unreachable("COMMIT answered with a warning".to_owned()));
            }
            Ok(done)
        };
        let done = tokio::time::timeout(PATIENCE, changing).await;
        done.unwrap_or_else(|_| Err(StoreError::Unreachable("no answer in time".to_owned())))
    }
}

#[async_trait]
impl Releases for Postgres {
    async fn push(&self, pushed: &Pushed, by: &By) -> Result<ReleaseOutcome> {
        self.change(async |client| Box::pin(push(client, pushed, by)).await).await
    }

    async fn roll_back_plan(&self, rule: &str) -> Result<Option<Plan>> {
        let found = self.reader().await?.query_opt(PLAN, &[&rule]).await?;
        let plan = found.map(|row| {
            let then: Option<String> = row.get(1);
            plan(manifest(&row)?, then.map(|text| row::json("a manifest", &text)).transpose()?)
        });
        plan.unwrap_or(Ok(None))
    }

    async fn roll_back(&self, back: &BackTo, by: &By) -> Result<ReleaseOutcome> {
        self.change(async |client| Box::pin(roll_back(client, back, by)).await).await
    }

    async fn release(&self, digest: &str) -> Result<Option<Release>> {
        let sql = "SELECT r.beside, c.component FROM rule_releases r JOIN rule_components c ON c.digest = r.component
            WHERE r.digest = $1";
        let Some(found) = self.reader().await?.query_opt(sql, &[&digest]).await? else { return Ok(None) };
        let beside: Release = row::json("a release", found.get(0))?;
        Ok(Some(Release { component: found.get(1), ..beside }))
    }

    async fn rules(&self, after: &str, limit: usize) -> Result<Vec<Standing>> {
        let sql =
            "SELECT m.manifest, r.announced FROM rules r JOIN rule_manifests m ON m.rule = r.rule AND m.seq = r.seq
            WHERE r.rule > $1 ORDER BY r.rule LIMIT $2";
        let rows = self.reader().await?.query(sql, &[&after, &(limit as i64)]).await?;
        rows.iter().map(|row| Ok(Standing { manifest: manifest(row)?, announced: row.get(1) })).collect()
    }

    async fn manifests(&self, rule: &str, before: Option<u64>, limit: usize) -> Result<Vec<Manifest>> {
        let sql = "SELECT manifest FROM rule_manifests WHERE rule = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";
        let before = before.and_then(|seq| i64::try_from(seq).ok()).unwrap_or(i64::MAX);
        let rows = self.reader().await?.query(sql, &[&rule, &before, &(limit as i64)]).await?;
        rows.iter().map(manifest).collect()
    }

    async fn announce_all(&self) -> Result<()> {
        self.write("UPDATE rules SET announced = false WHERE announced RETURNING rule", &[]).await.map(drop)
    }

    async fn take_unannounced(&self, lease: Duration) -> Result<Vec<Manifest>> {
        self.write(TAKE, &[&row::micros(lease)]).await?.iter().map(manifest).collect()
    }

    async fn settle_announcement(&self, rule: &str, seq: Option<u64>, pause: Duration) -> Result<()> {
        // No rule has a seq below 0.
        let seq = seq.and_then(|seq| i64::try_from(seq).ok()).unwrap_or(-1);
        self.write(SETTLE, &[&rule, &seq, &row::micros(pause)]).await.map(drop)
    }

    async fn unannounced(&self) -> Result<i64> {
        Ok(self.reader().await?.query_one("SELECT count(*) FROM rules WHERE NOT announced", &[]).await?.get(0))
    }
}
