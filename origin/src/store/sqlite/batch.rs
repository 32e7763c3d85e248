//! A batch: read → (decide) → write, in the caller's transaction. Row by row: there is no round trip to save.

use std::sync::Arc;

use onhand_wire::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::{now_in_tx, row};
use crate::{
    record::{OpenAllocation, ReservationRecord},
    state::{BatchState, Kept, Topology},
    store::{Needs, Result, StoreError, outbox, words::search_text},
};

pub(super) fn read_in_tx(connection: &Connection, mut needs: Needs) -> Result<BatchState> {
    let (term, _) = row::term(connection)?;
    let mut state = BatchState { now: now_in_tx(connection)?, term, outbox: Uuid::now_v7(), ..BatchState::default() };
    state.topology = Arc::new(topology(connection, term)?);
    state.maintenance = super::read::standing(connection)?.maintenance;
    for (id, owner) in &needs.reservations {
        if let Some(record) = row::record(connection, *id, owner.as_deref())? {
            needs.skus.extend(record.skus().cloned());
            state.reservations.insert(*id, record);
        }
    }
    for holder in needs.holders {
        let units = open_units(connection, &holder, state.now)?;
        state.open_units.insert(holder, units);
    }
    for sku in &needs.skus {
        let sku = sku.as_str();
        let sql = format!("SELECT {} FROM products WHERE sku = ?1", row::ITEM);
        for item in row::all(connection, &sql, [sku], |row| row::item(row, term))? {
            state.items.insert(item.sku.clone(), item);
        }
        let sql = format!("SELECT {} FROM inventory_items WHERE sku = ?1", row::STOCK);
        for (sku, location, held) in row::all(connection, &sql, [sku], row::stock)? {
            state.stock.entry(sku).or_default().insert(location, held);
        }
        let sql = "SELECT reservation, line, sku, location, quantity, expires_at FROM allocations WHERE sku = ?1 AND expires_at <= ?2";
        state.dead.extend(row::all(connection, sql, params![sku, state.now.micros()], dead)?);
    }
    super::orders::read_in_tx(connection, &needs.orders, &mut state)?;
    state.books = super::books::books(connection, &needs.reconcile)?;
    for (subject, key) in needs.keys {
        let mut statement = connection.prepare_cached(
            "SELECT digest, digest_form, status, body FROM idempotency_keys WHERE subject = ?1 AND key = ?2",
        )?;
        let kept = |row: &rusqlite::Row<'_>| {
            Ok(Kept { digest: row.get(0)?, form: row.get(1)?, status: row.get(2)?, body: row.get(3)? })
        };
        if let Some(kept) = statement.query_one([&subject, &key], kept).optional()? {
            state.kept.insert((subject, key), kept);
        }
    }
    Ok(state)
}

fn open_units(connection: &Connection, holder: &str, now: Timestamp) -> Result<i64> {
    let sql = "SELECT coalesce((SELECT units FROM open_units WHERE holder = ?1), 0) - coalesce((
        SELECT sum(open_units) FROM reservations WHERE holder = ?1 AND state = 'held' AND expires_at <= ?2), 0)";
    Ok(connection.prepare_cached(sql)?.query_one(params![holder, now.micros()], |row| row.get(0))?)
}

fn topology(connection: &Connection, term: u16) -> Result<Topology> {
    let mut topology = Topology::default();
    let sql = format!("SELECT {} FROM locations", row::LOCATION);
    for location in row::all(connection, &sql, [], |row| row::location(row, term))? {
        topology.add_location(location);
    }
    let sql = format!("SELECT {} FROM channels", row::CHANNEL);
    for channel in row::all(connection, &sql, [], |row| row::channel(row, term))? {
        topology.add_channel(channel);
    }
    Ok(topology)
}

fn dead(row: &rusqlite::Row<'_>) -> Result<OpenAllocation> {
    Ok(OpenAllocation {
        reservation: row::uuid(row, 0)?,
        line: row.get(1)?,
        sku: row::sku(row, 2)?,
        location: row::location_id(row, 3)?,
        quantity: row.get(4)?,
        expires_at: Some(row::time(row, 5)?),
    })
}

pub(super) fn write_in_tx(connection: &Connection, state: &BatchState) -> Result<()> {
    items(connection, state)?;
    stock(connection, state)?;
    topology_rows(connection, state)?;
    reservations(connection, state)?;
    ledger(connection, state)?;
    keys(connection, state)?;
    super::trail::lines_in_tx(connection, &state.changes.trail, state.now)?;
    count(connection, state)?;
    super::orders::write_in_tx(connection, state)?;
    outbox_row(connection, state)?;
    if let Some(maintenance) = &state.changes.maintenance {
        let sql = "UPDATE origin_state SET maintenance = ?1, message = ?2";
        connection.execute(sql, params![maintenance.maintenance_mode, maintenance.message])?;
    }
    Ok(())
}

fn items(connection: &Connection, state: &BatchState) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO products (sku, name, brand, attributes, price, currency, active, deleted, seq, changed_at, search)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    let mut statement = connection.prepare_cached(sql)?;
    for sku in &state.changes.items {
        let item = &state.items[sku];
        let attributes = serde_json::to_string(&item.attributes).expect("plain data encodes");
        let (price, currency) = item.price.as_ref().map(|price| (price.amount, &price.currency)).unzip();
        let seq = item.version.seq() as i64;
        statement.execute(params![
            sku.as_str(),
            item.name,
            item.brand,
            attributes,
            price,
            currency,
            item.active,
            item.deleted,
            seq,
            item.changed_at.micros(),
            search_text(item)
        ])?;
    }
    Ok(())
}

