//! What a feed's relay reads, strikes out and stores.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use chrono::{DateTime, Utc};
use futures_util::try_join;
use onhand_wire::{Timestamp, event::Change};
use tokio_postgres::{Client, Row, Statement, types::ToSql};
use uuid::Uuid;

use super::{batch::if_any, row, session::Session};
use crate::store::{
    ROWS, Result, Round, Sent, StoreError,
    outbox::{Key, Rows},
};

/// The relay's session. Its statements are prepared, because only those are sent at once and in order.
pub(super) struct RelaySession {
    pub(super) session: Session,
    feed: String,
    /// Whether the last round found no other feed.
    alone: AtomicBool,
    moment: Statement,
    term: Statement,
    left: Statement,
    items: Statement,
    facts: Statement,
    locations: Statement,
    channels: Statement,
    published: Statement,
    moved: Statement,
    struck: Statement,
    heartbeat: Statement,
}

impl RelaySession {
    pub(super) async fn open(session: Session, feed: &str) -> Result<Self> {
        let client = &session.client;
        Ok(Self {
            moment: client.prepare(KEPT_MOMENT).await?,
            term: client.prepare(TERM).await?,
            left: client.prepare(&left()).await?,
            items: client.prepare(&format!("SELECT {} FROM products WHERE sku = ANY($1)", row::ITEM)).await?,
            facts: client.prepare(&facts()).await?,
            locations: client
                .prepare(&format!("SELECT {} FROM locations WHERE location = ANY($1)", row::LOCATION))
                .await?,
            channels: client.prepare(&format!("SELECT {} FROM channels WHERE channel = ANY($1)", row::CHANNEL)).await?,
            published: client.prepare(PUBLISHED).await?,
            moved: client.prepare(MOVED).await?,
            struck: client.prepare(STRUCK).await?,
            heartbeat: client.prepare(HEARTBEAT).await?,
            session,
            feed: feed.to_owned(),
            alone: AtomicBool::new(false),
        })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.session.client.is_closed()
    }

    /// Strikes out what was published, takes T, then the snapshot: every change committed before T is in
    /// it, or is under way, or was published. Two round trips.
    pub(super) async fn round(&self, sent: &Sent) -> Result<Round> {
        let client = &self.session.client;
        let sent_under = i32::from(sent.term);
        let left: [&(dyn ToSql + Sync); 3] = [&sent.under_way, &sent_under, &self.feed];
        let ((), t, (), term, left) = try_join!(
            self.strike(sent),
            client.query_one(&self.moment, &[]),
            client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
            self.known_term(),
            client.query(&self.left, &left),
        )?;
        self.alone.store(!term.get::<_, bool>(4), Ordering::Relaxed);
        let (t, term, good_since) = (row::time(&t, 0), self.judged(&term)?, term.get::<_, i32>(1) as u16);
        let mut rows = Rows::default();
        for found in &left {
            rows.add(found.get(0), found.get(1))?;
        }
        for change in self.states_and_commit(&rows, term).await? {
            rows.set_state(change);
        }
        Ok(Round { t, term, good_since, whole: left.len() < ROWS, pending: rows.pending() })
    }

    /// The present term, the oldest that is good, the copy that it was given to, and whether there are other feeds.
    pub(super) async fn known_term(&self) -> std::result::Result<Row, tokio_postgres::Error> {
        self.session.client.query_one(&self.term, &[&self.feed]).await
    }

    /// The term, if it was given to this copy.
    pub(super) fn judged(&self, term: &Row) -> Result<u16> {
        let own = &self.session.identity;
        let named = term.get::<_, Option<&str>>(2).zip(term.get::<_, Option<i64>>(3));
        if named != Some((&own.system_id, own.timeline)) {
            return Err(StoreError::AnotherCopy);
        }
        Ok(term.get::<_, i32>(0) as u16)
    }

    /// Each key's state in the snapshot, which ends with it.
    async fn states_and_commit(&self, rows: &Rows, term: u16) -> Result<Vec<Change>> {
        let (mut items, mut skus, mut at) = (Vec::new(), Vec::new(), Vec::new());
        let (mut locations, mut channels) = (Vec::new(), Vec::new());
        for key in rows.keys() {
            match key {
                Key::Item(sku) => items.push(sku.as_str()),
                Key::Fact(sku, location) => {
                    skus.push(sku.as_str());
                    at.push(location.as_str());
                }
                Key::Location(location) => locations.push(location.as_str()),
                Key::Channel(channel) => channels.push(channel.as_str()),
            }
        }
        let client = &self.session.client;
        let facts: [&(dyn ToSql + Sync); 2] = [&skus, &at];
        let (named_items, named_locations, named_channels) = ([&items as _], [&locations as _], [&channels as _]);
        let (items, facts, locations, channels, ()) = try_join!(
            if_any(&items, client.query(&self.items, &named_items)),
            if_any(&skus, client.query(&self.facts, &facts)),
            if_any(&locations, client.query(&self.locations, &named_locations)),
            if_any(&channels, client.query(&self.channels, &named_channels)),
            client.batch_execute("COMMIT"),
        )?;
        let mut changes = Vec::new();
        for found in &items {
            changes.push(Change::Item(row::item(found, term)?));
        }
        for found in &facts {
            let (sku, location, held) = row::stock(found)?;
            changes.push(Change::Fact(held.fact(&sku, &location, term)));
        }
        for found in &locations {
            changes.push(Change::Location(row::location(found, term)?));
        }
        for found in &channels {
            changes.push(Change::Channel(row::channel(found, term)?));
        }
        Ok(changes)
    }

