//! Reads of the HTTP pages, each in one snapshot.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use deadpool_postgres::Object;
use futures_util::try_join;
use onhand_wire::{
    LocationId, Sees, Sku, Stock, Timestamp,
    bulk::{LoadFacts, LoadedFacts, LoadedTopology},
};
use tokio_postgres::{IsolationLevel, Statement, types::ToSql};
use uuid::Uuid;

use super::row;
use crate::{
    key::NamedReservation,
    record::ReservationRecord,
    store::{
        Comparison, Difference, Due, LedgerEntry, Level, Result, Standing,
        sql::{RESERVATIONS_AGAINST_ROWS, ledger_against_rows},
    },
};

const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const TERM: &str = "SELECT term, good_since FROM origin_state";

/// Only prepared statements are pipelined in order: unprepared ones would be executed in another order.
async fn moment_and_term(client: &Object) -> Result<(Statement, Statement)> {
    Ok((client.prepare_cached(row::MOMENT).await?, client.prepare_cached(TERM).await?))
}

/// What a reservation holds, if the caller sees it.
const OWN: &str = "SELECT sku, location, quantity FROM allocations a WHERE reservation = $1 AND ($2::text IS NULL
    OR EXISTS (SELECT 1 FROM reservations v WHERE v.id = a.reservation AND v.owner = $2))";

/// The reservation whose hold is left out (the nil id for none), and the owner that it must have.
fn without(load: &LoadFacts) -> (Uuid, Option<&str>) {
    let seen = load.without.zip(load.sees.as_ref());
    seen.map_or((Uuid::nil(), None), |(id, sees)| (id, sees.only()))
}

/// The time is read before the snapshot, so every change that was acknowledged before it is included.
pub(super) async fn load_facts(client: &mut Object, load: &LoadFacts) -> Result<LoadedFacts> {
    let skus: Vec<&str> = load.skus.iter().map(Sku::as_str).collect();
    let items =
        client.prepare_cached(&format!("SELECT {} FROM products WHERE sku = ANY($1) AND seq > 0", row::ITEM)).await?;
    let stock =
        client.prepare_cached(&format!("SELECT {} FROM inventory_items WHERE sku = ANY($1)", row::STOCK)).await?;
    let own = client.prepare_cached(OWN).await?;
    let (without, owner) = without(load);
    let (moment, term) = moment_and_term(client).await?;
    let (skus, without): ([&(dyn ToSql + Sync); 1], [&(dyn ToSql + Sync); 2]) = ([&skus], [&without, &owner]);
    let (at, (), term, items, stock, own, ()) = try_join!(
        client.query_one(&moment, &[]),
        client.batch_execute(SNAPSHOT),
        client.query_one(&term, &[]),
        client.query(&items, &skus),
        client.query(&stock, &skus),
        client.query(&own, &without),
        client.batch_execute("COMMIT"),
    )?;
    let (term, good_since) = (term.get::<_, i32>(0) as u16, term.get::<_, i32>(1) as u16);
    let mut found = HashMap::<Sku, Stock>::new();
    for item in &items {
        let item = row::item(item, term)?;
        found.entry(item.sku.clone()).or_default().join_item(item);
    }
    for stock in &stock {
        let (sku, location, held) = row::stock(stock)?;
        found.entry(sku.clone()).or_default().join_fact(held.fact(&sku, &location, term));
    }
    for own in &own {
        let facts = found.get_mut(own.get::<_, &str>(0)).map(|stock| &mut stock.facts);
        let fact =
            facts.and_then(|facts| facts.iter_mut().find(|fact| fact.location.as_str() == own.get::<_, &str>(1)));
        if let Some(fact) = fact {
            fact.reserved -= own.get::<_, i64>(2);
        }
    }
    // The same SKU may be asked for twice.
    let stocks = load.skus.iter().map(|sku| found.get(sku).cloned().unwrap_or_default()).collect();
    Ok(LoadedFacts { at: row::time(&at, 0), term, good_since, stocks })
}

pub(super) async fn load_topology(client: &mut Object) -> Result<LoadedTopology> {
    let (locations, channels) =
        (format!("SELECT {} FROM locations", row::LOCATION), format!("SELECT {} FROM channels", row::CHANNEL));
    let (moment, term) = moment_and_term(client).await?;
    let (locations, channels) = (client.prepare_cached(&locations).await?, client.prepare_cached(&channels).await?);
    let (at, (), term, locations, channels, ()) = try_join!(
        client.query_one(&moment, &[]),
        client.batch_execute(SNAPSHOT),
        client.query_one(&term, &[]),
        client.query(&locations, &[]),
        client.query(&channels, &[]),
        client.batch_execute("COMMIT"),
    )?;
    let (term, good_since) = (term.get::<_, i32>(0) as u16, term.get::<_, i32>(1) as u16);
    let locations = locations.iter().map(|found| row::location(found, term)).collect::<Result<_>>()?;
    let channels = channels.iter().map(|found| row::channel(found, term)).collect::<Result<_>>()?;
    Ok(LoadedTopology { at: row::time(&at, 0), term, good_since, locations, channels })
}

