//! What a batch writes: one set-based statement for each table, rows in key order. An import's chunk copies its new
//! rows instead, which is half the work for the database.

mod columns;
mod copy;

use futures_util::future::BoxFuture;
use tokio_postgres::{Client, Statement, types::ToSql};

pub(super) use self::copy::copied;
use self::{
    columns::{
        StockRows, allocations, channel_row, charges, counted, items, kept, ledger, levels, location_row,
        new_reservations, open_allocations, orders, released, reservations, settled, stock, trail,
    },
    copy::Copies,
};
use crate::{
    record::PaymentChange,
    state::BatchState,
    store::{Result, outbox},
};

pub(super) struct Statements {
    new_items: Statement,
    items: Statement,
    new_stock: Statement,
    stock: Statement,
    levels: Statement,
    new_reservations: Statement,
    reservations: Statement,
    close: Statement,
    release: Statement,
    allocate: Statement,
    ledger: Statement,
    outbox: Statement,
    keep: Statement,
    trail: Statement,
    count: Statement,
    orders: Statement,
    charge: Statement,
    settle: Statement,
    location: Statement,
    channel: Statement,
    stamp: Statement,
    maintain: Statement,
    lossless: Statement,
    touch: Statement,
    copies: Copies,
}

const ITEM_COLUMNS: &str = "sku, name, brand, attributes, price, currency, active, deleted, seq, changed_at, search";

const ITEMS: &str = "UPDATE products p SET name = u.name, brand = u.brand, attributes = u.attributes, price = u.price,
    currency = u.currency, active = u.active, deleted = u.deleted, seq = u.seq, changed_at = u.at, search = u.search";

const ITEM_ROWS: &str = "
    SELECT sku, name, brand, attributes::jsonb AS attributes, price, currency, active, deleted, seq, at,
        array_to_tsvector(string_to_array(substr(search, 2), chr(1))) AS search
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::boolean[], $8::boolean[],
        $9::bigint[], $10::timestamptz[], $11::text[])
        AS u (sku, name, brand, attributes, price, currency, active, deleted, seq, at, search)";

const STOCK_ROWS: &str = "unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
    $8::text[], $9::bigint[], $10::timestamptz[], $11::boolean[])
    AS u (sku, location, on_hand, reserved, safety_stock, backorder_limit, low_stock_at, restock_at, seq, changed_at, deleted)";

/// Most changes: counts and holds, all with the batch's time.
const LEVELS: &str = "UPDATE inventory_items i SET on_hand = u.on_hand, reserved = u.reserved, seq = u.seq, changed_at = $6
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) AS u (sku, location, on_hand, reserved, seq)
    WHERE i.sku = u.sku AND i.location = u.location";

const CLOSE: &str = "DELETE FROM allocations WHERE reservation = ANY($1)";

const RELEASE: &str =
    "DELETE FROM allocations a USING unnest($1::uuid[], $2::integer[], $3::text[]) AS u (reservation, line, location)
    WHERE a.reservation = u.reservation AND a.line = u.line AND a.location = u.location";

const ALLOCATE: &str = "INSERT INTO allocations (reservation, line, sku, location, quantity, expires_at)
    SELECT * FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[])";

/// Lines that share one number of the sequence; a batch with more lines draws several.
const LEDGER_LINES: usize = 1 << 14;
const LEDGER_COLUMNS: &str = "at, actor, kind, reason, sku, location, on_hand_before, reserved_before, on_hand_after,
    reserved_after, seq, reservation, correlation, policy, id";
const LEDGER_ROWS: &str = "
    SELECT $1, actor, kind, reason, sku, location, on_hand_before, reserved_before, on_hand_after, reserved_after, seq, reservation,
        correlation, policy::json, (SELECT nextval('ledger_batches') << 14) + line
    FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[],
        $11::bigint[], $12::uuid[], $13::text[], $14::text[]) WITH ORDINALITY AS u (actor, kind, reason, sku, location,
        on_hand_before, reserved_before, on_hand_after, reserved_after, seq, reservation, correlation, policy, line)";

const OUTBOX: &str = "INSERT INTO outbox (id, keys) VALUES ($1, $2)";

const KEEP: &str = "INSERT INTO idempotency_keys (subject, key, digest, digest_form, status, body, created_at)
    SELECT *, $7 FROM unnest($1::text[], $2::text[], $3::bytea[], $4::smallint[], $5::integer[], $6::text[])";

/// The database adds them up, because a batch that releases units has not locked the holder.
const COUNT: &str = "INSERT INTO open_units (holder, units) SELECT * FROM unnest($1::text[], $2::bigint[])
    ON CONFLICT (holder) DO UPDATE SET units = open_units.units + excluded.units";

