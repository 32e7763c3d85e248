//! A batch on its own session: lock → read → decide → write → commit.
//!
//! A new item has no row yet: another batch that creates the same item waits at the key, learns that it was overtaken,
//! and starts again. No rows are locked after that point, so nobody waits in a circle.
//!
//! Two round trips, whatever the batch's size: everything before the decision is pipelined, and so is everything after
//! it. The lock is the SKU's row of `products`. Locks are taken in SKU order, so two replicas cannot deadlock; the
//! transaction that has the lock owns the SKU's stock rows at all locations.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{TryFutureExt, future::join_all, join, try_join};
use onhand_wire::{Sku, Timestamp};
use tokio_postgres::{Client, Row, Statement, types::ToSql};
use uuid::Uuid;

use super::{home, row, session::Session, write};
use crate::{
    record::{OpenAllocation, ReservationRecord},
    state::{BatchState, Kept, Topology},
    store::{Decide, Needs, Result, StoreError},
};

/// Statements that are prepared once for each session.
struct Statements {
    lock: Statement,
    standing: Statement,
    /// For changes of locations and channels: replicas take turns, so that each sees the other's seq.
    standing_locked: Statement,
    stock: Statement,
    kept: Statement,
    reservations: Statement,
    take_turns: Statement,
    open_units: Statement,
    dead: Statement,
    orders: Statement,
    in_line: Statement,
    after: Statement,
}

pub(super) struct BatchSession {
    session: Session,
    statements: Statements,
    writes: write::Statements,
    topology: Arc<Topology>,
    term: u16,
    opened: Instant,
    planned_at: Instant,
    /// Whether commits wait for a synchronous standby, as the current batch found it.
    synced: bool,
}

/// Planning takes some milliseconds.
const PLANNED_FOR: Duration = Duration::from_secs(5);

type Params<'a, const N: usize> = [&'a (dyn ToSql + Sync); N];

fn standing() -> String {
    format!(
        "SELECT s.term, s.topology, s.maintenance, coalesce(s.message, ''), greatest(clock_timestamp(), r.t),
            s.system_id, s.timeline, s.lossless, {SYNC}, s.region, s.alone
        FROM origin_state s, relay r"
    )
}

/// Runs after the commit: its time, and whether it still had to wait for a standby.
fn after() -> String {
    format!("SELECT greatest(clock_timestamp(), t), {SYNC} FROM relay")
}

/// Whom this session's commits wait for.
const SYNC: &str = "current_setting('synchronous_standby_names'), current_setting('synchronous_commit')";

/// Holds that have expired at the batch's time, or expire up to a second later; the decision picks the former. It uses
/// the statement's time and not `clock_timestamp()`: with a volatile bound, the index scan would read all open holds of
/// a SKU.
const DEAD: &str = "SELECT reservation, line, sku, location, quantity, expires_at FROM allocations
    WHERE sku = ANY($1) AND expires_at <= greatest(statement_timestamp(), (SELECT t FROM relay)) + interval '1 second'";

/// By id, so that nobody waits in a circle; their first SKUs are locked by now, so what is read stays.
const ORDERS: &str = "SELECT id, lane, sku, seq, state, next_at IS NOT NULL, decide_by,
        CASE WHEN state = 'processing' THEN
            (SELECT attempt FROM order_payments p WHERE p.order_id = orders.id AND p.state = 'charging') END
    FROM orders WHERE id = ANY($1)
    ORDER BY id FOR UPDATE";

/// What waits before each in its line, as far as one batch could decide it.
const IN_LINE: &str = "SELECT m.lane, m.sku, w.seq FROM (
        SELECT lane, sku, max(seq) AS last FROM orders WHERE id = ANY($1) AND next_at IS NULL GROUP BY lane, sku) m,
    LATERAL (SELECT seq FROM orders WHERE lane = m.lane AND sku = m.sku AND seq <= m.last AND state = 'queued'
        AND next_at IS NULL ORDER BY seq LIMIT 1024) w";

/// Key by key, whatever the plan was made on: OFFSET keeps the planner from turning it round and
/// reading all keys.
const KEPT: &str = "SELECT k.* FROM unnest($1::text[], $2::text[]) AS asked (subject, key), LATERAL (
        SELECT subject, key, digest, digest_form, status, body FROM idempotency_keys
        WHERE subject = asked.subject AND key = asked.key OFFSET 0) k";

/// Two batches that count the same holder's units take turns, until one has committed. Taken before any
/// row is locked, and in one order, so that nobody waits in a circle.
const TAKE_TURNS: &str = "SELECT pg_advisory_xact_lock(holder) FROM (
        SELECT DISTINCT hashtextextended(holder, 0) AS holder FROM unnest($1::text[]) AS holder
        ORDER BY holder OFFSET 0) holders";

