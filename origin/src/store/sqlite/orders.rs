//! Orders over SQLite.

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;
use onhand_wire::{
    Timestamp,
    order::{Lane, OrderState},
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::{Sqlite, begin, now_in_tx, row, trail::lines_in_tx};
use crate::{
    record::{OrderInLine, PaymentChange},
    state::BatchState,
    store::{
        Result, StoreError,
        orders::{
            Fault, Intake, LanePartition, LaneRow, Letter, Letters, NewOrder, OrderQuery, OrderRow, Orders, Payment,
            TakenIn, Waiting,
        },
    },
    trail,
};

fn lane(row: &Row<'_>, column: usize) -> Result<Lane> {
    let word: String = row.get(column)?;
    Lane::parse(&word).ok_or_else(|| StoreError::Refused(format!("the database names a lane {word}")))
}

fn order_state(row: &Row<'_>, column: usize) -> Result<OrderState> {
    let word: String = row.get(column)?;
    OrderState::parse(&word).ok_or_else(|| StoreError::Refused(format!("the database has an order that is {word}")))
}

fn moment(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_micros))
}

/// What a batch may decide, with what waits before each in its line.
pub(super) fn read_in_tx(connection: &Connection, ids: &BTreeSet<Uuid>, state: &mut BatchState) -> Result<()> {
    for id in ids {
        let sql = "SELECT lane, sku, seq, state, next_at IS NOT NULL, decide_by, CASE WHEN state = 'processing' THEN
                (SELECT attempt FROM order_payments p WHERE p.order_id = orders.id AND p.state = 'charging') END
            FROM orders WHERE id = ?1";
        for found in row::all(connection, sql, [id.to_string()], in_line)? {
            let sql = "SELECT seq FROM orders WHERE lane = ?1 AND sku = ?2 AND seq <= ?3 AND state = 'queued'
                AND next_at IS NULL ORDER BY seq LIMIT 1024";
            let key = (found.lane, found.sku.clone());
            let before =
                row::all(connection, sql, params![key.0.as_str(), key.1, found.seq], |row| Ok(row.get::<_, i64>(0)?))?;
            state.in_line.entry(key).or_default().extend(before);
            state.orders.insert(*id, found);
        }
    }
    Ok(())
}

fn in_line(row: &Row<'_>) -> Result<OrderInLine> {
    Ok(OrderInLine {
        lane: lane(row, 0)?,
        sku: row.get(1)?,
        seq: row.get(2)?,
        state: order_state(row, 3)?,
        aside: row.get(4)?,
        decide_by: row::time(row, 5)?,
        charging: row.get(6)?,
    })
}

pub(super) fn write_in_tx(connection: &Connection, state: &BatchState) -> Result<()> {
    let sql = "UPDATE orders SET state = ?2, reason = ?3, reservation = ?4, decided_at = ?5, next_at = NULL,
            cause = coalesce(?6, cause), letter = ?6 IS NOT NULL,
            first_fault_at = CASE WHEN ?6 IS NULL THEN first_fault_at ELSE coalesce(first_fault_at, ?5) END
        WHERE id = ?1";
    let now = state.now.micros();
    for (id, outcome) in &state.changes.orders {
        let (id, reservation) = (id.to_string(), outcome.reservation.map(|id| id.to_string()));
        let params = params![id, outcome.state.as_str(), outcome.reason, reservation, now, outcome.cause];
        connection.prepare_cached(sql)?.execute(params)?;
    }
    for (id, change) in &state.changes.payments {
        payment_in_tx(connection, &id.to_string(), change, now)?;
    }
    Ok(())
}

fn payment_in_tx(connection: &Connection, id: &str, change: &PaymentChange, now: i64) -> Result<()> {
    match change {
        PaymentChange::Charge { amount, currency, payment_ref, order_ref, reservation } => {
            let sql = "INSERT INTO order_payments (order_id, attempt, state, amount, currency, payment_ref, order_ref,
                    reservation, due, created_at)
                SELECT ?1, coalesce(max(attempt), 0) + 1, 'charging', ?2, ?3, ?4, ?5, ?6, ?7, ?7
                FROM order_payments WHERE order_id = ?1";
            let params = params![id, amount, currency, payment_ref, order_ref, reservation.to_string(), now];
            connection.prepare_cached(sql)?.execute(params)?;
        }
        PaymentChange::Settled { attempt, state } => {
            let sql = "UPDATE order_payments SET state = ?3, settled_at = ?4, tries = 0, due = ?4
                WHERE order_id = ?1 AND attempt = ?2";
            connection.prepare_cached(sql)?.execute(params![id, attempt, state.as_str(), now])?;
        }
    }
    Ok(())
}

