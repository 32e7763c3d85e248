//! What the relay reads, deletes and stores.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::try_join;
use onhand_wire::{Timestamp, event::Change};
use tokio_postgres::{Client, Row, Statement, types::ToSql};
use uuid::Uuid;

use super::{row, session::Session};
use crate::store::{OutboxRow, Result, Round, StoreError, sql};

/// The relay's session. Its statements are prepared, because only those are sent at once and in order.
pub(super) struct RelaySession {
    session: Session,
    moment: Statement,
    term: Statement,
    items: Statement,
    facts: Statement,
    locations: Statement,
    channels: Statement,
    published: Statement,
    heartbeat: Statement,
}

impl RelaySession {
    pub(super) async fn open(session: Session) -> Result<Self> {
        let client = &session.client;
        Ok(Self {
            moment: client.prepare(row::MOMENT).await?,
            term: client.prepare("SELECT term, good_since, system_id, timeline FROM origin_state").await?,
            items: client.prepare(&sql::pending(0, row::ITEM, "products", "t.sku = o.sku")).await?,
            facts: client
                .prepare(&sql::pending(1, row::STOCK, "inventory_items", "t.sku = o.sku AND t.location = o.location"))
                .await?,
            locations: client.prepare(&sql::pending(2, row::LOCATION, "locations", "t.location = o.location")).await?,
            channels: client.prepare(&sql::pending(3, row::CHANNEL, "channels", "t.channel = o.location")).await?,
            published: client.prepare(PUBLISHED).await?,
            heartbeat: client.prepare(HEARTBEAT).await?,
            session,
        })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.session.client.is_closed()
    }

    /// Deletes what was published, reads T, then takes the snapshot: every change committed before T
    /// is in it, or was published. One round trip.
    pub(super) async fn round(&self, published: &[Change]) -> Result<Round> {
        let client = &self.session.client;
        let (_, t, (), term, items, facts, locations, channels, ()) = try_join!(
            self.delete(published),
            client.query_one(&self.moment, &[]),
            client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
            client.query_one(&self.term, &[]),
            client.query(&self.items, &[]),
            client.query(&self.facts, &[]),
            client.query(&self.locations, &[]),
            client.query(&self.channels, &[]),
            client.batch_execute("COMMIT"),
        )?;
        let own = &self.session.identity;
        let named = term.get::<_, Option<&str>>(2).zip(term.get::<_, Option<i64>>(3));
        if named != Some((&own.system_id, own.timeline)) {
            return Err(StoreError::AnotherCopy);
        }
        let (t, term, good_since) = (row::time(&t, 0), term.get::<_, i32>(0) as u16, term.get::<_, i32>(1) as u16);
        let pending = pending(term, &items, &facts, &locations, &channels)?;
        Ok(Round { t, term, good_since, pending })
    }

    /// Deletes what still has the version that was published, under the term that it was published under.
    pub(super) async fn delete(&self, published: &[Change]) -> std::result::Result<u64, tokio_postgres::Error> {
        if published.is_empty() {
            return Ok(0);
        }
        let rows: Vec<OutboxRow<'_>> = published.iter().filter_map(OutboxRow::of).collect();
        let kinds: Vec<i16> = rows.iter().map(|row| row.kind).collect();
        let skus: Vec<&str> = rows.iter().map(|row| row.sku).collect();
        let locations: Vec<&str> = rows.iter().map(|row| row.location).collect();
        let seqs: Vec<i64> = rows.iter().map(|row| row.version.seq() as i64).collect();
        let terms: Vec<i32> = rows.iter().map(|row| i32::from(row.version.term())).collect();
        self.session.client.execute(&self.published, &[&kinds, &skus, &locations, &seqs, &terms]).await
    }

    /// A durable commit of T and the lease: what an isolated old primary cannot do.
    pub(super) async fn heartbeat(
        &self,
        holder: Uuid,
        t: Option<Timestamp>,
        lease: Duration,
    ) -> Result<Option<Timestamp>> {
        let client = &self.session.client;
        self.session.take_warning();
        let t: Option<DateTime<Utc>> = t.map(row::utc);
        let micros = lease.as_micros() as f64;
        let params: [&(dyn ToSql + Sync); 3] = [&holder, &t, &micros];
        let (_, beat, ()) = try_join!(
            client.batch_execute("BEGIN; SET LOCAL synchronous_commit = on"),
            client.query_opt(&self.heartbeat, &params),
            client.batch_execute("COMMIT"),
        )?;
        if self.session.take_warning() {
            return Err(StoreError::Unreachable("COMMIT answered with a warning".to_owned()));
        }
        Ok(beat.map(|row| row::time(&row, 0)))
    }
}

/// Here skipping locked rows is right: whoever holds one is writing a newer version.
const PUBLISHED: &str = "DELETE FROM outbox o USING (
        SELECT o.kind, o.sku, o.location FROM outbox o
        JOIN unnest($1::smallint[], $2::text[], $3::text[], $4::bigint[], $5::integer[]) AS p (kind, sku, location, seq, term)
            ON o.kind = p.kind AND o.sku = p.sku AND o.location = p.location AND o.seq <= p.seq
        WHERE p.term = (SELECT term FROM origin_state)
        FOR UPDATE OF o SKIP LOCKED
    ) AS gone WHERE o.kind = gone.kind AND o.sku = gone.sku AND o.location = gone.location";

const HEARTBEAT: &str =
    "UPDATE relay SET holder = $1, t = greatest(t, $2), lease_until = clock_timestamp() + $3 * interval '1 microsecond'
    WHERE holder IS NULL OR holder = $1 OR lease_until < clock_timestamp()
    RETURNING greatest(clock_timestamp(), t)";

fn pending(term: u16, items: &[Row], facts: &[Row], locations: &[Row], channels: &[Row]) -> Result<Vec<Change>> {
    let mut pending = Vec::with_capacity(items.len() + facts.len() + locations.len() + channels.len());
    for found in items {
        pending.push(Change::Item(row::item(found, term)?));
    }
    for found in facts {
        let (sku, location, held) = row::stock(found)?;
        pending.push(Change::Fact(held.fact(&sku, &location, term)));
    }
    for found in locations {
        pending.push(Change::Location(row::location(found, term)?));
    }
    for found in channels {
        pending.push(Change::Channel(row::channel(found, term)?));
    }
    Ok(pending)
}

pub(super) async fn drop_keys(client: &Client, age: Duration) -> std::result::Result<u64, tokio_postgres::Error> {
    let sql = "DELETE FROM idempotency_keys WHERE created_at < clock_timestamp() - $1 * interval '1 second'";
    client.execute(sql, &[&age.as_secs_f64()]).await
}