/// They are locked, and were queued.
const ORDERS: &str =
    "UPDATE orders o SET state = u.state, reason = u.reason, reservation = u.reservation, decided_at = $6,
        next_at = NULL, cause = coalesce(u.cause, o.cause), letter = u.cause IS NOT NULL,
        first_fault_at = CASE WHEN u.cause IS NULL THEN o.first_fault_at ELSE coalesce(o.first_fault_at, $6) END
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::text[]) AS u (id, state, reason, reservation, cause)
    WHERE o.id = u.id";

const CHARGE: &str =
    "INSERT INTO order_payments (order_id, attempt, state, amount, currency, payment_ref, order_ref, reservation,
        due, created_at)
    SELECT id, coalesce((SELECT max(attempt) FROM order_payments p WHERE p.order_id = u.id), 0) + 1, 'charging', amount,
        currency, payment_ref, order_ref, reservation, $7, $7
    FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::uuid[])
        AS u (id, amount, currency, payment_ref, order_ref, reservation)";

/// Its order is locked.
const SETTLE: &str = "UPDATE order_payments p SET state = u.state, settled_at = $4, tries = 0, due = $4
    FROM unnest($1::uuid[], $2::integer[], $3::text[]) AS u (id, attempt, state)
    WHERE p.order_id = u.id AND p.attempt = u.attempt";

const LOCATION: &str =
    "INSERT INTO locations (location, name, region, priority, lat, lon, enabled, pickup, seq, changed_at, deleted)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    ON CONFLICT (location) DO UPDATE SET name = excluded.name, region = excluded.region, priority = excluded.priority,
        lat = excluded.lat, lon = excluded.lon, enabled = excluded.enabled, pickup = excluded.pickup,
        seq = greatest(locations.seq + 1, excluded.seq), changed_at = excluded.changed_at, deleted = excluded.deleted";

const CHANNEL: &str = "INSERT INTO channels (channel, locations, allocation, seq, changed_at, deleted)
    VALUES ($1, $2::text::json, $3, $4, $5, $6)
    ON CONFLICT (channel) DO UPDATE SET locations = excluded.locations, allocation = excluded.allocation,
        seq = greatest(channels.seq + 1, excluded.seq), changed_at = excluded.changed_at, deleted = excluded.deleted";

type Params = Vec<Box<dyn ToSql + Sync + Send>>;

