//! A feed's own sessions, and what it does with them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::try_join;
use onhand_wire::{Sku, Timestamp, event::Change};
use tokio::sync::{Mutex, Notify};
use tokio_postgres::{Client, types::ToSql};
use uuid::Uuid;

use super::{
    dialer::Dialer,
    outbox::{Beat, RelaySession},
    row,
    session::Purpose,
};
use crate::store::{Backlog, Entered, Membership, PAGE, Page, Result, Round, Sent, StoreError};

/// How many relays of this process there are, and how many of them lead.
#[derive(Debug, Default)]
pub(super) struct Relays {
    all: AtomicUsize,
    leading: AtomicUsize,
}

impl Relays {
    /// Whether a relay elsewhere must be told of commits.
    pub(super) fn are_to_be_told(&self) -> bool {
        self.leading.load(Ordering::Relaxed) < self.all.load(Ordering::Relaxed).max(1)
    }
}

pub(super) struct PostgresBacklog {
    feed: String,
    home: bool,
    dialer: Arc<Dialer>,
    relays: Arc<Relays>,
    rounds: Mutex<Option<RelaySession>>,
    /// A heartbeat waits for the disk, and perhaps for a standby; rounds do not wait for it.
    beats: Mutex<Option<RelaySession>>,
    leads: std::sync::Mutex<bool>,
    elsewhere: Arc<Notify>,
}

impl PostgresBacklog {
    pub(super) fn new(feed: &str, home: bool, dialer: Arc<Dialer>, relays: Arc<Relays>) -> Self {
        relays.all.fetch_add(1, Ordering::Relaxed);
        let (feed, elsewhere) = (feed.to_owned(), Arc::default());
        let (rounds, beats, leads) = (Mutex::default(), Mutex::default(), std::sync::Mutex::default());
        Self { feed, home, dialer, relays, rounds, beats, leads, elsewhere }
    }

    /// Ends its sessions; how many there were. Whoever is at work has the lock: a write under way is finished first.
    pub(super) async fn close(&self) -> usize {
        usize::from(self.rounds.lock().await.take().is_some()) + usize::from(self.beats.lock().await.take().is_some())
    }

    /// Runs on one of the relay's sessions. After any trouble only what begins anew may `open` another:
    /// what belongs to a round must not meet another copy of the database than the round did.
    async fn with<T>(
        &self,
        slot: &Mutex<Option<RelaySession>>,
        open: bool,
        work: impl AsyncFnOnce(&RelaySession) -> Result<T>,
    ) -> Result<T> {
        let mut slot = slot.lock().await;
        if slot.as_ref().is_none_or(RelaySession::is_closed) {
            if !open {
                return Err(StoreError::Unreachable("the relay's connection was lost".to_owned()));
            }
            let open = async {
                let session = self.dialer.connect(Purpose::Relay, self.elsewhere.clone()).await?;
                RelaySession::open(session, &self.feed).await
            };
            *slot = Some(self.dialer.within(open).await?);
        }
        let done = self.dialer.within(work(slot.as_ref().expect("just opened"))).await;
        if done.is_err() {
            *slot = None;
        }
        done
    }

    async fn beat(&self, open: bool, beat: Beat) -> Result<Option<Timestamp>> {
        self.with(&self.beats, open, async |session| session.heartbeat(beat).await).await
    }

    /// Whether the relay still leads the feed.
    async fn change_state(&self, sql: &str, holder: Uuid) -> Result<bool> {
        let changed = self.with(&self.beats, false, async |session| {
            let client = &session.session.client;
            client.batch_execute(&format!("BEGIN; {LOCAL_DURABLE}")).await?;
            let changed = client.execute(sql, &[&self.feed, &holder]).await?;
            client.batch_execute("COMMIT").await?;
            Ok(changed)
        });
        Ok(changed.await? == 1)
    }
}

#[async_trait]
impl Backlog for PostgresBacklog {
    async fn enter(&self) -> Result<Entered> {
        let (feed, home) = (self.feed.as_str(), self.home);
        self.with(&self.beats, true, async |session| enter(&session.session.client, feed, home).await).await
    }

    async fn page(&self, after: Option<&Sku>) -> Result<Page> {
        self.with(&self.rounds, after.is_none(), async |session| Box::pin(page(session, after)).await).await
    }

    async fn fill_again(&self, holder: Uuid) -> Result<bool> {
        let sql = "UPDATE feeds SET state = 'filling', told = NULL WHERE feed = $1 AND holder = $2 AND state = 'live'";
        self.change_state(sql, holder).await
    }

    async fn filled(&self, holder: Uuid) -> Result<bool> {
        let sql = "UPDATE feeds SET state = 'live', again = false, heard_at = clock_timestamp()
            WHERE feed = $1 AND holder = $2 AND state = 'filling'";
        self.change_state(sql, holder).await
    }

    async fn is_to_publish_again(&self) -> Result<bool> {
        let sql = "SELECT again FROM feeds WHERE feed = $1";
        self.with(&self.beats, false, async |session| {
            Ok(session.session.client.query_one(sql, &[&self.feed]).await?.get(0))
        })
        .await
    }

    async fn published_again(&self, holder: Uuid) -> Result<bool> {
        self.change_state("UPDATE feeds SET again = false WHERE feed = $1 AND holder = $2", holder).await
    }