fn payment(row: &Row<'_>) -> Result<Payment> {
    Ok(Payment {
        order: row::uuid(row, 0)?,
        attempt: row.get(1)?,
        voids: row.get(2)?,
        amount: row.get(3)?,
        currency: row.get(4)?,
        payment_ref: row.get(5)?,
        order_ref: row.get(6)?,
        reservation: row::uuid(row, 7)?,
        tries: row.get(8)?,
    })
}

const TAKE_IN: &str =
    "INSERT INTO orders (id, lane, topic, partition, at_offset, subject, owner, digest, sku, order_ref, state,
        accepted_at, decide_by, taken_at, decided_at, cause, fault, first_fault_at, letter, record)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?15, ?18, ?19)
    ON CONFLICT (id) DO NOTHING";

const WAITING: &str = "SELECT id, seq, lane, attempts, record FROM orders
    WHERE lane = ?1 AND state = 'queued' AND next_at IS NULL AND seq > ?3 ORDER BY seq LIMIT ?2";

const AGAIN: &str =
    "SELECT o.id, o.seq, o.lane, o.attempts, o.record FROM orders o JOIN order_lanes l ON l.lane = o.lane
    WHERE o.state = 'queued' AND o.next_at <= ?1 AND NOT l.paused ORDER BY o.next_at LIMIT ?2";

const COLUMNS: &str =
    "id, seq, lane, topic, partition, at_offset, subject, owner, digest, sku, order_ref, state, reason,
    reservation, accepted_at, decide_by, taken_at, decided_at, attempts, next_at, cause, fault, first_fault_at";

fn waiting(row: &Row<'_>) -> Result<Waiting> {
    Ok(Waiting {
        id: row::uuid(row, 0)?,
        seq: row.get(1)?,
        lane: lane(row, 2)?,
        attempts: row.get(3)?,
        record: row.get(4)?,
    })
}

fn order_row(row: &Row<'_>) -> Result<OrderRow> {
    let reservation: Option<String> = row.get(13)?;
    Ok(OrderRow {
        id: row::uuid(row, 0)?,
        seq: row.get(1)?,
        lane: lane(row, 2)?,
        topic: row.get(3)?,
        partition: row.get(4)?,
        offset: row.get(5)?,
        subject: row.get(6)?,
        owner: row.get(7)?,
        digest: row.get(8)?,
        sku: row.get(9)?,
        order_ref: row.get(10)?,
        state: order_state(row, 11)?,
        reason: row.get(12)?,
        reservation_id: reservation.and_then(|id| id.parse().ok()),
        accepted_at: row::time(row, 14)?,
        decide_by: row::time(row, 15)?,
        taken_at: row::time(row, 16)?,
        decided_at: moment(row, 17)?,
        attempts: row.get(18)?,
        next_at: moment(row, 19)?,
        cause: row.get(20)?,
        fault: row.get(21)?,
        first_fault_at: moment(row, 22)?,
    })
}

fn position(connection: &Connection, lane: Lane, topic: &str, partition: i32) -> Result<i64> {
    let sql = "SELECT next FROM order_positions WHERE lane = ?1 AND topic = ?2 AND partition = ?3";
    let found = connection.query_row(sql, params![lane.as_str(), topic, partition], |row| row.get(0)).optional()?;
    Ok(found.unwrap_or_default())
}

fn take_in_in_tx(connection: &Connection, intake: &Intake) -> Result<TakenIn> {
    let (lane, topic, now) = (intake.lane, intake.topic.as_str(), now_in_tx(connection)?);
    let mut taken = TakenIn::default();
    for (partition, after) in &intake.after {
        if position(connection, lane, topic, *partition)? < *after {
            return Ok(TakenIn { behind: true, ..taken });
        }
    }
    for order in &intake.orders {
        if order.offset >= position(connection, lane, topic, order.partition)? {
            take_one(connection, lane, topic, now, order, &mut taken)?;
        }
    }
    for (partition, next) in &intake.next {
        let sql = "INSERT INTO order_positions (lane, topic, partition, next) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (lane, topic, partition) DO UPDATE SET next = max(next, excluded.next)";
        connection.execute(sql, params![lane.as_str(), topic, partition, next])?;
    }
    connection.execute("UPDATE order_lanes SET topic = ?2 WHERE lane = ?1", params![lane.as_str(), topic])?;
    Ok(taken)
}

