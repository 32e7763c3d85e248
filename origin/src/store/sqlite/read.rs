//! Reads of the HTTP pages.

use std::{collections::HashSet, time::Duration};

use onhand_wire::{
    Item, LocationId, Sku, Stock,
    bulk::{LoadFacts, LoadedFacts, LoadedTopology},
};
use rusqlite::{Connection, params, params_from_iter, types::Value};

use super::{now_in_tx, row};
use crate::store::{
    Comparison, Difference, Due, LedgerEntry, Level, ProductQuery, Result, Standing,
    sql::{RESERVATIONS_AGAINST_ROWS, ledger_against_rows},
    words,
};

pub(super) fn load_facts_in_tx(connection: &Connection, load: &LoadFacts) -> Result<LoadedFacts> {
    let at = now_in_tx(connection)?;
    let (term, good_since) = row::term(connection)?;
    let mut stocks = Vec::with_capacity(load.skus.len());
    for sku in &load.skus {
        stocks.push(stock(connection, sku, load, term)?);
    }
    Ok(LoadedFacts { at, term, good_since, stocks })
}

fn stock(connection: &Connection, sku: &Sku, load: &LoadFacts, term: u16) -> Result<Stock> {
    let mut stock = Stock::default();
    let sql = format!("SELECT {} FROM products WHERE sku = ?1 AND seq > 0", row::ITEM);
    stock.item = row::all(connection, &sql, [sku.as_str()], |row| row::item(row, term))?.pop();
    let sql = format!("SELECT {} FROM inventory_items WHERE sku = ?1 ORDER BY location", row::STOCK);
    for (sku, location, held) in row::all(connection, &sql, [sku.as_str()], row::stock)? {
        stock.facts.push(held.fact(&sku, &location, term));
    }
    if let (Some(reservation), Some(sees)) = (load.without, &load.sees) {
        let sql = "SELECT location, quantity FROM allocations a WHERE reservation = ?1 AND sku = ?2 AND (?3 IS NULL
            OR EXISTS (SELECT 1 FROM reservations v WHERE v.id = a.reservation AND v.owner = ?3))";
        let own = |row: &rusqlite::Row<'_>| Ok((row::location_id(row, 0)?, row.get::<_, i64>(1)?));
        let of = params![reservation.to_string(), sku.as_str(), sees.only()];
        for (location, quantity) in row::all(connection, sql, of, own)? {
            stock.facts.iter_mut().filter(|fact| fact.location == location).for_each(|fact| fact.reserved -= quantity);
        }
    }
    Ok(stock)
}

pub(super) fn load_topology_in_tx(connection: &Connection) -> Result<LoadedTopology> {
    let at = now_in_tx(connection)?;
    let (term, good_since) = row::term(connection)?;
    let locations =
        row::all(connection, &format!("SELECT {} FROM locations", row::LOCATION), [], |row| row::location(row, term))?;
    let channels =
        row::all(connection, &format!("SELECT {} FROM channels", row::CHANNEL), [], |row| row::channel(row, term))?;
    Ok(LoadedTopology { at, term, good_since, locations, channels })
}

pub(super) fn products(connection: &Connection, query: &ProductQuery) -> Result<Vec<Item>> {
    let (term, _) = row::term(connection)?;
    let mut sql = format!("SELECT {} FROM products WHERE NOT deleted AND sku > ?", row::ITEM);
    let mut params: Vec<Value> = vec![query.after.clone().unwrap_or_default().into()];
    for word in &query.words {
        sql += " AND instr(search, ?) > 0";
        params.push(format!("{}{word}", words::BEFORE).into());
    }
    if let Some(brand) = &query.brand {
        sql += " AND brand = ?";
        params.push(brand.clone().into());
    }
    for (name, text) in &query.attributes {
        sql += " AND EXISTS (SELECT 1 FROM json_each(attributes) WHERE key = ? AND value = ?)";
        params.extend([name.clone().into(), text.clone().into()]);
    }
    for (clause, price) in [(" AND price >= ?", query.min_price), (" AND price <= ?", query.max_price)] {
        if let Some(price) = price {
            sql += clause;
            params.push(price.into());
        }
    }
    sql += " ORDER BY sku LIMIT ?";
    params.push((query.limit as i64).into());
    row::all(connection, &sql, params_from_iter(params), |row| row::item(row, term))
}

/// Those of `skus` that no live item has.
pub(super) fn missing(connection: &Connection, skus: &[&Sku]) -> Result<HashSet<Sku>> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM products WHERE sku = ?1 AND NOT deleted")?;
    let mut missing = HashSet::new();
    for sku in skus {
        if !statement.exists([sku.as_str()])? {
            missing.insert(Sku::clone(sku));
        }
    }
    Ok(missing)
}

