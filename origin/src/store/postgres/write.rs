//! What a batch writes: one set-based statement a table, rows in key order.

use futures_util::future::BoxFuture;
use onhand_wire::Timestamp;
use tokio_postgres::{Client, Statement, types::ToSql};
use uuid::Uuid;

use super::row::utc;
use crate::{
    record::OpenAllocation,
    state::{LedgerLine, State},
    store::{Result, outbox, words::search_text},
};

pub(super) struct Statements {
    items: Statement,
    new_stock: Statement,
    stock: Statement,
    new_reservations: Statement,
    reservations: Statement,
    close: Statement,
    release: Statement,
    allocate: Statement,
    ledger: Statement,
    outbox: Statement,
    keep: Statement,
    location: Statement,
    channel: Statement,
    stamp: Statement,
    maintain: Statement,
    lossless: Statement,
    touch: Statement,
}

const ITEMS: &str =
    "INSERT INTO products (sku, name, brand, attributes, price, currency, active, deleted, seq, changed_at, search)
    SELECT sku, name, brand, attributes::jsonb, price, currency, active, deleted, seq, at,
        array_to_tsvector(string_to_array(substr(search, 2), chr(1)))
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::boolean[], $8::boolean[],
        $9::bigint[], $10::timestamptz[], $11::text[])
        AS u (sku, name, brand, attributes, price, currency, active, deleted, seq, at, search)
    ON CONFLICT (sku) DO UPDATE SET name = excluded.name, brand = excluded.brand, attributes = excluded.attributes,
        price = excluded.price, currency = excluded.currency, active = excluded.active, deleted = excluded.deleted,
        seq = excluded.seq, changed_at = excluded.changed_at, search = excluded.search";

const STOCK_ROWS: &str = "unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
    $8::text[], $9::bigint[], $10::timestamptz[], $11::boolean[])
    AS u (sku, location, on_hand, reserved, safety_stock, backorder_limit, low_stock_at, restock_at, seq, changed_at, deleted)";

const CLOSE: &str = "DELETE FROM allocations WHERE reservation = ANY($1)";

const RELEASE: &str =
    "DELETE FROM allocations a USING unnest($1::uuid[], $2::integer[], $3::text[]) AS u (reservation, line, location)
    WHERE a.reservation = u.reservation AND a.line = u.line AND a.location = u.location";

const ALLOCATE: &str = "INSERT INTO allocations (reservation, line, sku, location, quantity, expires_at)
    SELECT * FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[])";

/// Lines that count from one number of the sequence; a batch of more draws several.
const LEDGER_LINES: usize = 1 << 14;
const LEDGER: &str = "INSERT INTO ledger (at, actor, kind, reason, sku, location, on_hand_before, reserved_before, on_hand_after,
        reserved_after, seq, reservation, correlation, policy, id)
    SELECT $1, actor, kind, reason, sku, location, on_hand_before, reserved_before, on_hand_after, reserved_after, seq, reservation,
        correlation, policy::json, (SELECT nextval('ledger_batches') << 14) + line
    FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[],
        $11::bigint[], $12::uuid[], $13::text[], $14::text[]) WITH ORDINALITY AS u (actor, kind, reason, sku, location,
        on_hand_before, reserved_before, on_hand_after, reserved_after, seq, reservation, correlation, policy, line)";

const OUTBOX: &str = "INSERT INTO outbox (id, keys) VALUES ($1, $2)";

const KEEP: &str = "INSERT INTO idempotency_keys (subject, key, digest, status, body, created_at)
    SELECT *, $6 FROM unnest($1::text[], $2::text[], $3::bytea[], $4::integer[], $5::text[])";

const LOCATION: &str =
    "INSERT INTO locations (location, name, region, priority, lat, lon, enabled, pickup, seq, changed_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (location) DO UPDATE SET name = excluded.name, region = excluded.region, priority = excluded.priority,
        lat = excluded.lat, lon = excluded.lon, enabled = excluded.enabled, pickup = excluded.pickup,
        seq = greatest(locations.seq + 1, excluded.seq), changed_at = excluded.changed_at";

