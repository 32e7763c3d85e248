//! A region's database as `onhand failover` deals with it: it may be a standby, a primary, or neither yet.

use std::time::Duration;

use chrono::{DateTime, Utc};
use onhand_http::outgoing::causes;
use onhand_wire::Timestamp;
use serde_json::json;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::{
    APPLICATION, row, secure,
    session::DURABLE,
    terms::{self, PUBLISH_AGAIN},
};
use crate::{
    feed::FeedEnd,
    store::{Result, StoreError},
    terms::{Raised, reopened},
    trail::Kind,
};

/// Every failover's lock at each database that it reaches.
const LOCK: i64 = 0x6F6E_6861_6E64_0001;

/// Between looks at whether something has happened.
const AGAIN: Duration = Duration::from_millis(25);

pub struct Site {
    client: Client,
    patience: Duration,
}

/// How a database stands.
#[derive(Debug, Clone)]
pub struct Looked {
    pub in_recovery: bool,
    pub system_id: String,
    pub schema: Option<i32>,
    pub term: u16,
    /// Whose origins may write; none: there has only been one region.
    pub region: Option<String>,
    /// Every commit that it has was confirmed by another region's standby.
    pub lossless: bool,
    /// T through which the feeds are complete.
    pub t: Timestamp,
    /// The write-ahead log that is on its disk, in bytes.
    pub received: i64,
    /// A primary's standbys.
    pub standbys: Vec<Follower>,
    /// The names of replication slots that are in use.
    pub slots: usize,
    pub spare_connections: i64,
    pub clock: Timestamp,
}

#[derive(Debug, Clone)]
pub struct Follower {
    pub name: String,
    /// `streaming`, once it has caught up.
    pub state: String,
    /// `sync`, `quorum`, `potential` or `async`.
    pub sync: String,
}

/// What opens a region.
#[derive(Debug, Clone)]
pub struct Opening {
    pub id: Uuid,
    pub region: String,
    /// The region's number.
    pub number: u16,
    pub actor: String,
    pub reason: String,
}

/// A region that a failover has opened.
#[derive(Debug, Clone)]
pub struct Opened {
    pub id: Uuid,
    pub term: u16,
    pub good_since: u16,
    pub region: String,
    pub before: Option<String>,
    pub actor: String,
    pub reason: String,
    pub at: Timestamp,
}

/// How far a region's feed has come.
#[derive(Debug, Clone)]
pub struct FeedMark {
    pub feed: String,
    pub state: String,
    pub told: Option<Timestamp>,
}

/// A row that a region wrote.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Tells it from every other of its table, in whatever copy.
    pub key: String,
    /// As JSON.
    pub row: String,
}

/// What callers were told, and what became of stock; later changes of a reservation or an order are in the ledger.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    pub name: &'static str,
    key: &'static str,
    time: &'static str,
}

const fn table(name: &'static str, key: &'static str, time: &'static str) -> Table {
    Table { name, key, time }
}

pub const TABLES: [Table; 4] = [
    table("ledger", "concat_ws(' ', sku, location, seq, at, correlation)", "at"),
    table("reservations", "id::text", "created_at"),
    table("orders", "id::text", "taken_at"),
    table("idempotency_keys", "concat_ws(' ', subject, key)", "created_at"),
];

/// What this code's schema is.
#[must_use]
pub fn newest_schema() -> Option<i32> {
    super::embedded::migrations::runner().get_migrations().iter().map(|migration| migration.version()).max()
}

impl Site {
    /// `patience`: for connecting, and for each question.
    pub async fn connect(url: &str, patience: Duration) -> Result<Self> {
        let (mut config, connector) = secure::read(url).map_err(StoreError::Refused)?;
        config.application_name("onhand-failover").connect_timeout(patience);
        let connecting = tokio::time::timeout(patience, connector.connect(&config)).await;
        let (client, connection) = connecting
            .map_err(|_| StoreError::Unreachable(format!("no answer within {} ms", patience.as_millis())))?
            .map_err(|error| StoreError::Unreachable(causes(&error)))?;
        tokio::spawn(connection);
        let site = Self { client, patience };
        // An earlier run may have shut it.
        let settings = format!("SET default_transaction_read_only = off; {DURABLE}");
        site.within(async { Ok(site.client.batch_execute(&settings).await?) }).await?;
        Ok(site)
    }