    async fn round(&self, sent: &Sent) -> Result<Round> {
        let nothing = sent.published.is_empty() && sent.under_way.is_empty();
        self.with(&self.rounds, nothing, async |session| Box::pin(session.round(sent)).await).await
    }

    async fn strike(&self, sent: &Sent) -> Result<()> {
        self.with(&self.rounds, false, async |session| Ok(session.strike(sent).await?)).await
    }

    async fn take_lease(&self, holder: Uuid, lease: Duration) -> Result<bool> {
        Ok(self.beat(true, Beat { holder, t: None, told: None, lease, heard: false }).await?.is_some())
    }

    async fn renew_lease(&self, holder: Uuid, lease: Duration, heard: bool) -> Result<bool> {
        Ok(self.beat(false, Beat { holder, t: None, told: None, lease, heard }).await?.is_some())
    }

    async fn store_t(
        &self,
        holder: Uuid,
        t: Timestamp,
        told: Option<Timestamp>,
        lease: Duration,
    ) -> Result<Option<Timestamp>> {
        self.beat(false, Beat { holder, t: Some(t), told, lease, heard: true }).await
    }

    fn set_leading(&self, leads: bool) {
        let mut led = self.leads.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match (*led, leads) {
            (false, true) => drop(self.relays.leading.fetch_add(1, Ordering::Relaxed)),
            (true, false) => drop(self.relays.leading.fetch_sub(1, Ordering::Relaxed)),
            _ => {}
        }
        *led = leads;
    }

    async fn changed_elsewhere(&self) {
        self.elsewhere.notified().await;
    }
}

const LOCAL_DURABLE: &str = "SET LOCAL synchronous_commit = on";

/// In a commit of its own: whoever strikes out rows from now on finds the feed.
async fn enter(client: &Client, feed: &str, home: bool) -> Result<Entered> {
    client.batch_execute(&format!("BEGIN; {LOCAL_DURABLE}")).await?;
    if home {
        let named = "UPDATE feeds SET feed = $1 WHERE feed = '' AND NOT EXISTS (SELECT FROM feeds WHERE feed = $1)";
        client.execute(named, &[&feed]).await?;
    }
    let entered = "INSERT INTO feeds AS f (feed, state, heard_at) VALUES ($1, 'filling', clock_timestamp())
        ON CONFLICT (feed) DO UPDATE SET state = 'filling', told = NULL, heard_at = clock_timestamp()
        WHERE f.state = 'gone'";
    if client.execute(entered, &[&feed]).await? == 1 {
        // What was kept for it before it was left out is among what it is filled with.
        client.execute("DELETE FROM backlog WHERE feed = $1", &[&feed]).await?;
    }
    let found = client.query_one("SELECT state = 'live', told FROM feeds WHERE feed = $1", &[&feed]).await?;
    client.batch_execute("COMMIT").await?;
    let membership = if found.get(0) { Membership::Live } else { Membership::Filling };
    Ok(Entered { membership, told: found.get::<_, Option<DateTime<Utc>>>(1).map(Into::into) })
}

async fn page(session: &RelaySession, after: Option<&Sku>) -> Result<Page> {
    let client = &session.session.client;
    let skus = format!(
        "SELECT {} FROM products WHERE seq > 0 AND ($1::text IS NULL OR sku > $1) ORDER BY sku LIMIT {PAGE}",
        row::ITEM
    );
    let (first, after) = (after.is_none(), after.map(Sku::as_str));
    let params: [&(dyn ToSql + Sync); 1] = [&after];
    let ((), term, items) = try_join!(
        client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
        session.known_term(),
        client.query(&skus, &params),
    )?;
    let term = session.judged(&term)?;
    let mut changes = Vec::new();
    if first {
        for found in &client.query(&format!("SELECT {} FROM locations", row::LOCATION), &[]).await? {
            changes.push(Change::Location(row::location(found, term)?));
        }
        for found in &client.query(&format!("SELECT {} FROM channels", row::CHANNEL), &[]).await? {
            changes.push(Change::Channel(row::channel(found, term)?));
        }
    }
    let named: Vec<&str> = items.iter().map(|found| found.get(0)).collect();
    let stock = format!("SELECT {} FROM inventory_items WHERE sku = ANY($1)", row::STOCK);
    let stock = client.query(&stock, &[&named]).await?;
    client.batch_execute("COMMIT").await?;
    for found in &items {
        changes.push(Change::Item(row::item(found, term)?));
    }
    for found in &stock {
        let (sku, location, held) = row::stock(found)?;
        changes.push(Change::Fact(held.fact(&sku, &location, term)));
    }
    let next = named.last().filter(|_| items.len() == PAGE).map(|sku| row::sku(sku)).transpose()?;
    Ok(Page { changes, next })
}

pub(super) const LEAVE_OUT_SILENT: &str = "WITH silent AS (
        UPDATE feeds f SET state = 'gone', holder = NULL, lease_until = '-infinity'
        WHERE state <> 'gone' AND heard_at < clock_timestamp() - $1 * interval '1 microsecond'
            AND EXISTS (SELECT FROM feeds o WHERE o.feed <> f.feed AND o.state = 'live'
                AND o.heard_at >= clock_timestamp() - $1 / 2 * interval '1 microsecond')
        RETURNING feed),
    kept AS (DELETE FROM backlog WHERE feed IN (SELECT feed FROM silent))
    SELECT feed FROM silent";
