//! Replays of dead letters over SQLite.

use std::time::Duration;

use async_trait::async_trait;
use onhand_wire::Timestamp;
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::{Sqlite, row, row::micros, trail::lines_in_tx};
use crate::{
    store::{
        Result, StoreError,
        orders::HOPELESS,
        replays::{NewReplay, ReplayRow, ReplayState, Replays, Standing, Step},
    },
    trail,
};

const NEXT: &str = "SELECT n, order_id FROM order_replay_letters l
    WHERE replay = ?1 AND state = 'waiting' AND NOT EXISTS (
        SELECT 1 FROM order_payments p WHERE p.order_id = l.order_id AND p.state = 'voiding')
    ORDER BY n LIMIT ?2";

const REPLAY: &str = "UPDATE orders SET state = 'queued', attempts = 0, next_at = ?2, letter = 0, decided_at = NULL,
        decide_by = ?4
    WHERE id = ?1 AND state = 'dead_lettered' AND cause NOT IN (SELECT value FROM json_each(?3))";

const STANDS: &str = "SELECT count(*), count(*) FILTER (WHERE o.state IN ('queued', 'processing')),
        count(*) FILTER (WHERE o.state = 'dead_lettered'),
        (SELECT count(*) FROM order_replay_letters w WHERE w.replay = ?1 AND w.state = 'waiting')
    FROM order_replay_letters l JOIN orders o ON o.id = l.order_id WHERE l.replay = ?1 AND l.state = 'replayed'";

const ROW: &str = "SELECT r.id, r.state, r.actor, r.cause, r.rate, r.canary, r.created_at, r.ended_at, r.hopeless,
        (SELECT count(*) FROM order_replay_letters l WHERE l.replay = r.id),
        (SELECT count(*) FROM order_replay_letters l WHERE l.replay = r.id AND l.state = 'replayed'),
        (SELECT count(*) FROM order_replay_letters l WHERE l.replay = r.id AND l.state = 'waiting')
    FROM order_replays r WHERE r.id = ?1";

const OUTCOMES: &str = "SELECT o.state, count(*) FROM order_replay_letters l JOIN orders o ON o.id = l.order_id
    WHERE l.replay = ?1 AND l.state = 'replayed' GROUP BY o.state";

/// How long what is over is kept: what it did is in the trail.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

fn replay_state(row: &Row<'_>, column: usize) -> Result<ReplayState> {
    let word: String = row.get(column)?;
    ReplayState::parse(&word).ok_or_else(|| StoreError::Refused(format!("the database has a replay that is {word}")))
}

fn standing(connection: &Connection, id: &str, now: Timestamp) -> Result<Standing> {
    let (replayed, open, dead, waiting) =
        connection.query_row(STANDS, [id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    let sql = "SELECT rate, canary, state, credit, stepped_at FROM order_replays WHERE id = ?1";
    let read = |row: &Row<'_>| {
        Ok(Standing {
            rate: row.get(0)?,
            canary: row.get(1)?,
            state: replay_state(row, 2)?,
            credit: row.get(3)?,
            since: now.since(row::time(row, 4)?),
            waiting,
            replayed,
            open,
            dead,
        })
    };
    let found = row::all(connection, sql, [id], read)?.into_iter().next();
    found.ok_or_else(|| StoreError::Refused(format!("the replay {id} is gone")))
}

fn step_in_tx(connection: &Connection, id: &str, now: Timestamp, within: Duration) -> Result<usize> {
    let Step { orders, state, credit } = standing(connection, id, now)?.step();
    let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?));
    let next = row::all(connection, NEXT, params![id, orders as i64], read)?;
    let hopeless = serde_json::to_string(&HOPELESS).expect("plain data encodes");
    let mut went = 0;
    for (place, order) in next {
        let params = params![order, now.micros(), hopeless, now.plus(within).micros()];
        let changed = connection.execute(REPLAY, params)?;
        went += changed;
        let sql = "UPDATE order_replay_letters SET state = ?3 WHERE replay = ?1 AND n = ?2";
        connection.execute(sql, params![id, place, if changed == 1 { "replayed" } else { "left" }])?;
    }
    let sql = "SELECT EXISTS (SELECT 1 FROM order_replay_letters WHERE replay = ?1 AND state = 'waiting')";
    let waits: bool = connection.query_row(sql, [id], |row| row.get(0))?;
    let state = if state == ReplayState::Running && !waits { ReplayState::Done } else { state };
    // What is all at once has no credit.
    let credit = if credit.is_finite() { credit - went as f64 } else { 0.0 };
    let ended = state.is_over().then(|| now.micros());
    let sql = "UPDATE order_replays SET credit = ?2, stepped_at = ?3, state = ?4, ended_at = ?5 WHERE id = ?1";
    connection.execute(sql, params![id, credit, now.micros(), state.as_str(), ended])?;
    Ok(went)
}