    async fn within<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let done = tokio::time::timeout(self.patience, work).await;
        done.unwrap_or_else(|_| Err(StoreError::Unreachable("no answer in time".to_owned())))
    }

    pub async fn look(&self) -> Result<Looked> {
        self.within(look(&self.client)).await
    }

    /// Whether no other failover is under way here. It is held until this is dropped.
    pub async fn lock(&self) -> Result<bool> {
        let locked = async { Ok(self.client.query_one("SELECT pg_try_advisory_lock($1)", &[&LOCK]).await?.get(0)) };
        self.within(locked).await
    }

    /// Lets origins write nothing more, and waits until the last of their sessions has ended; the end of the log then.
    pub async fn shut(&self) -> Result<i64> {
        let shutting = async {
            self.client.batch_execute("ALTER SYSTEM SET default_transaction_read_only = on").await?;
            self.client.query_one("SELECT pg_reload_conf()", &[]).await?;
            let set = "SELECT reset_val = 'on' FROM pg_settings WHERE name = 'default_transaction_read_only'";
            while !self.client.query_one(set, &[]).await?.get::<_, bool>(0) {
                tokio::time::sleep(AGAIN).await;
            }
            // The server itself may read the setting a moment later; sessions that begin after that may only read.
            tokio::time::sleep(AGAIN * 4).await;
            let since: DateTime<Utc> = self.client.query_one("SELECT clock_timestamp()", &[]).await?.get(0);
            let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND application_name = $1 AND backend_start < $2";
            while !self.client.query(end, &[&APPLICATION, &since]).await?.is_empty() {
                tokio::time::sleep(AGAIN).await;
            }
            Ok(self.client.query_one("SELECT (pg_current_wal_lsn() - '0/0')::bigint", &[]).await?.get(0))
        };
        let done = tokio::time::timeout(self.patience * 2, shutting).await;
        done.unwrap_or_else(|_| Err(StoreError::Unreachable("its origins' sessions did not end in time".to_owned())))
    }

    /// Undoes [`Self::shut`].
    pub async fn reopen(&self) -> Result<()> {
        let reopening = async {
            self.client.batch_execute("ALTER SYSTEM RESET default_transaction_read_only").await?;
            self.client.query_one("SELECT pg_reload_conf()", &[]).await?;
            Ok(())
        };
        self.within(reopening).await
    }

    /// A standby becomes a primary that waits for nobody: whom it would wait for is gone.
    pub async fn promote(&self, within: Duration) -> Result<()> {
        self.client.batch_execute("ALTER SYSTEM SET synchronous_standby_names = ''").await?;
        // Between two looks for a primary that is gone, the server may not notice for that long that it is promoted.
        self.client.batch_execute("ALTER SYSTEM SET wal_retrieve_retry_interval = '100ms'").await?;
        self.reopen().await?;
        let promoting = async {
            let seconds = i32::try_from(within.as_secs().max(1)).unwrap_or(i32::MAX);
            Ok(self.client.query_one("SELECT pg_promote(true, $1)", &[&seconds]).await?.get::<_, bool>(0))
        };
        let promoted = tokio::time::timeout(within + self.patience, promoting).await;
        let _stays_at_worst = self.client.batch_execute("ALTER SYSTEM RESET wal_retrieve_retry_interval").await;
        match promoted.unwrap_or_else(|_| Err(StoreError::Unreachable("no answer in time".to_owned())))? {
            true => Ok(()),
            false => Err(StoreError::Unreachable(format!("it was not promoted within {} s", within.as_secs()))),
        }
    }

    /// Raises the term and opens the region, in one transaction; found done, it changes nothing.
    pub async fn open(&self, opening: &Opening, feed: FeedEnd) -> Result<Opened> {
        let opened = async {
            self.client.batch_execute("BEGIN").await?;
            let opened = open_in_tx(&self.client, opening, feed).await;
            self.client.batch_execute(if opened.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
            opened
        };
        self.within(opened).await
    }

    /// The failover that opened the region whose origins may write now.
    pub async fn last_opened(&self) -> Result<Option<Opened>> {
        self.within(last_opened(&self.client)).await
    }

    /// What was written to a table since then.
    pub async fn kept(&self, table: Table, since: Timestamp) -> Result<Vec<Kept>> {
        let Table { name, key, time } = table;
        let sql = format!("SELECT {key}, to_json(t)::text FROM {name} t WHERE {time} >= $1");
        let found = self.client.query(&sql, &[&row::utc(since)]).await?;
        Ok(found.iter().map(|row| Kept { key: row.get(0), row: row.get(1) }).collect())
    }

    /// pg_rewind would find the timeline of before the promotion without it.
    pub async fn checkpoint(&self) -> Result<()> {
        Ok(self.client.batch_execute("CHECKPOINT").await?)
    }

    pub async fn feeds(&self) -> Result<Vec<FeedMark>> {
        let reading = async {
            let found = self.client.query("SELECT feed, state, told FROM feeds ORDER BY feed", &[]).await?;
            let mark = |row: &Row| FeedMark {
                feed: row.get(0),
                state: row.get(1),
                told: row.get::<_, Option<DateTime<Utc>>>(2).map(Into::into),
            };
            Ok(found.iter().map(mark).collect())
        };
        self.within(reading).await
    }
}