fn take_one(
    connection: &Connection,
    lane: Lane,
    topic: &str,
    now: Timestamp,
    order: &NewOrder,
    taken: &mut TakenIn,
) -> Result<()> {
    let (id, dead) = (order.id.to_string(), order.fault.as_ref());
    let state = if dead.is_some() { OrderState::DeadLettered } else { OrderState::Queued };
    let params = params![
        id,
        lane.as_str(),
        topic,
        order.partition,
        order.offset,
        order.subject,
        order.owner,
        order.digest,
        order.sku,
        order.order_ref,
        state.as_str(),
        order.accepted_at.micros(),
        order.decide_by.micros(),
        now.micros(),
        dead.map(|_| now.micros()),
        dead.map(|fault| fault.cause),
        dead.map(|fault| fault.text.as_str()),
        dead.is_some(),
        order.record
    ];
    if connection.prepare_cached(TAKE_IN)?.execute(params)? == 1 {
        taken.new += 1;
        return Ok(());
    }
    let digest: String = connection.query_row("SELECT digest FROM orders WHERE id = ?1", [&id], |row| row.get(0))?;
    *if digest == order.digest { &mut taken.repeated } else { &mut taken.reused } += 1;
    Ok(())
}

impl Sqlite {
    pub(super) fn order_tx<T>(&self, work: impl FnOnce(&Connection, Timestamp) -> Result<T>) -> Result<T> {
        self.with(|connection| {
            let tx = begin(connection)?;
            let now = now_in_tx(&tx)?;
            let done = work(&tx, now)?;
            tx.commit()?;
            Ok(done)
        })
    }

    /// Those of `ids` that `sql` changes, with the change's line in the trail.
    fn changed(
        &self,
        ids: &[Uuid],
        line: &trail::Line,
        change: impl Fn(&Connection, &str, Timestamp) -> Result<usize>,
    ) -> Result<Vec<Uuid>> {
        self.order_tx(|tx, now| {
            let mut changed = Vec::new();
            for id in ids {
                if change(tx, &id.to_string(), now)? == 1 {
                    changed.push(*id);
                }
            }
            lines_in_tx(tx, std::slice::from_ref(line), now)?;
            Ok(changed)
        })
    }
}

#[async_trait]
impl Orders for Sqlite {
    /// One process: nobody else leads.
    async fn lead_lanes(&self, _holder: Uuid, _lease: Duration) -> Result<bool> {
        Ok(true)
    }

    async fn leave_lanes(&self, _holder: Uuid) -> Result<()> {
        Ok(())
    }

    async fn lane_positions(&self, lane: Lane, topic: &str) -> Result<Vec<(i32, i64)>> {
        let sql = "SELECT partition, next FROM order_positions WHERE lane = ?1 AND topic = ?2";
        self.with(|connection| row::all(connection, sql, [lane.as_str(), topic], |row| Ok((row.get(0)?, row.get(1)?))))
    }

    async fn take_in(&self, intake: &Intake) -> Result<TakenIn> {
        self.order_tx(|tx, _| take_in_in_tx(tx, intake))
    }

    async fn waiting_orders(&self, lane: Lane, after: i64, limit: usize) -> Result<Vec<Waiting>> {
        self.with(|connection| row::all(connection, WAITING, params![lane.as_str(), limit as i64, after], waiting))
    }

    async fn paused_lanes(&self) -> Result<Vec<Lane>> {
        let sql = "SELECT lane FROM order_lanes WHERE paused";
        self.with(|connection| row::all(connection, sql, [], |row| lane(row, 0)))
    }

    async fn orders_again(&self, limit: usize) -> Result<Vec<Waiting>> {
        self.with(|connection| {
            let now = now_in_tx(connection)?.micros();
            row::all(connection, AGAIN, params![now, limit as i64], waiting)
        })
    }