const CHANNEL: &str = "INSERT INTO channels (channel, locations, allocation, seq, changed_at)
    VALUES ($1, $2::text::json, $3, $4, $5)
    ON CONFLICT (channel) DO UPDATE SET locations = excluded.locations, allocation = excluded.allocation,
        seq = greatest(channels.seq + 1, excluded.seq), changed_at = excluded.changed_at";

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
        let rows = "unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[])
            AS u (id, state, expires_at, created_at, body)";
        let new_reservations = format!(
            "INSERT INTO reservations (id, state, expires_at, created_at, body)
            SELECT id, state, expires_at, created_at, body::json FROM {rows}"
        );
        let reservations = format!(
            "UPDATE reservations r SET state = u.state, expires_at = u.expires_at, body = u.body::json FROM {rows} WHERE r.id = u.id"
        );
        Ok(Self {
            items: client.prepare(ITEMS).await?,
            new_stock: client.prepare(&new_stock).await?,
            stock: client.prepare(&stock).await?,
            new_reservations: client.prepare(&new_reservations).await?,
            reservations: client.prepare(&reservations).await?,
            close: client.prepare(CLOSE).await?,
            release: client.prepare(RELEASE).await?,
            allocate: client.prepare(ALLOCATE).await?,
            ledger: client.prepare(LEDGER).await?,
            outbox: client.prepare(OUTBOX).await?,
            keep: client.prepare(KEEP).await?,
            location: client.prepare(LOCATION).await?,
            channel: client.prepare(CHANNEL).await?,
            stamp: client.prepare("UPDATE origin_state SET topology = topology + 1").await?,
            maintain: client.prepare("UPDATE origin_state SET maintenance = $1, message = $2").await?,
            lossless: client.prepare("UPDATE origin_state SET lossless = $1").await?,
            touch: client.prepare("UPDATE origin_state SET connects = connects + 1").await?,
        })
    }

    /// The batch's writes in order; each is sent when first polled.
    pub(super) fn all<'a>(&'a self, client: &'a Client, state: &'a State) -> Vec<BoxFuture<'a, Result<()>>> {
        let changes = &state.changes;
        let (open, keys) = (open_allocations(state), outbox::keys(state));
        let mut writes: Vec<(&Statement, Params)> = Vec::new();
        let mut push = |wanted: bool, statement: &'a Statement, params: &dyn Fn() -> Params| {
            if wanted {
                writes.push((statement, params()));
            }
        };
        push(!changes.items.is_empty(), &self.items, &|| items(state));
        push(!changes.new_stock.is_empty(), &self.new_stock, &|| stock(state, true));
        push(changes.stock.len() > changes.new_stock.len(), &self.stock, &|| stock(state, false));
        push(!changes.new_reservations.is_empty(), &self.new_reservations, &|| {
            reservations(state, &changes.new_reservations)
        });
        push(!changes.reservations.is_empty(), &self.reservations, &|| reservations(state, &changes.reservations));
        push(!changes.released.is_empty(), &self.release, &|| released(state));
        push(!changes.reservations.is_empty(), &self.close, &|| {
            boxed1(changes.reservations.iter().copied().collect::<Vec<_>>())
        });
        push(!open.is_empty(), &self.allocate, &|| allocations(&open));
        for lines in changes.ledger.chunks(LEDGER_LINES) {
            push(true, &self.ledger, &|| ledger(lines, state.now));
        }
        push(keys.is_some(), &self.outbox, &|| boxed2(state.outbox, keys.clone()));
        push(!changes.kept.is_empty(), &self.keep, &|| kept(state));
        for location in changes.locations.values() {
            push(true, &self.location, &|| location_row(location));
        }
        for channel in changes.channels.values() {
            push(true, &self.channel, &|| channel_row(channel));
        }
        push(!changes.locations.is_empty() || !changes.channels.is_empty(), &self.stamp, &Params::new);
        if let Some(maintenance) = &changes.maintenance {
            push(true, &self.maintain, &|| boxed2(maintenance.maintenance_mode, maintenance.message.clone()));
        }
        if let Some(lossless) = changes.lossless {
            push(true, &self.lossless, &|| boxed1(lossless));
        }
        // A replayed answer commits a write, too: it must not acknowledge what a lost standby never had.
        push(changes.is_empty(), &self.touch, &Params::new);
        writes.into_iter().map(|(statement, params)| send(client, statement, params)).collect()
    }
}

fn send<'a>(client: &'a Client, statement: &'a Statement, params: Params) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| &**param as &(dyn ToSql + Sync)).collect();
        client.execute(statement, &params).await?;
        Ok(())
    })
}

fn boxed1(a: impl ToSql + Sync + Send + 'static) -> Params {
    vec![Box::new(a)]
}

fn boxed2(a: impl ToSql + Sync + Send + 'static, b: impl ToSql + Sync + Send + 'static) -> Params {
    vec![Box::new(a), Box::new(b)]
}