const LOOK: &str = "SELECT pg_is_in_recovery(), (SELECT system_identifier::text FROM pg_control_system()),
        s.term, s.region, s.lossless, greatest(r.t, to_timestamp(0)),
        (CASE WHEN pg_is_in_recovery()
            THEN coalesce(greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0')
            ELSE pg_current_wal_lsn() END - '0/0')::bigint,
        (SELECT count(*) FROM pg_replication_slots WHERE active),
        current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint
            - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
        clock_timestamp(),
        (SELECT max(version) FROM refinery_schema_history)
    FROM origin_state s, relay r";

async fn look(client: &Client) -> Result<Looked> {
    let found = client.query_one(LOOK, &[]).await?;
    let sql =
        "SELECT coalesce(application_name, ''), coalesce(state, ''), coalesce(sync_state, '') FROM pg_stat_replication";
    let standbys = client.query(sql, &[]).await?;
    let follower = |row: &Row| Follower { name: row.get(0), state: row.get(1), sync: row.get(2) };
    Ok(Looked {
        in_recovery: found.get(0),
        system_id: found.get(1),
        term: found.get::<_, i32>(2) as u16,
        region: found.get(3),
        lossless: found.get(4),
        t: row::time(&found, 5),
        received: found.get(6),
        slots: usize::try_from(found.get::<_, i64>(7)).unwrap_or_default(),
        spare_connections: found.get(8),
        clock: row::time(&found, 9),
        schema: found.get(10),
        standbys: standbys.iter().map(follower).collect(),
    })
}

async fn open_in_tx(client: &Client, opening: &Opening, feed: FeedEnd) -> Result<Opened> {
    let own = terms::identity(client).await?;
    let (at, before) = terms::standpoint(client, &own).await?;
    if let Some(opened) = last_opened(client).await?
        && opened.region == opening.region
        && before.as_ref() == Some(&opening.region)
    {
        return Ok(opened);
    }
    let raised = reopened(at, feed, Some(opening.number));
    let raised = raised.map_err(|exhausted| StoreError::Refused(exhausted.to_string()))?;
    terms::write(client, &own, feed, raised, Some(&opening.region)).await?;
    let state = "UPDATE origin_state SET lossless = false, alone = true";
    client.execute(state, &[]).await?;
    client.execute(PUBLISH_AGAIN, &[]).await?;
    record(client, opening, raised, before.as_deref()).await?;
    last_opened(client).await?.ok_or_else(|| StoreError::Refused("the opening was not recorded".to_owned()))
}

async fn record(client: &Client, opening: &Opening, raised: Raised, before: Option<&str>) -> Result<()> {
    let Opening { id, region, actor, reason, .. } = opening;
    let (term, good_since) = (i32::from(raised.term), i32::from(raised.good_since));
    let sql = "INSERT INTO failovers (term, good_since, id, region, before, actor, reason) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    client.execute(sql, &[&term, &good_since, id, region, &before, actor, reason]).await?;
    let detail = json!({"term": raised.term, "good_since": raised.good_since, "before": before, "reason": reason});
    let (kind, correlation) = (Kind::RegionOpened.as_str(), id.to_string());
    client.execute(super::trail::LINE, &[actor, &kind, region, &detail.to_string(), &correlation]).await?;
    Ok(())
}

async fn last_opened(client: &Client) -> Result<Option<Opened>> {
    let sql = "SELECT f.id, f.term, f.good_since, f.region, f.before, f.actor, f.reason, f.opened_at
        FROM failovers f, origin_state s WHERE f.term <= s.term ORDER BY f.term DESC LIMIT 1";
    let found = client.query_opt(sql, &[]).await?;
    Ok(found.map(|found| Opened {
        id: found.get(0),
        term: found.get::<_, i32>(1) as u16,
        good_since: found.get::<_, i32>(2) as u16,
        region: found.get(3),
        before: found.get(4),
        actor: found.get(5),
        reason: found.get(6),
        at: row::time(&found, 7),
    }))
}