/// The holders' open units: the sum, less what is past its deadline and not swept. It is one statement and so one
/// snapshot: with two, a sweep between them would be subtracted twice.
const OPEN_UNITS: &str = "SELECT holder, (units - coalesce((
        SELECT sum(v.open_units) FROM reservations v
        WHERE v.holder = o.holder AND v.holder IS NOT NULL AND v.state = 'held'
            AND v.expires_at <= greatest(statement_timestamp(), (SELECT t FROM relay))), 0))::bigint
    FROM open_units o WHERE holder = ANY($1)";

impl Statements {
    async fn prepare(client: &Client) -> Result<Self> {
        let lock = format!("SELECT {} FROM products WHERE sku = ANY($1) ORDER BY sku FOR UPDATE", row::ITEM);
        let stock = format!("SELECT {} FROM inventory_items WHERE sku = ANY($1)", row::STOCK);
        Ok(Self {
            lock: client.prepare(&lock).await?,
            standing: client.prepare(&standing()).await?,
            standing_locked: client.prepare(&format!("{} FOR UPDATE OF s", standing())).await?,
            stock: client.prepare(&stock).await?,
            kept: client.prepare(KEPT).await?,
            reservations: client.prepare(row::NAMED_RESERVATIONS).await?,
            take_turns: client.prepare(TAKE_TURNS).await?,
            open_units: client.prepare(OPEN_UNITS).await?,
            dead: client.prepare(DEAD).await?,
            orders: client.prepare(ORDERS).await?,
            in_line: client.prepare(IN_LINE).await?,
            after: client.prepare(&after()).await?,
        })
    }
}

impl BatchSession {
    pub(super) async fn open(session: Session) -> Result<Self> {
        let statements = Statements::prepare(&session.client).await?;
        let (writes, opened) = (write::Statements::prepare(&session.client).await?, Instant::now());
        Ok(Self {
            session,
            statements,
            writes,
            topology: Arc::default(),
            term: 0,
            opened,
            planned_at: opened,
            synced: false,
        })
    }

    pub(super) fn opened(&self) -> Instant {
        self.opened
    }

    pub(super) fn is_closed(&self) -> bool {
        self.session.client.is_closed()
    }

    /// Notifies the leading relay in another replica; not awaited, and never inside a commit.
    pub(super) fn announce(&self) {
        let notify = self.session.client.batch_execute("NOTIFY onhand_outbox");
        // Polling once sends the request; its answer does not matter.
        drop(futures_util::FutureExt::now_or_never(notify));
    }

    pub(super) async fn run(&mut self, mut needs: Needs, decide: &mut Decide<'_>) -> Result<Timestamp> {
        self.session.take_warning();
        self.plan_anew_now_and_then().await?;
        self.add_skus_of_reservations(&mut needs).await?;
        let prepared = match Box::pin(self.lock_and_read(&needs)).await {
            Ok(mut state) => {
                decide(&mut state);
                Ok(state)
            }
            Err(error) => Err(error),
        };
        let done = match prepared {
            Ok(state) => self.write_and_commit(&state).await,
            Err(error) => Err(error),
        };
        if done.is_err() && !self.is_closed() {
            self.session.client.batch_execute("ROLLBACK").await?;
        }
        done
    }

    /// A verb names a reservation, whose SKUs are read before the locks; should its lines be replaced meanwhile, the
    /// batch begins again.
    async fn add_skus_of_reservations(&self, needs: &mut Needs) -> Result<()> {
        if needs.reservations.is_empty() {
            return Ok(());
        }
        let (ids, owners) = named(needs);
        let found = self.session.client.query(&self.statements.reservations, &[&ids, &owners]).await?;
        for row in found {
            needs.skus.extend(record(&row)?.skus().cloned());
        }
        Ok(())
    }

    /// A plan that was made while a table was nearly empty would read all of it, however large it has become.
    async fn plan_anew_now_and_then(&mut self) -> Result<()> {
        if self.planned_at.elapsed() >= PLANNED_FOR {
            self.planned_at = Instant::now();
            self.session.client.batch_execute("DISCARD PLANS").await?;
        }
        Ok(())
    }