#[async_trait]
impl Replays for Sqlite {
    async fn begin_replay(&self, replay: &NewReplay, line: &trail::Line) -> Result<()> {
        let state = if replay.canary.is_some() { ReplayState::Canary } else { ReplayState::Running };
        self.order_tx(|tx, now| {
            let (id, now_us) = (replay.id.to_string(), now.micros());
            let sql = "INSERT INTO order_replays
                    (id, created_at, actor, cause, rate, canary, hopeless, state, credit, stepped_at)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, ?2)";
            let NewReplay { cause, rate, canary, hopeless, .. } = replay;
            tx.execute(sql, params![id, now_us, line.actor, cause, rate, canary, hopeless, state.as_str()])?;
            for (place, order) in replay.orders.iter().enumerate() {
                let sql =
                    "INSERT INTO order_replay_letters (replay, n, order_id, state) VALUES (?1, ?2, ?3, 'waiting')";
                tx.execute(sql, params![id, place as i64, order.to_string()])?;
            }
            tx.execute("DELETE FROM order_replays WHERE ended_at < ?1", [now_us - micros(KEPT)])?;
            lines_in_tx(tx, std::slice::from_ref(line), now)
        })
    }

    async fn step_replays(&self, within: Duration) -> Result<usize> {
        let sql = "SELECT id FROM order_replays WHERE state IN ('canary', 'running') ORDER BY created_at";
        self.order_tx(|tx, now| {
            let ids = row::all(tx, sql, [], |row| Ok(row.get::<_, String>(0)?))?;
            ids.iter().map(|id| step_in_tx(tx, id, now, within)).sum()
        })
    }

    async fn replay(&self, id: Uuid) -> Result<Option<ReplayRow>> {
        self.with(|connection| {
            let id = id.to_string();
            let read = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?));
            let outcomes = row::all(connection, OUTCOMES, [&id], read)?;
            let read = |row: &Row<'_>| {
                let (orders, replayed, waiting): (i64, i64, i64) = (row.get(9)?, row.get(10)?, row.get(11)?);
                Ok(ReplayRow {
                    id: row::uuid(row, 0)?,
                    state: replay_state(row, 1)?,
                    actor: row.get(2)?,
                    cause: row.get(3)?,
                    rate: row.get(4)?,
                    canary: row.get(5)?,
                    created_at: row::time(row, 6)?,
                    ended_at: row.get::<_, Option<i64>>(7)?.map(Timestamp::from_micros),
                    orders,
                    replayed,
                    waiting,
                    left: orders - replayed - waiting,
                    hopeless: row.get(8)?,
                    outcomes: outcomes.iter().cloned().collect(),
                })
            };
            Ok(row::all(connection, ROW, [&id], read)?.into_iter().next())
        })
    }

    async fn stop_replay(&self, id: Uuid, line: &trail::Line) -> Result<()> {
        let sql = "UPDATE order_replays SET state = 'stopped', ended_at = ?2
            WHERE id = ?1 AND state IN ('canary', 'running')";
        self.order_tx(|tx, now| {
            if tx.execute(sql, params![id.to_string(), now.micros()])? == 1 {
                lines_in_tx(tx, std::slice::from_ref(line), now)?;
            }
            Ok(())
        })
    }
}
