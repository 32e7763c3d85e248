//! Replays of dead letters over PostgreSQL.

use std::time::Duration;

use async_trait::async_trait;
use onhand_wire::Timestamp;
use tokio_postgres::{Row, Transaction};
use uuid::Uuid;

use super::{Postgres, row, row::micros, trail::line_in_tx};
use crate::{
    store::{
        Result, StoreError,
        orders::HOPELESS,
        replays::{NewReplay, ReplayRow, ReplayState, Replays, Standing, Step},
    },
    trail,
};

const BEGIN: &str =
    "INSERT INTO order_replays (id, created_at, actor, cause, rate, canary, hopeless, state, credit, stepped_at)
    VALUES ($1, clock_timestamp(), $2, $3, $4, $5, $6, $7, 1, clock_timestamp())";

const ITS_ORDERS: &str = "INSERT INTO order_replay_letters (replay, n, order_id, state)
    SELECT $1, n, id, 'waiting' FROM unnest($2::uuid[]) WITH ORDINALITY AS u (id, n)";

/// Whoever steps it has it alone.
const LOCK: &str = "SELECT rate, canary, state, credit,
        extract(epoch FROM clock_timestamp() - stepped_at)::double precision
    FROM order_replays WHERE id = $1 AND state IN ('canary', 'running') FOR UPDATE SKIP LOCKED";

const STANDS: &str = "SELECT count(*), count(*) FILTER (WHERE o.state IN ('queued', 'processing')),
        count(*) FILTER (WHERE o.state = 'dead_lettered'),
        (SELECT count(*) FROM order_replay_letters w WHERE w.replay = $1 AND w.state = 'waiting')
    FROM order_replay_letters l JOIN orders o ON o.id = l.order_id WHERE l.replay = $1 AND l.state = 'replayed'";

/// What waits for its payment's void keeps waiting, and nothing waits for it.
const NEXT: &str = "SELECT n, order_id FROM order_replay_letters l
    WHERE replay = $1 AND state = 'waiting' AND NOT EXISTS (
        SELECT FROM order_payments p WHERE p.order_id = l.order_id AND p.state = 'voiding')
    ORDER BY n LIMIT $2";

/// What was decided meanwhile stays. Locked by id, as batches do.
const REPLAY: &str = "UPDATE orders o SET state = 'queued', attempts = 0, letter = false, decided_at = NULL,
        next_at = clock_timestamp(), decide_by = clock_timestamp() + $3::double precision * interval '1 microsecond'
    FROM (SELECT id FROM orders WHERE id = ANY($1) AND state = 'dead_lettered' AND cause <> ALL($2)
        ORDER BY id FOR UPDATE) dead
    WHERE o.id = dead.id RETURNING o.id";

const WENT: &str =
    "UPDATE order_replay_letters SET state = CASE WHEN order_id = ANY($3) THEN 'replayed' ELSE 'left' END
    WHERE replay = $1 AND n = ANY($2)";

const STEPPED: &str = "UPDATE order_replays SET credit = $2, stepped_at = clock_timestamp(),
        state = CASE WHEN $3::text = 'running' AND $4 THEN 'done' ELSE $3 END,
        ended_at = CASE WHEN $3 = 'halted' OR $3 = 'running' AND $4 THEN clock_timestamp() END
    WHERE id = $1";

const ROW: &str = "SELECT r.id, r.state, r.actor, r.cause, r.rate, r.canary, r.created_at, r.ended_at, r.hopeless,
        (SELECT count(*) FROM order_replay_letters l WHERE l.replay = r.id),
        (SELECT count(*) FROM order_replay_letters l WHERE l.replay = r.id AND l.state = 'replayed'),
        (SELECT count(*) FROM order_replay_letters l WHERE l.replay = r.id AND l.state = 'waiting')
    FROM order_replays r WHERE r.id = $1";

const OUTCOMES: &str = "SELECT o.state, count(*) FROM order_replay_letters l JOIN orders o ON o.id = l.order_id
    WHERE l.replay = $1 AND l.state = 'replayed' GROUP BY o.state";

const STOP: &str = "UPDATE order_replays SET state = 'stopped', ended_at = clock_timestamp()
    WHERE id = $1 AND state IN ('canary', 'running') RETURNING id";

/// Long over: what they did is in the trail.
const FORGET: &str = "DELETE FROM order_replays WHERE ended_at < clock_timestamp() - interval '30 days'";

fn replay_state(word: &str) -> Result<ReplayState> {
    ReplayState::parse(word).ok_or_else(|| StoreError::Refused(format!("the database has a replay that is {word}")))
}