pub(super) async fn reservation(
    client: &mut Object,
    id: Uuid,
    sees: &Sees,
) -> Result<Option<(ReservationRecord, Timestamp)>> {
    let sql = "SELECT v.body::text, greatest(clock_timestamp(), r.t) FROM reservations v, relay r
        WHERE v.id = $1 AND ($2::text IS NULL OR v.owner = $2)";
    let sql = client.prepare_cached(sql).await?;
    let found = client.query_opt(&sql, &[&id, &sees.only()]).await?;
    found.map(|found| Ok((row::json("a reservation", found.get(0))?, row::time(&found, 1)))).transpose()
}

pub(super) async fn skus_of(
    client: &mut Object,
    named: &[NamedReservation],
) -> Result<BTreeMap<NamedReservation, BTreeSet<Sku>>> {
    let (ids, owners): (Vec<Uuid>, Vec<Option<&str>>) = named.iter().map(|(id, owner)| (*id, owner.as_deref())).unzip();
    let sql = client.prepare_cached(row::NAMED_RESERVATIONS).await?;
    let found = client.query(&sql, &[&ids, &owners]).await?;
    let skus = |found: &tokio_postgres::Row| {
        let record: ReservationRecord = row::json("a reservation", found.get(1))?;
        Ok(((record.id, found.get(2)), record.skus().cloned().collect()))
    };
    found.iter().map(skus).collect()
}

pub(super) async fn ledger(
    client: &mut Object,
    sku: &Sku,
    location: Option<&LocationId>,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<LedgerEntry>> {
    let sql = format!(
        "SELECT {LEDGER} FROM ledger WHERE sku = $1 AND ($2::text IS NULL OR location = $2) AND id < $3 ORDER BY id DESC LIMIT $4"
    );
    let location = location.map(LocationId::as_str);
    let rows = client.query(&sql, &[&sku.as_str(), &location, &before.unwrap_or(i64::MAX), &(limit as i64)]).await?;
    rows.iter().map(ledger_entry).collect()
}

pub(super) const LEDGER: &str =
    "id, at, actor, kind, reason, sku, location, on_hand_before, reserved_before, on_hand_after,
    reserved_after, reservation, correlation, policy::text";

pub(super) fn ledger_entry(found: &tokio_postgres::Row) -> Result<LedgerEntry> {
    Ok(LedgerEntry {
        id: found.get(0),
        time: row::time(found, 1),
        actor: found.get(2),
        kind: found.get(3),
        reason: found.get(4),
        sku: found.get(5),
        location: found.get(6),
        before: Level { on_hand: found.get(7), reserved: found.get(8) },
        after: Level { on_hand: found.get(9), reserved: found.get(10) },
        reservation: found.get(11),
        correlation: found.get(12),
        policy: found.get::<_, Option<&str>>(13).map(|text| row::json("a ledger line's policy", text)).transpose()?,
    })
}

pub(super) async fn compare(client: &mut Object) -> Result<Comparison> {
    let snapshot =
        client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start().await?;
    snapshot.batch_execute("SET LOCAL statement_timeout = '5min'").await?;
    let count = snapshot.query_one("SELECT count(*) FROM inventory_items", &[]).await?;
    let held = snapshot.query(RESERVATIONS_AGAINST_ROWS, &[]).await?;
    let ledger = snapshot.query(&ledger_against_rows(), &[]).await?;
    snapshot.commit().await?;
    let difference = |comparison: &'static str| {
        move |found: &tokio_postgres::Row| Difference {
            comparison,
            sku: found.get(0),
            location: found.get(1),
            expected: Level { on_hand: found.get(2), reserved: found.get(3) },
            found: Level { on_hand: found.get(4), reserved: found.get(5) },
        }
    };
    let held = held.iter().map(difference("reservations"));
    let differences = held.chain(ledger.iter().map(difference("ledger"))).collect();
    Ok(Comparison { checked: count.get(0), differences })
}

pub(super) async fn due(client: &mut Object, limit: usize) -> Result<Due> {
    let sql = "SELECT v.id, extract(epoch FROM v.expires_at - greatest(clock_timestamp(), r.t))::double precision
        FROM reservations v, relay r WHERE v.state = 'held' AND v.expires_at IS NOT NULL ORDER BY v.expires_at LIMIT $1";
    let sql = client.prepare_cached(sql).await?;
    let mut due = Due { ids: Vec::new(), next: None };
    for found in client.query(&sql, &[&(limit as i64)]).await? {
        let left: f64 = found.get(1);
        if left > 0.0 {
            due.next = Some(Duration::from_secs_f64(left));
            break;
        }
        due.ids.push(found.get(0));
    }
    Ok(due)
}

pub(super) async fn standing(client: &mut Object) -> Result<Standing> {
    let sql = "SELECT term, maintenance, coalesce(message, ''), region, alone FROM origin_state";
    let found = client.query_one(sql, &[]).await?;
    Ok(Standing {
        term: found.get::<_, i32>(0) as u16,
        maintenance: found.get::<_, bool>(1).then(|| found.get(2)),
        region: found.get(3),
        alone: found.get(4),
    })
}
