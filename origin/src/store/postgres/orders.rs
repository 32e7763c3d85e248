//! Orders over PostgreSQL.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use onhand_wire::{
    Timestamp,
    order::{Lane, OrderState},
};
use tokio_postgres::{Row, Transaction, types::ToSql};
use uuid::Uuid;

use super::{Postgres, home, row, row::micros, session::DURABLE, trail::line_in_tx};
use crate::{
    record::OrderInLine,
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

/// What a batch has locked and read of orders.
pub(super) fn fill(state: &mut BatchState, orders: &[Row], in_line: &[Row]) -> Result<()> {
    for found in orders {
        let row = OrderInLine {
            lane: lane(found.get(1))?,
            sku: found.get(2),
            seq: found.get(3),
            state: order_state(found.get(4))?,
            aside: found.get(5),
            decide_by: row::time(found, 6),
            charging: found.get(7),
        };
        state.orders.insert(found.get(0), row);
    }
    for found in in_line {
        state.in_line.entry((lane(found.get(0))?, found.get(1))).or_default().insert(found.get(2));
    }
    Ok(())
}

fn lane(word: &str) -> Result<Lane> {
    Lane::parse(word).ok_or_else(|| StoreError::Refused(format!("the database names a lane {word}")))
}

fn order_state(word: &str) -> Result<OrderState> {
    OrderState::parse(word).ok_or_else(|| StoreError::Refused(format!("the database has an order that is {word}")))
}

const LEAD: &str = "UPDATE order_lead SET holder = $1, until = clock_timestamp() + $2 * interval '1 microsecond'
    WHERE holder = $1 OR until < clock_timestamp() RETURNING holder";

const LEAVE: &str = "UPDATE order_lead SET until = '-infinity' WHERE holder = $1 RETURNING holder";

/// Made where they are missing, so that they can be locked.
const MAKE_POSITIONS: &str = "INSERT INTO order_positions (lane, topic, partition, next)
    SELECT $1, $2, partition, 0 FROM unnest($3::integer[]) AS partition ON CONFLICT DO NOTHING";

const LOCK_POSITIONS: &str = "SELECT partition, next FROM order_positions
    WHERE lane = $1 AND topic = $2 AND partition = ANY($3) ORDER BY partition FOR UPDATE";

const MOVE_POSITIONS: &str = "UPDATE order_positions p SET next = u.next
    FROM unnest($3::integer[], $4::bigint[]) AS u (partition, next)
    WHERE p.lane = $1 AND p.topic = $2 AND p.partition = u.partition";

/// The first row of an id wins, also of two in one intake.
const TAKE_IN: &str = "INSERT INTO orders (id, lane, topic, partition, at_offset, subject, owner, digest, sku, order_ref, state,
        accepted_at, decide_by, taken_at, decided_at, cause, fault, first_fault_at, letter, record)
    SELECT id, $1, $2, partition, at_offset, subject, owner, digest, sku, order_ref,
        CASE WHEN cause IS NULL THEN 'queued' ELSE 'dead_lettered' END, accepted_at, decide_by, m.now,
        CASE WHEN cause IS NULL THEN NULL ELSE m.now END, cause, fault,
        CASE WHEN cause IS NULL THEN NULL ELSE m.now END, cause IS NOT NULL, record
    FROM unnest($3::uuid[], $4::integer[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
        $11::timestamptz[], $12::timestamptz[], $13::text[], $14::text[], $15::bytea[]) WITH ORDINALITY
        AS u (id, partition, at_offset, subject, owner, digest, sku, order_ref, accepted_at, decide_by, cause, fault, record, n),
        (SELECT greatest(clock_timestamp(), t) AS now FROM relay) m
    ORDER BY n ON CONFLICT (id) DO NOTHING RETURNING id";

const WAITING: &str = "SELECT id, seq, lane, attempts, record FROM orders
    WHERE lane = $1 AND state = 'queued' AND next_at IS NULL AND seq > $3 ORDER BY seq LIMIT $2";

const AGAIN: &str =
    "SELECT o.id, o.seq, o.lane, o.attempts, o.record FROM orders o JOIN order_lanes l ON l.lane = o.lane
    WHERE o.state = 'queued' AND o.next_at <= clock_timestamp() AND NOT l.paused ORDER BY o.next_at LIMIT $1";

const SET_ASIDE: &str = "UPDATE orders SET attempts = attempts + 1, cause = $2, fault = $3,
        first_fault_at = coalesce(first_fault_at, clock_timestamp()),
        next_at = CASE WHEN $4::double precision IS NULL THEN NULL
            ELSE clock_timestamp() + $4 * interval '1 microsecond' END,
        state = CASE WHEN $4 IS NULL THEN 'dead_lettered' ELSE state END,
        decided_at = CASE WHEN $4 IS NULL THEN clock_timestamp() ELSE decided_at END,
        letter = $4 IS NULL
    WHERE id = $1 AND state = 'queued' RETURNING id";

const COLUMNS: &str =
    "id, seq, lane, topic, partition, at_offset, subject, owner, digest, sku, order_ref, state, reason,
    reservation, accepted_at, decide_by, taken_at, decided_at, attempts, next_at, cause, fault, first_fault_at";

const LANES: &str = "SELECT l.lane, l.paused, l.topic, l.rate,
        (SELECT min(accepted_at) FROM (SELECT accepted_at FROM orders o WHERE o.lane = l.lane AND o.state = 'queued'
            AND o.next_at IS NULL ORDER BY o.seq LIMIT 64) first)
    FROM order_lanes l ORDER BY l.lane";

const PARTITIONS: &str = "SELECT p.lane, p.partition, p.next, coalesce(q.undecided, 0), coalesce(q.first, p.next)
    FROM order_positions p JOIN order_lanes l ON l.lane = p.lane AND l.topic = p.topic
    LEFT JOIN (SELECT lane, topic, partition, count(*) AS undecided, min(at_offset) AS first FROM orders
        WHERE state = 'queued' AND next_at IS NULL GROUP BY lane, topic, partition) q
        ON q.lane = p.lane AND q.topic = p.topic AND q.partition = p.partition
    ORDER BY p.lane, p.partition";

const BY_CAUSE: &str = "SELECT cause, count(*), min(first_fault_at), max(decided_at), (array_agg(id ORDER BY seq))[1],
        (array_agg(fault ORDER BY seq DESC))[1]
    FROM orders WHERE state = 'dead_lettered' GROUP BY cause ORDER BY count(*) DESC, cause";

const DISCARD: &str = "UPDATE orders o SET state = 'rejected', reason = 'discarded', fault = $2, letter = false
    FROM (SELECT id FROM orders WHERE id = ANY($1) AND state = 'dead_lettered' ORDER BY id FOR UPDATE) d
    WHERE o.id = d.id RETURNING o.id";

const TAKE_PAYMENTS: &str = "UPDATE order_payments p SET tries = p.tries + 1, due = clock_timestamp() + $2 * interval '1 microsecond'
    FROM (SELECT order_id, attempt FROM order_payments WHERE state IN ('charging', 'voiding') AND due <= clock_timestamp()
        ORDER BY due LIMIT $1 FOR UPDATE SKIP LOCKED) AS next
    WHERE p.order_id = next.order_id AND p.attempt = next.attempt
    RETURNING p.order_id, p.attempt, p.state = 'voiding', p.amount, p.currency, p.payment_ref, p.order_ref, p.reservation,
        p.tries";

const POSTPONE: &str = "UPDATE order_payments SET due = clock_timestamp() + $3 * interval '1 microsecond'
    WHERE order_id = $1 AND attempt = $2 AND state IN ('charging', 'voiding') RETURNING order_id";

const VOIDED: &str = "UPDATE order_payments SET state = 'voided', settled_at = clock_timestamp()
    WHERE order_id = $1 AND attempt = $2 AND state = 'voiding' RETURNING order_id";

const LETTERS: &str = "SELECT id, lane, sku, coalesce(cause, ''), coalesce(fault, ''), attempts,
        coalesce(first_fault_at, taken_at), record
    FROM orders WHERE letter ORDER BY seq LIMIT $1";

fn moment(found: &Row, column: usize) -> Option<Timestamp> {
    found.get::<_, Option<DateTime<Utc>>>(column).map(Timestamp::from)
}

fn waiting(found: &Row) -> Result<Waiting> {
    Ok(Waiting {
        id: found.get(0),
        seq: found.get(1),
        lane: lane(found.get(2))?,
        attempts: found.get(3),
        record: found.get(4),
    })
}

fn order_row(found: &Row) -> Result<OrderRow> {
    Ok(OrderRow {
        id: found.get(0),
        seq: found.get(1),
        lane: lane(found.get(2))?,
        topic: found.get(3),
        partition: found.get(4),
        offset: found.get(5),
        subject: found.get(6),
        owner: found.get(7),
        digest: found.get(8),
        sku: found.get(9),
        order_ref: found.get(10),
        state: order_state(found.get(11))?,
        reason: found.get(12),
        reservation_id: found.get(13),
        accepted_at: row::time(found, 14),
        decide_by: row::time(found, 15),
        taken_at: row::time(found, 16),
        decided_at: moment(found, 17),
        attempts: found.get(18),
        next_at: moment(found, 19),
        cause: found.get(20),
        fault: found.get(21),
        first_fault_at: moment(found, 22),
    })
}

/// Rows and positions, in the caller's transaction.
async fn take_in_in_tx(tx: &Transaction<'_>, intake: &Intake) -> Result<TakenIn> {
    let (lane, topic) = (intake.lane.as_str(), intake.topic.as_str());
    let partitions: Vec<i32> = intake.next.iter().map(|(partition, _)| *partition).collect();
    tx.execute(MAKE_POSITIONS, &[&lane, &topic, &partitions]).await?;
    let locked = tx.query(LOCK_POSITIONS, &[&lane, &topic, &partitions]).await?;
    let known: HashMap<i32, i64> = locked.iter().map(|found| (found.get(0), found.get(1))).collect();
    if intake.after.iter().any(|(partition, after)| known.get(partition).is_none_or(|next| next < after)) {
        return Ok(TakenIn { behind: true, ..TakenIn::default() });
    }
    let is_new = |order: &&NewOrder| known.get(&order.partition).is_none_or(|next| order.offset >= *next);
    let orders: Vec<&NewOrder> = intake.orders.iter().filter(is_new).collect();
    let taken = insert_in_tx(tx, lane, topic, &orders).await?;
    let ahead = |(partition, next): &&(i32, i64)| known.get(partition).is_none_or(|known| known < next);
    let (moved, to): (Vec<i32>, Vec<i64>) = intake.next.iter().filter(ahead).copied().unzip();
    tx.execute(MOVE_POSITIONS, &[&lane, &topic, &moved, &to]).await?;
    tx.execute("UPDATE order_lanes SET topic = $2 WHERE lane = $1 AND topic <> $2", &[&lane, &topic]).await?;
    Ok(taken)
}

macro_rules! column {
    ($orders:expr, |$order:ident| $value:expr) => {
        $orders.iter().map(|$order| $value).collect::<Vec<_>>()
    };
}

async fn insert_in_tx(tx: &Transaction<'_>, lane: &str, topic: &str, orders: &[&NewOrder]) -> Result<TakenIn> {
    if orders.is_empty() {
        return Ok(TakenIn::default());
    }
    let params: [&(dyn ToSql + Sync); 15] = [
        &lane,
        &topic,
        &column!(orders, |order| order.id),
        &column!(orders, |order| order.partition),
        &column!(orders, |order| order.offset),
        &column!(orders, |order| order.subject.as_str()),
        &column!(orders, |order| order.owner.as_deref()),
        &column!(orders, |order| order.digest.as_str()),
        &column!(orders, |order| order.sku.as_str()),
        &column!(orders, |order| order.order_ref.as_deref()),
        &column!(orders, |order| row::utc(order.accepted_at)),
        &column!(orders, |order| row::utc(order.decide_by)),
        &column!(orders, |order| order.fault.as_ref().map(|fault| fault.cause)),
        &column!(orders, |order| order.fault.as_ref().map(|fault| fault.text.as_str())),
        &column!(orders, |order| order.record.as_slice()),
    ];
    let new = tx.query(TAKE_IN, &params).await?.len();
    let mut taken = TakenIn { new, ..TakenIn::default() };
    if new < orders.len() {
        // What is there already under the same id: the same call, or another one.
        let ids = column!(orders, |order| order.id);
        let found = tx.query("SELECT id, digest FROM orders WHERE id = ANY($1)", &[&ids]).await?;
        let kept: HashMap<Uuid, String> = found.iter().map(|found| (found.get(0), found.get(1))).collect();
        taken.reused = orders.iter().filter(|order| kept.get(&order.id) != Some(&order.digest)).count();
        taken.repeated = (orders.len() - new).saturating_sub(taken.reused);
    }
    Ok(taken)
}

impl Postgres {
    /// A write that is more than one statement.
    pub(super) async fn order_tx<T>(&self, work: impl AsyncFnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let mut client = self.reader().await?;
        let tx = client.build_transaction().read_only(false).start().await?;
        tx.batch_execute(&format!("SET LOCAL idle_in_transaction_session_timeout = '1s'; {DURABLE}")).await?;
        home::guard(self.dialer.home.as_deref(), tx.query_one(home::STANDING, &[])).await?;
        let done = work(&tx).await?;
        tx.commit().await?;
        Ok(done)
    }

    async fn changed(&self, sql: &str, params: &[&(dyn ToSql + Sync)], line: &trail::Line) -> Result<Vec<Uuid>> {
        self.order_tx(async |tx: &Transaction<'_>| {
            let changed = tx.query(sql, params).await?;
            let now = row::time(&tx.query_one(row::MOMENT, &[]).await?, 0);
            line_in_tx(tx, line, now).await?;
            Ok(changed.iter().map(|found| found.get(0)).collect())
        })
        .await
    }
}