fn standing(found: &Row, stands: &Row) -> Result<Standing> {
    Ok(Standing {
        rate: found.get(0),
        canary: found.get(1),
        state: replay_state(found.get(2))?,
        credit: found.get(3),
        since: Duration::try_from_secs_f64(found.get(4)).unwrap_or_default(),
        replayed: stands.get(0),
        open: stands.get(1),
        dead: stands.get(2),
        waiting: stands.get(3),
    })
}

async fn step_in_tx(tx: &Transaction<'_>, id: Uuid, within: Duration) -> Result<usize> {
    let Some(found) = tx.query_opt(LOCK, &[&id]).await? else { return Ok(0) };
    let Step { orders, state, credit } = standing(&found, &tx.query_one(STANDS, &[&id]).await?)?.step();
    let next = tx.query(NEXT, &[&id, &(orders as i64)]).await?;
    let (places, ids): (Vec<i32>, Vec<Uuid>) =
        next.iter().map(|found| (found.get::<_, i32>(0), found.get::<_, Uuid>(1))).unzip();
    let went: Vec<Uuid> = if ids.is_empty() {
        Vec::new()
    } else {
        let went = tx.query(REPLAY, &[&ids, &HOPELESS.as_slice(), &micros(within)]).await?;
        went.iter().map(|found| found.get(0)).collect()
    };
    tx.execute(WENT, &[&id, &places, &went]).await?;
    let waits = "SELECT EXISTS (SELECT FROM order_replay_letters WHERE replay = $1 AND state = 'waiting')";
    let over = !tx.query_one(waits, &[&id]).await?.get::<_, bool>(0);
    // What is all at once has no credit.
    let credit = if credit.is_finite() { credit - went.len() as f64 } else { 0.0 };
    // A canary that is all there is, is done when it is decided.
    tx.execute(STEPPED, &[&id, &credit, &state.as_str(), &over]).await?;
    Ok(went.len())
}

#[async_trait]
impl Replays for Postgres {
    async fn begin_replay(&self, replay: &NewReplay, line: &trail::Line) -> Result<()> {
        let state = if replay.canary.is_some() { ReplayState::Canary } else { ReplayState::Running };
        let (NewReplay { id, cause, rate, canary, orders, hopeless }, actor) = (replay, &line.actor);
        self.order_tx(async |tx: &Transaction<'_>| {
            tx.execute(BEGIN, &[id, actor, cause, rate, canary, hopeless, &state.as_str()]).await?;
            tx.execute(ITS_ORDERS, &[id, orders]).await?;
            tx.execute(FORGET, &[]).await?;
            let now = row::time(&tx.query_one(row::MOMENT, &[]).await?, 0);
            line_in_tx(tx, line, now).await
        })
        .await
    }

    async fn step_replays(&self, within: Duration) -> Result<usize> {
        let at_work = "SELECT id FROM order_replays WHERE state IN ('canary', 'running') ORDER BY created_at";
        let ids = self.reader().await?.query(at_work, &[]).await?;
        let mut went = 0;
        for found in ids {
            let id: Uuid = found.get(0);
            went += self.order_tx(async |tx: &Transaction<'_>| step_in_tx(tx, id, within).await).await?;
        }
        Ok(went)
    }

    async fn replay(&self, id: Uuid) -> Result<Option<ReplayRow>> {
        let client = self.reader().await?;
        let Some(found) = client.query_opt(ROW, &[&id]).await? else { return Ok(None) };
        let outcomes = client.query(OUTCOMES, &[&id]).await?;
        let (orders, replayed, waiting): (i64, i64, i64) = (found.get(9), found.get(10), found.get(11));
        Ok(Some(ReplayRow {
            id,
            state: replay_state(found.get(1))?,
            actor: found.get(2),
            cause: found.get(3),
            rate: found.get(4),
            canary: found.get(5),
            created_at: row::time(&found, 6),
            ended_at: found.get::<_, Option<chrono::DateTime<chrono::Utc>>>(7).map(Timestamp::from),
            orders,
            replayed,
            waiting,
            left: orders - replayed - waiting,
            hopeless: found.get(8),
            outcomes: outcomes.iter().map(|found| (found.get(0), found.get(1))).collect(),
        }))
    }

    async fn stop_replay(&self, id: Uuid, line: &trail::Line) -> Result<()> {
        self.order_tx(async |tx: &Transaction<'_>| {
            if tx.query(STOP, &[&id]).await?.is_empty() {
                return Ok(());
            }
            let now = row::time(&tx.query_one(row::MOMENT, &[]).await?, 0);
            line_in_tx(tx, line, now).await
        })
        .await
    }
}