    async fn lock_and_read(&mut self, needs: &Needs) -> Result<BatchState> {
        let (client, with) = (&self.session.client, &self.statements);
        let skus: Vec<&str> = needs.skus.iter().map(Sku::as_str).collect();
        let (ids, owners) = named(needs);
        let holders: Vec<&str> = needs.holders.iter().map(String::as_str).collect();
        let (subjects, keys): (Vec<&str>, Vec<&str>) = needs.keys.iter().map(|(s, k)| (s.as_str(), k.as_str())).unzip();
        let (skus, keys, named): (Params<1>, Params<2>, Params<2>) = ([&skus], [&subjects, &keys], [&ids, &owners]);
        let held: Params<1> = [&holders];
        let orders: Vec<Uuid> = needs.orders.iter().copied().collect();
        let decided: Params<1> = [&orders];
        // Sent in this order, answered in this order; each read sees what the lock waited for.
        let (begun, turns, items, standing, stock, kept, records, dead, open, in_line, before) = join!(
            client.batch_execute("BEGIN"),
            if_any(&holders, client.query(&with.take_turns, &held)),
            client.query(&with.lock, &skus),
            client.query_one(if needs.topology { &with.standing_locked } else { &with.standing }, &[]),
            client.query(&with.stock, &skus),
            if_any(&subjects, client.query(&with.kept, &keys)),
            if_any(&ids, client.query(&with.reservations, &named)),
            client.query(&with.dead, &skus),
            if_any(&holders, client.query(&with.open_units, &held)),
            if_any(&orders, client.query(&with.orders, &decided)),
            if_any(&orders, client.query(&with.in_line, &decided)),
        );
        begun?; // the first error is the cause
        turns?;
        let (items, standing, stock, kept, records, dead) = (items?, standing?, stock?, kept?, records?, dead?);
        let open = open?;
        self.judge_copy(&standing)?;
        self.refresh_topology(&standing).await?;
        let (lossless, synced) = (standing.get::<_, bool>(7), self.is_confirmed(&standing, 8));
        home::judge_alone(self.session.home.as_deref(), synced, standing.get(11))?;
        self.synced = synced;
        let mut state = BatchState {
            now: row::time(&standing, 4),
            term: self.term,
            topology: self.topology.clone(),
            maintenance: standing.get::<_, bool>(2).then(|| standing.get(3)),
            outbox: Uuid::now_v7(),
            ..BatchState::default()
        };
        state.changes.lossless = (lossless != synced).then_some(synced);
        fill(&mut state, &items, &stock, &kept, &records, &dead)?;
        super::orders::fill(&mut state, &in_line?, &before?)?;
        if state.reservations.values().flat_map(ReservationRecord::skus).any(|sku| !needs.skus.contains(sku)) {
            // Its lines were replaced between the look at them and the locks.
            return Err(StoreError::Overtaken("a reservation's lines".to_owned()));
        }
        state.open_units = open.iter().map(|found| (found.get(0), found.get(1))).collect();
        if !needs.reconcile.is_empty() {
            state.books = super::books::books(&self.session.client, &needs.reconcile).await?;
        }
        Ok(state)
    }

    /// Each batch checks: nothing is written under a term that was given to another copy.
    fn judge_copy(&self, standing: &Row) -> Result<()> {
        let own = &self.session.identity;
        let named = standing.get::<_, Option<&str>>(5).zip(standing.get::<_, Option<i64>>(6));
        let region = standing.get::<_, Option<&str>>(10);
        let unclaimed = self.session.home.as_ref().is_some_and(|home| home.among.is_some()) && region.is_none();
        if named != Some((&own.system_id, own.timeline)) || unclaimed {
            return Err(StoreError::AnotherCopy);
        }
        self.session.home.as_ref().map_or(Ok(()), |home| home::admit(home, region))
    }

    /// As two columns from this one on tell it.
    fn is_confirmed(&self, found: &Row, first: usize) -> bool {
        home::is_confirmed(self.session.home.as_deref(), found.get(first), found.get(first + 1))
    }

    /// Locations and channels are kept between batches for as long as their stamp is unchanged.
    async fn refresh_topology(&mut self, standing: &Row) -> Result<()> {
        let (term, stamp) = (standing.get::<_, i32>(0) as u16, standing.get(1));
        if (term, stamp) == (self.term, self.topology.stamp) {
            return Ok(());
        }
        let client = &self.session.client;
        let (locations, channels) =
            (format!("SELECT {} FROM locations", row::LOCATION), format!("SELECT {} FROM channels", row::CHANNEL));
        let (locations, channels) = try_join!(client.query(&locations, &[]), client.query(&channels, &[]))?;
        let mut topology = Topology { stamp, ..Topology::default() };
        for found in &locations {
            topology.add_location(row::location(found, term)?);
        }
        for found in &channels {
            topology.add_channel(row::channel(found, term)?);
        }
        self.topology = Arc::new(topology);
        self.term = term;
        Ok(())
    }