/// Gathers columns: one vector a column, one element a row.
macro_rules! columns {
    ($rows:expr, |$row:pat_param| $($column:expr),+ $(,)?) => {{
        let rows: Vec<_> = $rows.into_iter().collect();
        let params: Params = vec![$(Box::new(rows.iter().map(|$row| $column).collect::<Vec<_>>())),+];
        params
    }};
}

fn items(state: &State) -> Params {
    columns!(
        state.changes.items.iter().map(|sku| &state.items[sku]),
        |item| item.sku.to_string(),
        item.name.clone(),
        item.brand.clone(),
        serde_json::to_string(&item.attributes).expect("plain data encodes"),
        item.price.as_ref().map(|price| price.amount),
        item.price.as_ref().map(|price| price.currency.clone()),
        item.active,
        item.deleted,
        item.version.seq() as i64,
        utc(item.changed_at),
        search_text(item)
    )
}

#[allow(unused_variables)] // each column's closure uses a part of the row
fn stock(state: &State, new: bool) -> Params {
    let keys = state.changes.stock.iter().filter(|key| state.changes.new_stock.contains(*key) == new);
    columns!(
        keys.map(|(sku, location)| (sku, location, &state.stock[sku][location])),
        |(sku, location, row)| sku.to_string(),
        location.to_string(),
        row.on_hand,
        row.reserved,
        row.safety_stock,
        row.backorder_limit,
        row.low_stock_at,
        row.restock_at.as_ref().map(|at| at.as_str().to_owned()),
        row.seq as i64,
        utc(row.changed_at),
        row.deleted
    )
}

fn reservations(state: &State, ids: &std::collections::BTreeSet<Uuid>) -> Params {
    columns!(
        ids.iter().map(|id| &state.reservations[id]),
        |record| record.id,
        record.state.as_str(),
        record.expires_at.map(utc),
        utc(record.created_at),
        serde_json::to_string(record).expect("plain data encodes")
    )
}

fn released(state: &State) -> Params {
    columns!(state.changes.released.iter(), |dead| dead.reservation, dead.line as i32, dead.location.to_string())
}

/// What the batch's new and changed reservations hold now.
fn open_allocations(state: &State) -> Vec<OpenAllocation> {
    let ids = state.changes.new_reservations.iter().chain(&state.changes.reservations);
    ids.flat_map(|id| state.reservations[id].open()).collect()
}

fn allocations(open: &[OpenAllocation]) -> Params {
    columns!(
        open.iter(),
        |open| open.reservation,
        open.line as i32,
        open.sku.to_string(),
        open.location.to_string(),
        open.quantity,
        open.expires_at.map(utc)
    )
}

fn ledger(lines: &[LedgerLine], now: Timestamp) -> Params {
    let mut params = columns!(
        lines.iter(),
        |line| line.actor.clone(),
        line.kind,
        line.reason.clone(),
        line.sku.to_string(),
        line.location.to_string(),
        line.before.0,
        line.before.1,
        line.after.0,
        line.after.1,
        line.seq as i64,
        line.reservation,
        line.correlation.clone(),
        line.policy.as_ref().map(|policy| serde_json::to_string(policy).expect("plain data encodes"))
    );
    params.insert(0, Box::new(utc(now)));
    params
}

#[allow(unused_variables)] // as above
fn kept(state: &State) -> Params {
    let mut params = columns!(
        state.changes.kept.iter(),
        |((subject, key), kept)| subject.clone(),
        key.clone(),
        kept.digest.to_vec(),
        i32::from(kept.status),
        kept.body.clone()
    );
    params.push(Box::new(utc(state.now)));
    params
}

fn location_row(row: &onhand_wire::Location) -> Params {
    vec![
        Box::new(row.location.to_string()),
        Box::new(row.name.clone()),
        Box::new(row.region.clone()),
        Box::new(row.priority),
        Box::new(row.lat),
        Box::new(row.lon),
        Box::new(row.enabled),
        Box::new(row.pickup),
        Box::new(row.version.seq() as i64),
        Box::new(utc(row.changed_at)),
    ]
}

fn channel_row(row: &onhand_wire::Channel) -> Params {
    vec![
        Box::new(row.channel.to_string()),
        Box::new(serde_json::to_string(&row.locations).expect("plain data encodes")),
        Box::new(row.allocation.clone()),
        Box::new(row.version.seq() as i64),
        Box::new(utc(row.changed_at)),
    ]
}