#[async_trait]
impl Orders for Postgres {
    async fn lead_lanes(&self, holder: Uuid, lease: Duration) -> Result<bool> {
        Ok(!self.write(LEAD, &[&holder, &micros(lease)]).await?.is_empty())
    }

    async fn leave_lanes(&self, holder: Uuid) -> Result<()> {
        self.write(LEAVE, &[&holder]).await.map(drop)
    }

    async fn lane_positions(&self, lane: Lane, topic: &str) -> Result<Vec<(i32, i64)>> {
        let sql = "SELECT partition, next FROM order_positions WHERE lane = $1 AND topic = $2";
        let found = self.reader().await?.query(sql, &[&lane.as_str(), &topic]).await?;
        Ok(found.iter().map(|found| (found.get(0), found.get(1))).collect())
    }

    async fn take_in(&self, intake: &Intake) -> Result<TakenIn> {
        self.order_tx(async |tx: &Transaction<'_>| take_in_in_tx(tx, intake).await).await
    }

    async fn waiting_orders(&self, lane: Lane, after: i64, limit: usize) -> Result<Vec<Waiting>> {
        let found = self.reader().await?.query(WAITING, &[&lane.as_str(), &(limit as i64), &after]).await?;
        found.iter().map(waiting).collect()
    }

    async fn paused_lanes(&self) -> Result<Vec<Lane>> {
        let found = self.reader().await?.query("SELECT lane FROM order_lanes WHERE paused", &[]).await?;
        found.iter().map(|found| lane(found.get(0))).collect()
    }

    async fn orders_again(&self, limit: usize) -> Result<Vec<Waiting>> {
        let found = self.reader().await?.query(AGAIN, &[&(limit as i64)]).await?;
        found.iter().map(waiting).collect()
    }

    async fn set_order_aside(&self, id: Uuid, fault: &Fault, pause: Option<Duration>) -> Result<bool> {
        let pause = pause.map(micros);
        Ok(!self.write(SET_ASIDE, &[&id, &fault.cause, &fault.text, &pause]).await?.is_empty())
    }

    async fn order(&self, id: Uuid) -> Result<Option<OrderRow>> {
        let sql = format!("SELECT {COLUMNS} FROM orders WHERE id = $1");
        self.reader().await?.query_opt(&sql, &[&id]).await?.as_ref().map(order_row).transpose()
    }

    async fn orders(&self, query: &OrderQuery) -> Result<Vec<OrderRow>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM orders WHERE ($1::text IS NULL OR order_ref = $1) AND ($2::text IS NULL OR state = $2)
                AND ($3::text IS NULL OR sku = $3) AND ($4::text IS NULL OR cause = $4)
                AND ($5::timestamptz IS NULL OR accepted_at >= $5) AND ($6::timestamptz IS NULL OR accepted_at < $6)
                AND ($7::bigint IS NULL OR seq < $7) AND ($9::uuid[] IS NULL OR id = ANY($9))
            ORDER BY seq DESC LIMIT $8"
        );
        let (from, to) = (query.from.map(row::utc), query.to.map(row::utc));
        let (state, limit) = (query.state.map(OrderState::as_str), query.limit as i64);
        let params: [&(dyn ToSql + Sync); 9] =
            [&query.order_ref, &state, &query.sku, &query.cause, &from, &to, &query.before, &limit, &query.ids];
        self.reader().await?.query(&sql, &params).await?.iter().map(order_row).collect()
    }

    async fn lane_rows(&self) -> Result<Vec<LaneRow>> {
        let client = self.reader().await?;
        let (lanes, partitions) = (client.query(LANES, &[]).await?, client.query(PARTITIONS, &[]).await?);
        let mut rows = Vec::new();
        for found in &lanes {
            let of: &str = found.get(0);
            let own = partitions.iter().filter(|partition| partition.get::<_, &str>(0) == of);
            let own: Vec<LanePartition> = own
                .map(|found| LanePartition {
                    partition: found.get(1),
                    next: found.get(2),
                    undecided: found.get(3),
                    first_undecided: found.get(4),
                })
                .collect();
            rows.push(LaneRow {
                lane: lane(of)?,
                paused: found.get(1),
                topic: found.get(2),
                rate: found.get(3),
                undecided: own.iter().map(|partition| partition.undecided).sum(),
                oldest: moment(found, 4),
                partitions: own,
            });
        }
        rows.sort_by_key(|row| row.lane);
        Ok(rows)
    }

    async fn set_lane_rate(&self, lane: Lane, rate: f64) -> Result<()> {
        self.write("UPDATE order_lanes SET rate = $2 WHERE lane = $1", &[&lane.as_str(), &rate]).await.map(drop)
    }

    async fn pause_lane(&self, lane: Lane, paused: bool, line: &trail::Line) -> Result<()> {
        let sql = "UPDATE order_lanes SET paused = $2 WHERE lane = $1 RETURNING NULL::uuid";
        self.order_tx(async |tx: &Transaction<'_>| {
            tx.query(sql, &[&lane.as_str(), &paused]).await?;
            let now = row::time(&tx.query_one(row::MOMENT, &[]).await?, 0);
            line_in_tx(tx, line, now).await
        })
        .await
    }

    async fn take_payments(&self, limit: usize, lease: Duration) -> Result<Vec<Payment>> {
        let taken = self.write(TAKE_PAYMENTS, &[&(limit as i64), &micros(lease)]).await?;
        let payment = |found: &Row| Payment {
            order: found.get(0),
            attempt: found.get(1),
            voids: found.get(2),
            amount: found.get(3),
            currency: found.get(4),
            payment_ref: found.get(5),
            order_ref: found.get(6),
            reservation: found.get(7),
            tries: found.get(8),
        };
        Ok(taken.iter().map(payment).collect())
    }

    async fn postpone_payment(&self, payment: &Payment, pause: Duration) -> Result<()> {
        self.write(POSTPONE, &[&payment.order, &payment.attempt, &micros(pause)]).await.map(drop)
    }

    async fn payment_voided(&self, payment: &Payment) -> Result<()> {
        self.write(VOIDED, &[&payment.order, &payment.attempt]).await.map(drop)
    }

    async fn letters_by_cause(&self) -> Result<Vec<Letters>> {
        let found = self.reader().await?.query(BY_CAUSE, &[]).await?;
        let letters = |found: &Row| Letters {
            cause: found.get::<_, Option<String>>(0).unwrap_or_default(),
            count: found.get(1),
            first_seen: moment(found, 2).unwrap_or_default(),
            last_seen: moment(found, 3).unwrap_or_default(),
            sample: found.get(4),
            fault: found.get(5),
        };
        Ok(found.iter().map(letters).collect())
    }

    async fn discard_orders(&self, ids: &[Uuid], reason: &str, line: &trail::Line) -> Result<Vec<Uuid>> {
        self.changed(DISCARD, &[&ids, &reason], line).await
    }

    async fn unsent_letters(&self, limit: usize) -> Result<Vec<Letter>> {
        let found = self.reader().await?.query(LETTERS, &[&(limit as i64)]).await?;
        let letter = |found: &Row| {
            Ok(Letter {
                id: found.get(0),
                lane: lane(found.get(1))?,
                sku: found.get(2),
                cause: found.get(3),
                fault: found.get(4),
                attempts: found.get(5),
                first_seen: row::time(found, 6),
                record: found.get(7),
            })
        };
        found.iter().map(letter).collect()
    }

    async fn letters_sent(&self, ids: &[Uuid]) -> Result<()> {
        self.write("UPDATE orders SET letter = false WHERE id = ANY($1) RETURNING id", &[&ids]).await.map(drop)
    }
}