    /// Where another feed lacks the rows, they go into its backlog. In line, so that what one statement moves meanwhile
    /// the next one finds.
    pub(super) async fn strike(&self, sent: &Sent) -> std::result::Result<(), tokio_postgres::Error> {
        if sent.published.is_empty() {
            return Ok(());
        }
        let client = &self.session.client;
        let term = i32::from(sent.term);
        let params: [&(dyn ToSql + Sync); 3] = [&sent.published, &term, &self.feed];
        if self.alone.load(Ordering::Relaxed) {
            return client.execute(&self.published, &params).await.map(drop);
        }
        try_join!(client.execute(&self.moved, &params), client.execute(&self.struck, &params)).map(drop)
    }

    /// A durable commit of T and the lease: what an isolated old primary cannot do.
    pub(super) async fn heartbeat(&self, beat: Beat) -> Result<Option<Timestamp>> {
        let client = &self.session.client;
        self.session.take_warning();
        let utc = |t: Option<Timestamp>| -> Option<DateTime<Utc>> { t.map(row::utc) };
        let (t, told, micros) = (utc(beat.t), utc(beat.told), row::micros(beat.lease));
        let params: [&(dyn ToSql + Sync); 6] = [&beat.holder, &t, &micros, &self.feed, &beat.heard, &told];
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

/// What a heartbeat stores.
pub(super) struct Beat {
    pub(super) holder: Uuid,
    pub(super) t: Option<Timestamp>,
    pub(super) told: Option<Timestamp>,
    pub(super) lease: Duration,
    pub(super) heard: bool,
}

/// T is kept before the snapshot is taken: should the clock be set back, no later commit's moment
/// comes before it.
const KEPT_MOMENT: &str = "UPDATE relay SET t = greatest(clock_timestamp(), t) RETURNING t";

const TERM: &str = "SELECT term, good_since, system_id, timeline,
    EXISTS (SELECT FROM feeds WHERE feed <> $1 AND state <> 'gone') FROM origin_state";

/// Whoever enters after this statement began finds what it deletes in the tables.
const PUBLISHED: &str = "DELETE FROM outbox WHERE id = ANY($1) AND $2 = (SELECT term FROM origin_state)
    AND NOT EXISTS (SELECT FROM feeds WHERE feed <> $3 AND state <> 'gone')";

/// In order, so that two feeds' relays do not wait for each other.
const MOVED: &str = "WITH moved AS (
        DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE id = ANY($1) ORDER BY id FOR UPDATE)
            AND $2 = (SELECT term FROM origin_state)
        RETURNING id, keys)
    INSERT INTO backlog (feed, id, keys)
        SELECT f.feed, m.id, m.keys FROM moved m, feeds f WHERE f.feed <> $3 AND f.state <> 'gone'";

const STRUCK: &str = "DELETE FROM backlog WHERE feed = $3 AND id = ANY($1) AND $2 = (SELECT term FROM origin_state)";

/// Never SKIP LOCKED: a skipped row would make the watermark a lie.
fn left() -> String {
    format!(
        "SELECT id, keys FROM (
            SELECT id, keys FROM outbox UNION ALL SELECT id, keys FROM backlog WHERE feed = $3) left_over
        WHERE id <> ALL($1) OR $2 <> (SELECT term FROM origin_state)
        ORDER BY id LIMIT {ROWS}"
    )
}

/// Key by key, whatever the plan was made for, as in a batch's read of its keys.
fn facts() -> String {
    format!(
        "SELECT t.* FROM unnest($1::text[], $2::text[]) AS k (sku, location), LATERAL (
            SELECT {} FROM inventory_items WHERE sku = k.sku AND location = k.location OFFSET 0) t",
        row::STOCK
    )
}

const HEARTBEAT: &str = "WITH held AS (
        UPDATE feeds SET holder = $1, lease_until = clock_timestamp() + $3 * interval '1 microsecond',
            heard_at = CASE WHEN $5 THEN clock_timestamp() ELSE heard_at END, told = coalesce($6, told)
        WHERE feed = $4 AND state <> 'gone' AND (holder IS NULL OR holder = $1 OR lease_until < clock_timestamp())
        RETURNING feed)
    UPDATE relay SET t = greatest(t, $2) WHERE EXISTS (SELECT FROM held) RETURNING greatest(clock_timestamp(), t)";

/// Deletes holders that have nothing open any more. A row that a batch is changing is skipped, so nobody waits for
/// this.
const FORGET_HOLDERS: &str = "DELETE FROM open_units WHERE holder IN (
    SELECT holder FROM open_units WHERE units = 0 FOR UPDATE SKIP LOCKED)";

pub(super) async fn drop_keys(client: &Client, age: Duration) -> std::result::Result<u64, tokio_postgres::Error> {
    let sql = "DELETE FROM idempotency_keys WHERE created_at < clock_timestamp() - $1 * interval '1 second'";
    let dropped = client.execute(sql, &[&age.as_secs_f64()]).await?;
    client.batch_execute(FORGET_HOLDERS).await?;
    Ok(dropped)
}