    /// A COMMIT is never cancelled; one that warns is not acknowledged.
    async fn write_and_commit(&mut self, state: &BatchState) -> Result<Timestamp> {
        let client = &self.session.client;
        let mut writes = self.writes.all(client, state);
        if write::copied(state) {
            for write in writes.drain(..) {
                write.await?;
            }
        }
        let commit = client.batch_execute("COMMIT").map_err(StoreError::from);
        // An error here says nothing about the COMMIT before it.
        let unknown = |error: tokio_postgres::Error| StoreError::Unreachable(error.to_string());
        let after = client.query_one(&self.statements.after, &[]).map_err(unknown);
        // The first one's error is the cause; those after it say only that there was one.
        let (written, committed, after) = join!(join_all(writes), commit, after);
        written.into_iter().collect::<Result<()>>()?;
        committed?;
        let after = after?;
        if self.session.take_warning() {
            return Err(StoreError::Unreachable("COMMIT answered with a warning".to_owned()));
        }
        if self.synced && !self.is_confirmed(&after, 1) {
            // The server stopped waiting for the standby during the COMMIT: the next batch records that first.
            return Err(StoreError::Unreachable("commits no longer wait for a standby".to_owned()));
        }
        Ok(row::time(&after, 0))
    }
}

/// Skips the query if there is nothing to ask for.
pub(super) async fn if_any<T, E>(
    of: &[T],
    query: impl Future<Output = std::result::Result<Vec<Row>, E>>,
) -> std::result::Result<Vec<Row>, E> {
    if of.is_empty() { Ok(Vec::new()) } else { query.await }
}

/// Which SKUs' rows cannot be locked at once.
pub(super) async fn locked(client: &Client, skus: &BTreeSet<Sku>) -> Result<BTreeSet<Sku>> {
    let skus: Vec<&str> = skus.iter().map(Sku::as_str).collect();
    let sql = "WITH free AS (SELECT sku, '' AS location FROM products WHERE sku = ANY($1) FOR UPDATE SKIP LOCKED),
            free_rows AS (SELECT sku, location FROM inventory_items WHERE sku = ANY($1) FOR UPDATE SKIP LOCKED)
        SELECT sku FROM (SELECT sku, '' AS location FROM products WHERE sku = ANY($1) EXCEPT SELECT * FROM free) p
        UNION SELECT sku FROM (SELECT sku, location FROM inventory_items WHERE sku = ANY($1) EXCEPT SELECT * FROM free_rows) i";
    client.batch_execute("BEGIN").await?;
    let found = client.query(sql, &[&skus]).await;
    client.batch_execute("ROLLBACK").await?; // releases the locks; nothing was written
    found?.iter().map(|found| row::sku(found.get(0))).collect()
}

/// Ids, and the owner that each must have.
fn named(needs: &Needs) -> (Vec<Uuid>, Vec<Option<&str>>) {
    needs.reservations.iter().map(|(id, owner)| (*id, owner.as_deref())).unzip()
}

fn record(found: &Row) -> Result<ReservationRecord> {
    row::json("a reservation", found.get(1))
}

fn fill(
    state: &mut BatchState,
    items: &[Row],
    stock: &[Row],
    kept: &[Row],
    records: &[Row],
    dead: &[Row],
) -> Result<()> {
    for found in items {
        let item = row::item(found, state.term)?;
        state.items.insert(item.sku.clone(), item);
    }
    for found in stock {
        let (sku, location, held) = row::stock(found)?;
        state.stock.entry(sku).or_default().insert(location, held);
    }
    for found in kept {
        let digest = found
            .get::<_, &[u8]>(2)
            .try_into()
            .map_err(|_| StoreError::Refused("a kept digest is not 32 bytes".to_owned()))?;
        let (form, status) = (found.get::<_, i16>(3) as u8, found.get::<_, i32>(4) as u16);
        let answer = Kept { digest, form, status, body: found.get(5) };
        state.kept.insert((found.get(0), found.get(1)), answer);
    }
    for found in records {
        let record = record(found)?;
        state.reservations.insert(record.id, record);
    }
    for found in dead {
        let expires_at = row::time(found, 5);
        if expires_at <= state.now {
            state.dead.push(OpenAllocation {
                reservation: found.get(0),
                line: found.get::<_, i32>(1) as u32,
                sku: row::sku(found.get(2))?,
                location: row::location_id(found.get(3))?,
                quantity: found.get(4),
                expires_at: Some(expires_at),
            });
        }
    }
    Ok(())
}