pub(super) fn has_leading_zeros(connection: &Connection) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM products WHERE sku > '0' AND sku < '1' AND sku NOT GLOB '*[^0-9]*' AND NOT deleted)";
    Ok(connection.query_one(sql, [], |row| row.get(0))?)
}

/// Gives words to the rows that have none yet: those from before there were any.
pub(super) fn fill_words_in_tx(connection: &Connection) -> Result<()> {
    let rows = format!("SELECT {} FROM products WHERE search = ''", row::ITEM);
    for item in row::all(connection, &rows, [], |row| row::item(row, 0))? {
        let write = "UPDATE products SET search = ?1 WHERE sku = ?2";
        connection.prepare_cached(write)?.execute(params![words::search_text(&item), item.sku.as_str()])?;
    }
    Ok(())
}

pub(super) fn ledger(
    connection: &Connection,
    sku: &Sku,
    location: Option<&LocationId>,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<LedgerEntry>> {
    let sql = format!(
        "SELECT {LEDGER} FROM ledger WHERE sku = ?1 AND (?2 IS NULL OR location = ?2) AND id < ?3 ORDER BY id DESC LIMIT ?4"
    );
    let params = params![sku.as_str(), location.map(LocationId::as_str), before.unwrap_or(i64::MAX), limit as i64];
    row::all(connection, &sql, params, ledger_entry)
}

pub(super) const LEDGER: &str =
    "id, at, actor, kind, reason, sku, location, on_hand_before, reserved_before, on_hand_after,
    reserved_after, reservation, correlation, policy";

pub(super) fn ledger_entry(row: &rusqlite::Row<'_>) -> Result<LedgerEntry> {
    let policy = row.get::<_, Option<String>>(13)?;
    Ok(LedgerEntry {
        id: row.get(0)?,
        time: row::time(row, 1)?,
        actor: row.get(2)?,
        kind: row.get(3)?,
        reason: row.get(4)?,
        sku: row.get(5)?,
        location: row.get(6)?,
        before: Level { on_hand: row.get(7)?, reserved: row.get(8)? },
        after: Level { on_hand: row.get(9)?, reserved: row.get(10)? },
        reservation: row.get::<_, Option<String>>(11)?.and_then(|id| id.parse().ok()),
        correlation: row.get(12)?,
        policy: policy.map(|text| row::json("a ledger line's policy", &text)).transpose()?,
    })
}

pub(super) fn compare(connection: &Connection) -> Result<Comparison> {
    let checked = connection.query_one("SELECT count(*) FROM inventory_items", [], |row| row.get(0))?;
    let mut differences = Vec::new();
    let ledger = ledger_against_rows();
    for (comparison, sql) in [("reservations", RESERVATIONS_AGAINST_ROWS), ("ledger", ledger.as_str())] {
        differences.extend(row::all(connection, sql, [], |row| {
            Ok(Difference {
                comparison,
                sku: row.get(0)?,
                location: row.get(1)?,
                expected: Level { on_hand: row.get(2)?, reserved: row.get(3)? },
                found: Level { on_hand: row.get(4)?, reserved: row.get(5)? },
            })
        })?);
    }
    Ok(Comparison { checked, differences })
}

pub(super) fn due(connection: &Connection, limit: usize) -> Result<Due> {
    let now = now_in_tx(connection)?;
    let sql = "SELECT id, expires_at FROM reservations WHERE state = 'held' AND expires_at IS NOT NULL ORDER BY expires_at LIMIT ?1";
    let rows = row::all(connection, sql, [limit as i64], |row| Ok((row::uuid(row, 0)?, row::time(row, 1)?)))?;
    let next = rows
        .iter()
        .find(|(_, deadline)| *deadline > now)
        .map(|(_, deadline)| deadline.since(now).max(Duration::from_millis(1)));
    Ok(Due { ids: rows.into_iter().filter(|(_, deadline)| *deadline <= now).map(|(id, _)| id).collect(), next })
}

pub(super) fn standing(connection: &Connection) -> Result<Standing> {
    let sql = "SELECT term, maintenance, coalesce(message, '') FROM origin_state";
    let found = connection.query_one(sql, [], |row| {
        let maintenance: bool = row.get(1)?;
        let message = if maintenance { Some(row.get(2)?) } else { None };
        Ok(Standing { term: row.get(0)?, maintenance: message, region: None, alone: false })
    })?;
    Ok(found)
}