fn stock(connection: &Connection, state: &BatchState) -> Result<()> {
    let sql = format!(
        "INSERT OR REPLACE INTO inventory_items ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        row::STOCK
    );
    let mut statement = connection.prepare_cached(&sql)?;
    for (sku, location) in &state.changes.stock {
        let held = &state.stock[sku][location];
        let restock_at = held.restock_at.as_ref().map(|at| at.as_str());
        statement.execute(params![
            sku.as_str(),
            location.as_str(),
            held.on_hand,
            held.reserved,
            held.safety_stock,
            held.backorder_limit,
            held.low_stock_at,
            restock_at,
            held.seq as i64,
            held.changed_at.micros(),
            held.deleted
        ])?;
    }
    Ok(())
}

fn topology_rows(connection: &Connection, state: &BatchState) -> Result<()> {
    let sql = format!(
        "INSERT OR REPLACE INTO locations ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        row::LOCATION
    );
    for row in state.changes.locations.values() {
        let seq = row.version.seq() as i64;
        connection.prepare_cached(&sql)?.execute(params![
            row.location.as_str(),
            row.name,
            row.region,
            row.priority,
            row.lat,
            row.lon,
            row.enabled,
            row.pickup,
            seq,
            row.changed_at.micros(),
            row.deleted
        ])?;
    }
    let sql = format!("INSERT OR REPLACE INTO channels ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6)", row::CHANNEL);
    for row in state.changes.channels.values() {
        let seq = row.version.seq() as i64;
        let locations = serde_json::to_string(&row.locations).expect("plain data encodes");
        connection.prepare_cached(&sql)?.execute(params![
            row.channel.as_str(),
            locations,
            row.allocation,
            seq,
            row.changed_at.micros(),
            row.deleted
        ])?;
    }
    Ok(())
}

fn outbox_row(connection: &Connection, state: &BatchState) -> Result<()> {
    if let Some(keys) = outbox::keys(state) {
        let mut statement = connection.prepare_cached("INSERT INTO outbox (id, keys) VALUES (?1, ?2)")?;
        statement.execute(params![state.outbox.to_string(), keys])?;
    }
    Ok(())
}

fn reservations(connection: &Connection, state: &BatchState) -> Result<()> {
    let changes = &state.changes;
    for dead in &changes.released {
        let sql = "DELETE FROM allocations WHERE reservation = ?1 AND line = ?2 AND location = ?3";
        connection.prepare_cached(sql)?.execute(params![
            dead.reservation.to_string(),
            dead.line,
            dead.location.as_str()
        ])?;
    }
    for id in changes.new_reservations.iter().chain(&changes.reservations) {
        reservation(connection, &state.reservations[id])?;
    }
    Ok(())
}

fn reservation(connection: &Connection, record: &ReservationRecord) -> Result<()> {
    let id = record.id.to_string();
    let body = serde_json::to_string(record).expect("plain data encodes");
    let sql = "INSERT OR REPLACE INTO reservations (id, state, expires_at, created_at, body, owner, holder, open_units, order_ref)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let expires_at = record.expires_at.map(|at| at.micros());
    connection.prepare_cached(sql)?.execute(params![
        id,
        record.state.as_str(),
        expires_at,
        record.created_at.micros(),
        body,
        record.owner,
        record.holder,
        record.holder.as_ref().map(|_| record.open_units()),
        record.order_ref
    ])?;
    connection.prepare_cached("DELETE FROM allocations WHERE reservation = ?1")?.execute([&id])?;
    let sql = "INSERT INTO allocations (reservation, line, sku, location, quantity, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let mut statement = connection.prepare_cached(sql)?;
    for open in record.open() {
        statement.execute(params![
            id,
            open.line,
            open.sku.as_str(),
            open.location.as_str(),
            open.quantity,
            expires_at
        ])?;
    }
    Ok(())
}

fn ledger(connection: &Connection, state: &BatchState) -> Result<()> {
    let sql =
        "INSERT INTO ledger (at, actor, kind, reason, sku, location, on_hand_before, reserved_before, on_hand_after,
            reserved_after, seq, reservation, correlation, policy)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
    let mut statement = connection.prepare_cached(sql)?;
    for line in &state.changes.ledger {
        statement.execute(params![
            state.now.micros(),
            line.actor,
            line.kind,
            line.reason,
            line.sku.as_str(),
            line.location.as_str(),
            line.before.0,
            line.before.1,
            line.after.0,
            line.after.1,
            line.seq as i64,
            line.reservation.map(|id| id.to_string()),
            line.correlation,
            line.policy.as_ref().map(|policy| serde_json::to_string(policy).expect("plain data encodes"))
        ])?;
    }
    Ok(())
}

fn count(connection: &Connection, state: &BatchState) -> Result<()> {
    let sql = "INSERT INTO open_units (holder, units) VALUES (?1, ?2)
        ON CONFLICT (holder) DO UPDATE SET units = units + excluded.units";
    for (holder, units) in &state.changes.open_units {
        connection.prepare_cached(sql)?.execute(params![holder, units])?;
    }
    Ok(())
}

fn keys(connection: &Connection, state: &BatchState) -> Result<()> {
    let sql = "INSERT INTO idempotency_keys (subject, key, digest, digest_form, status, body, created_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut statement = connection.prepare_cached(sql)?;
    for ((subject, key), kept) in &state.changes.kept {
        let written = statement.execute(params![
            subject,
            key,
            kept.digest,
            kept.form,
            kept.status,
            kept.body,
            state.now.micros()
        ])?;
        if written != 1 {
            return Err(StoreError::Refused("an idempotency key was not kept".to_owned()));
        }
    }
    Ok(())
}