impl Statements {
    pub(super) async fn prepare(client: &Client) -> Result<Self> {
        let columns = super::row::STOCK;
        let new_stock = format!("INSERT INTO inventory_items ({columns}) SELECT * FROM {STOCK_ROWS}");
        let stock = format!(
            "UPDATE inventory_items i SET on_hand = u.on_hand, reserved = u.reserved, safety_stock = u.safety_stock,
                backorder_limit = u.backorder_limit, low_stock_at = u.low_stock_at, restock_at = u.restock_at, seq = u.seq,
                changed_at = u.changed_at, deleted = u.deleted
            FROM {STOCK_ROWS} WHERE i.sku = u.sku AND i.location = u.location"
        );
        let new_reservations = "INSERT INTO reservations (id, state, expires_at, created_at, body, owner, holder, open_units, order_ref)
            SELECT id, state, expires_at, created_at, body::json, owner, holder, open_units, order_ref
            FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::text[], $7::text[],
                $8::bigint[], $9::text[]) AS u (id, state, expires_at, created_at, body, owner, holder, open_units, order_ref)";
        // Who made it, when and for whom stays.
        let reservations = "UPDATE reservations r SET state = u.state, expires_at = u.expires_at, body = u.body::json,
                open_units = u.open_units
            FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::bigint[])
                AS u (id, state, expires_at, body, open_units)
            WHERE r.id = u.id";
        Ok(Self {
            // No ON CONFLICT, so that it is noticed if another batch created one meanwhile.
            new_items: client.prepare(&format!("INSERT INTO products ({ITEM_COLUMNS}) {ITEM_ROWS}")).await?,
            items: client.prepare(&format!("{ITEMS} FROM ({ITEM_ROWS}) AS u WHERE p.sku = u.sku")).await?,
            new_stock: client.prepare(&new_stock).await?,
            stock: client.prepare(&stock).await?,
            levels: client.prepare(LEVELS).await?,
            new_reservations: client.prepare(new_reservations).await?,
            reservations: client.prepare(reservations).await?,
            close: client.prepare(CLOSE).await?,
            release: client.prepare(RELEASE).await?,
            allocate: client.prepare(ALLOCATE).await?,
            ledger: client.prepare(&format!("INSERT INTO ledger ({LEDGER_COLUMNS}) {LEDGER_ROWS}")).await?,
            outbox: client.prepare(OUTBOX).await?,
            keep: client.prepare(KEEP).await?,
            trail: client.prepare(super::trail::LINES).await?,
            count: client.prepare(COUNT).await?,
            orders: client.prepare(ORDERS).await?,
            charge: client.prepare(CHARGE).await?,
            settle: client.prepare(SETTLE).await?,
            location: client.prepare(LOCATION).await?,
            channel: client.prepare(CHANNEL).await?,
            stamp: client.prepare("UPDATE origin_state SET topology = topology + 1").await?,
            maintain: client.prepare("UPDATE origin_state SET maintenance = $1, message = $2").await?,
            lossless: client.prepare("UPDATE origin_state SET lossless = $1, alone = alone AND NOT $1").await?,
            copies: Copies::prepare(client).await?,
            touch: client.prepare("UPDATE origin_state SET connects = connects + 1").await?,
        })
    }

    /// The batch's writes in order; each is sent when first polled. A batch whose new rows are `copied`
    /// must wait for each.
    pub(super) fn all<'a>(&'a self, client: &'a Client, state: &'a BatchState) -> Vec<BoxFuture<'a, Result<()>>> {
        let changes = &state.changes;
        let (open, keys) = (open_allocations(state), outbox::keys(state));
        let mut writes = Writes { client, all: Vec::new() };
        let (new, changed): (Vec<_>, Vec<_>) = changes.items.iter().partition(|sku| changes.new_items.contains(*sku));
        if copied(state) && !new.is_empty() {
            writes.all.push(Box::pin(self.copies.items(client, state, new)));
        } else {
            writes.push(!new.is_empty(), &self.new_items, || items(state, &new));
        }
        writes.push(!changed.is_empty(), &self.items, || items(state, &changed));
        let rows = StockRows::of(changes);
        if copied(state) && !rows.new.is_empty() {
            writes.all.push(Box::pin(self.copies.stock(client, state, rows.new)));
        } else {
            writes.push(!rows.new.is_empty(), &self.new_stock, || stock(state, &rows.new));
        }
        writes.push(!rows.whole.is_empty(), &self.stock, || stock(state, &rows.whole));
        writes.push(!rows.levels.is_empty(), &self.levels, || levels(state, &rows.levels));
        writes.push(!changes.new_reservations.is_empty(), &self.new_reservations, || new_reservations(state));
        writes.push(!changes.reservations.is_empty(), &self.reservations, || reservations(state));
        writes.push(!changes.released.is_empty(), &self.release, || released(state));
        writes.push(!changes.reservations.is_empty(), &self.close, || {
            boxed1(changes.reservations.iter().copied().collect::<Vec<_>>())
        });
        writes.push(!open.is_empty(), &self.allocate, || allocations(&open));
        for lines in changes.ledger.chunks(LEDGER_LINES) {
            if copied(state) {
                writes.all.push(Box::pin(self.copies.ledger(client, state, lines)));
            } else {
                writes.push(true, &self.ledger, || ledger(lines, state.now));
            }
        }
        writes.push(keys.is_some(), &self.outbox, || boxed2(state.outbox, keys.clone()));
        writes.push(!changes.kept.is_empty(), &self.keep, || kept(state));
        writes.push(!changes.trail.is_empty(), &self.trail, || trail(state));
        writes.push(!changes.open_units.is_empty(), &self.count, || counted(state));
        writes.push(!changes.orders.is_empty(), &self.orders, || orders(state));
        let is_charge = |change: &PaymentChange| matches!(change, PaymentChange::Charge { .. });
        writes.push(changes.payments.values().any(is_charge), &self.charge, || charges(state));
        writes.push(!changes.payments.values().all(is_charge), &self.settle, || settled(state));
        for location in changes.locations.values() {
            writes.push(true, &self.location, || location_row(location));
        }
        for channel in changes.channels.values() {
            writes.push(true, &self.channel, || channel_row(channel));
        }
        writes.push(!changes.locations.is_empty() || !changes.channels.is_empty(), &self.stamp, Params::new);
        if let Some(maintenance) = &changes.maintenance {
            writes.push(true, &self.maintain, || boxed2(maintenance.maintenance_mode, maintenance.message.clone()));
        }
        if let Some(lossless) = changes.lossless {
            writes.push(true, &self.lossless, || boxed1(lossless));
        }
        // A replayed answer commits a write, too: it must not acknowledge something that a lost standby never had.
        writes.push(changes.is_empty(), &self.touch, Params::new);
        writes.all
    }
}

struct Writes<'a> {
    client: &'a Client,
    all: Vec<BoxFuture<'a, Result<()>>>,
}

impl<'a> Writes<'a> {
    fn push(&mut self, wanted: bool, statement: &'a Statement, params: impl FnOnce() -> Params) {
        if wanted {
            self.all.push(Box::pin(send(self.client, statement, params())));
        }
    }
}

async fn send(client: &Client, statement: &Statement, params: Params) -> Result<()> {
    let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| &**param as &(dyn ToSql + Sync)).collect();
    client.execute(statement, &params).await?;
    Ok(())
}

fn boxed1(a: impl ToSql + Sync + Send + 'static) -> Params {
    vec![Box::new(a)]
}

fn boxed2(a: impl ToSql + Sync + Send + 'static, b: impl ToSql + Sync + Send + 'static) -> Params {
    vec![Box::new(a), Box::new(b)]
}