    async fn set_order_aside(&self, id: Uuid, fault: &Fault, pause: Option<Duration>) -> Result<bool> {
        let sql = "UPDATE orders SET attempts = attempts + 1, cause = ?2, fault = ?3,
                first_fault_at = coalesce(first_fault_at, ?4), next_at = ?5,
                state = CASE WHEN ?5 IS NULL THEN 'dead_lettered' ELSE state END,
                decided_at = CASE WHEN ?5 IS NULL THEN ?4 ELSE decided_at END, letter = ?5 IS NULL
            WHERE id = ?1 AND state = 'queued'";
        self.order_tx(|tx, now| {
            let next = pause.map(|pause| now.plus(pause).micros());
            Ok(tx.execute(sql, params![id.to_string(), fault.cause, fault.text, now.micros(), next])? == 1)
        })
    }

    async fn order(&self, id: Uuid) -> Result<Option<OrderRow>> {
        let sql = format!("SELECT {COLUMNS} FROM orders WHERE id = ?1");
        self.with(|connection| Ok(row::all(connection, &sql, [id.to_string()], order_row)?.into_iter().next()))
    }

    async fn orders(&self, query: &OrderQuery) -> Result<Vec<OrderRow>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM orders WHERE (?1 IS NULL OR order_ref = ?1) AND (?2 IS NULL OR state = ?2)
                AND (?3 IS NULL OR sku = ?3) AND (?4 IS NULL OR cause = ?4) AND (?5 IS NULL OR accepted_at >= ?5)
                AND (?6 IS NULL OR accepted_at < ?6) AND (?7 IS NULL OR seq < ?7)
                AND (?9 IS NULL OR id IN (SELECT value FROM json_each(?9)))
            ORDER BY seq DESC LIMIT ?8"
        );
        let (from, to) = (query.from.map(Timestamp::micros), query.to.map(Timestamp::micros));
        let ids = query.ids.as_ref().map(|ids| serde_json::to_string(ids).expect("plain data encodes"));
        let params = params![
            query.order_ref,
            query.state.map(OrderState::as_str),
            query.sku,
            query.cause,
            from,
            to,
            query.before,
            query.limit as i64,
            ids
        ];
        self.with(|connection| row::all(connection, &sql, params, order_row))
    }

    async fn lane_rows(&self) -> Result<Vec<LaneRow>> {
        self.with(|connection| {
            let sql =
                "SELECT lane, paused, topic, rate, (SELECT min(accepted_at) FROM (SELECT accepted_at FROM orders o
                    WHERE o.lane = l.lane AND o.state = 'queued' AND o.next_at IS NULL ORDER BY o.seq LIMIT 64))
                FROM order_lanes l ORDER BY lane";
            let read = |row: &Row<'_>| {
                Ok(LaneRow {
                    lane: lane(row, 0)?,
                    paused: row.get(1)?,
                    topic: row.get(2)?,
                    rate: row.get(3)?,
                    undecided: 0,
                    oldest: moment(row, 4)?,
                    partitions: Vec::new(),
                })
            };
            let mut rows = row::all(connection, sql, [], read)?;
            for row in &mut rows {
                row.partitions = partitions(connection, row)?;
                row.undecided = row.partitions.iter().map(|partition| partition.undecided).sum();
            }
            rows.sort_by_key(|row| row.lane);
            Ok(rows)
        })
    }

    async fn set_lane_rate(&self, lane: Lane, rate: f64) -> Result<()> {
        let sql = "UPDATE order_lanes SET rate = ?2 WHERE lane = ?1";
        self.with(|connection| Ok(connection.execute(sql, params![lane.as_str(), rate]).map(drop)?))
    }

    async fn pause_lane(&self, lane: Lane, paused: bool, line: &trail::Line) -> Result<()> {
        self.order_tx(|tx, now| {
            tx.execute("UPDATE order_lanes SET paused = ?2 WHERE lane = ?1", params![lane.as_str(), paused])?;
            lines_in_tx(tx, std::slice::from_ref(line), now)
        })
    }

    async fn take_payments(&self, limit: usize, lease: Duration) -> Result<Vec<Payment>> {
        let sql = "SELECT order_id, attempt, state = 'voiding', amount, currency, payment_ref, order_ref, reservation, tries + 1
            FROM order_payments WHERE state IN ('charging', 'voiding') AND due <= ?1 ORDER BY due LIMIT ?2";
        self.order_tx(|tx, now| {
            let taken = row::all(tx, sql, params![now.micros(), limit as i64], payment)?;
            for payment in &taken {
                let sql = "UPDATE order_payments SET tries = tries + 1, due = ?3 WHERE order_id = ?1 AND attempt = ?2";
                let due = now.plus(lease).micros();
                tx.execute(sql, params![payment.order.to_string(), payment.attempt, due])?;
            }
            Ok(taken)
        })
    }

    async fn postpone_payment(&self, payment: &Payment, pause: Duration) -> Result<()> {
        let sql = "UPDATE order_payments SET due = ?3
            WHERE order_id = ?1 AND attempt = ?2 AND state IN ('charging', 'voiding')";
        self.order_tx(|tx, now| {
            let due = now.plus(pause).micros();
            Ok(tx.execute(sql, params![payment.order.to_string(), payment.attempt, due]).map(drop)?)
        })
    }

    async fn payment_voided(&self, payment: &Payment) -> Result<()> {
        let sql = "UPDATE order_payments SET state = 'voided', settled_at = ?3
            WHERE order_id = ?1 AND attempt = ?2 AND state = 'voiding'";
        self.order_tx(|tx, now| {
            let params = params![payment.order.to_string(), payment.attempt, now.micros()];
            Ok(tx.execute(sql, params).map(drop)?)
        })
    }

    async fn letters_by_cause(&self) -> Result<Vec<Letters>> {
        let sql = "SELECT cause, count(*), min(first_fault_at), max(decided_at),
                (SELECT id FROM orders f WHERE f.state = 'dead_lettered' AND f.cause = o.cause ORDER BY seq LIMIT 1),
                (SELECT fault FROM orders f WHERE f.state = 'dead_lettered' AND f.cause = o.cause ORDER BY seq DESC LIMIT 1)
            FROM orders o WHERE state = 'dead_lettered' GROUP BY cause ORDER BY count(*) DESC, cause";
        let letters = |row: &Row<'_>| {
            Ok(Letters {
                cause: row.get::<_, Option<String>>(0)?.unwrap_or_default(),
                count: row.get(1)?,
                first_seen: moment(row, 2)?.unwrap_or_default(),
                last_seen: moment(row, 3)?.unwrap_or_default(),
                sample: row::uuid(row, 4)?,
                fault: row.get(5)?,
            })
        };
        self.with(|connection| row::all(connection, sql, [], letters))
    }

    async fn discard_orders(&self, ids: &[Uuid], reason: &str, line: &trail::Line) -> Result<Vec<Uuid>> {
        let sql = "UPDATE orders SET state = 'rejected', reason = 'discarded', fault = ?2, letter = 0
            WHERE id = ?1 AND state = 'dead_lettered'";
        self.changed(ids, line, |tx, id, _| Ok(tx.execute(sql, params![id, reason])?))
    }

    async fn unsent_letters(&self, limit: usize) -> Result<Vec<Letter>> {
        let sql = "SELECT id, lane, sku, coalesce(cause, ''), coalesce(fault, ''), attempts,
                coalesce(first_fault_at, taken_at), record
            FROM orders WHERE letter ORDER BY seq LIMIT ?1";
        let letter = |row: &Row<'_>| {
            Ok(Letter {
                id: row::uuid(row, 0)?,
                lane: lane(row, 1)?,
                sku: row.get(2)?,
                cause: row.get(3)?,
                fault: row.get(4)?,
                attempts: row.get(5)?,
                first_seen: row::time(row, 6)?,
                record: row.get(7)?,
            })
        };
        self.with(|connection| row::all(connection, sql, [limit as i64], letter))
    }

    async fn letters_sent(&self, ids: &[Uuid]) -> Result<()> {
        self.order_tx(|tx, _| {
            for id in ids {
                tx.execute("UPDATE orders SET letter = 0 WHERE id = ?1", [id.to_string()])?;
            }
            Ok(())
        })
    }
}

fn partitions(connection: &Connection, of: &LaneRow) -> Result<Vec<LanePartition>> {
    let sql = "SELECT p.partition, p.next, count(o.id), coalesce(min(o.at_offset), p.next) FROM order_positions p
        LEFT JOIN orders o ON o.lane = p.lane AND o.topic = p.topic AND o.partition = p.partition
            AND o.state = 'queued' AND o.next_at IS NULL
        WHERE p.lane = ?1 AND p.topic = ?2 GROUP BY p.partition, p.next ORDER BY p.partition";
    row::all(connection, sql, params![of.lane.as_str(), of.topic], |row| {
        Ok(LanePartition {
            partition: row.get(0)?,
            next: row.get(1)?,
            undecided: row.get(2)?,
            first_undecided: row.get(3)?,
        })
    })
}
