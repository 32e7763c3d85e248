//! PostgreSQL: a session for each batch under way, one for the relay, a pool for reads.

mod alerting;
mod batch;
mod books;
mod connections;
mod ledger;
mod notifications;
mod outbox;
mod products;
mod read;
mod releases;
mod row;
mod secure;
mod stock_lists;
mod session;
mod terms;
mod trail;
mod write;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    error::Error,
    sync::{
        Arc, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use deadpool_postgres::{ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use onhand_http::{hop::Hop, outgoing::causes};
use onhand_wire::{
    Item, LocationId, Sees, Sku, Timestamp,
    bulk::{LoadFacts, LoadedFacts, LoadedTopology},
};
use tokio::sync::{Mutex, Notify};
use tokio_postgres::{Client, Config, config::TargetSessionAttrs, error::SqlState, types::ToSql};
use uuid::Uuid;

use self::session::{Purpose, Session};
use super::{
    Comparison, Decide, Due, FeedEnd, LedgerCheck, LedgerEntry, Needs, ProductQuery, Rebuilt, Result, Round, Sent,
    Standing, Store, StoreError, Table,
};
use crate::{key::NamedReservation, record::ReservationRecord};

mod embedded {
    refinery::embed_migrations!("migrations/postgres");
}

/// How long each kind of waiting may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    pub connect: Duration,
    pub statement: Duration,
    pub lock: Duration,
}

pub struct Postgres {
    config: Config,
    connector: secure::Connector,
    timeouts: Timeouts,
    reads: Pool,
    /// Sessions that no batch has at the moment.
    batches: std::sync::Mutex<Vec<batch::BatchSession>>,
    relay: Mutex<Option<outbox::RelaySession>>,
    /// A heartbeat waits for the disk, and perhaps for a standby; rounds do not wait for it.
    beats: Mutex<Option<outbox::RelaySession>>,
    /// Looks which rows others hold.
    probe: Mutex<Option<Session>>,
    elsewhere: Arc<Notify>,
    announce: AtomicBool,
    /// Connections for reads and batches that are older than this are not used again.
    oldest: Arc<Oldest>,
}

/// A moment as microseconds since this process first connected.
struct Oldest {
    started: Instant,
    micros: AtomicU64,
}

impl Oldest {
    fn set_now(&self) {
        let micros = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.micros.store(micros, Ordering::SeqCst);
    }

    fn allows(&self, created: Instant) -> bool {
        created >= self.started + Duration::from_micros(self.micros.load(Ordering::SeqCst))
    }
}

/// By which our sessions are told from others'.
const APPLICATION: &str = "onhand-origin";

/// How safe the way to the database at `url` is.
pub fn hop(url: &str) -> Result<Hop> {
    secure::hop(url).map_err(StoreError::Refused)
}

impl Postgres {
    /// `url`: `postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=PATH`. Connects when first used.
    pub fn new(url: &str, pool_size: usize, timeouts: Timeouts) -> Result<Self> {
        let (mut config, connector) = secure::read(url).map_err(StoreError::Refused)?;
        config
            .application_name(APPLICATION)
            .connect_timeout(timeouts.connect)
            .keepalives_idle(Duration::from_secs(10))
            // A host that is gone without a word must not keep reads waiting.
            .tcp_user_timeout(timeouts.connect + timeouts.statement)
            // Of several hosts the one that takes writes: what a standby shows may be old.
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        let mut reading = config.clone();
        let statement = timeouts.statement.as_millis();
        reading.options(format!("-c statement_timeout={statement}"));
        let manager = Manager::from_connect(
            reading,
            connector.clone(),
            ManagerConfig { recycling_method: RecyclingMethod::Fast },
        );
        let oldest = Arc::new(Oldest { started: Instant::now(), micros: AtomicU64::new(0) });
        let limit = oldest.clone();
        let young = Hook::sync_fn(move |_, metrics: &deadpool_postgres::Metrics| {
            if limit.allows(metrics.created) { Ok(()) } else { Err(HookError::message("connections were restarted")) }
        });
        let reads = Pool::builder(manager)
            .pre_recycle(young)
            .max_size(pool_size)
            .wait_timeout(Some(timeouts.statement))
            .create_timeout(Some(timeouts.connect))
            .runtime(deadpool_postgres::Runtime::Tokio1)
            .post_create(Hook::async_fn(|client, _| Box::pin(read_only(client))))
            .build()
            .map_err(|error| StoreError::Refused(error.to_string()))?;
        Ok(Self {
            config,
            connector,
            timeouts,
            reads,
            batches: std::sync::Mutex::default(),
            relay: Mutex::default(),
            beats: Mutex::default(),
            probe: Mutex::default(),
            elsewhere: Arc::default(),
            announce: AtomicBool::new(true),
            oldest,
        })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<batch::BatchSession>> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn reader(&self) -> Result<Object> {
        self.reads.get().await.map_err(|error| StoreError::Unreachable(causes(&error)))
    }

    async fn connect(&self, purpose: Purpose) -> Result<Session> {
        Session::connect(&self.config, &self.connector, purpose, self.timeouts, self.elsewhere.clone()).await
    }
}

/// Set after connecting: a server that starts sessions read-only is taken for a standby.
async fn read_only(client: &mut ClientWrapper) -> std::result::Result<(), HookError> {
    let set = client.batch_execute("SET default_transaction_read_only = on").await;
    set.map_err(HookError::Backend)
}

/// A frozen origin must not keep its row locks. Its session idles, and is ended by its own time limit, but in
/// the middle of a COPY: then the server waits for rows and looks at no limit.
async fn end_frozen_copies(client: &Client, after: Duration) -> Result<()> {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND usename = current_user AND application_name = $1
            AND query LIKE 'COPY %' AND wait_event = 'ClientRead'
            AND query_start < clock_timestamp() - make_interval(secs => $2)";
    let ended = client.query(end, &[&APPLICATION as &(dyn ToSql + Sync), &after.as_secs_f64()]).await?;
    if !ended.is_empty() {
        tracing::warn!(sessions = ended.len(), "an origin stood still in the middle of a COPY; its locks are let go");
    }
    Ok(())
}

/// Sorts what went wrong into what may be done about it: by the SQLSTATE first, since errors of many kinds name a
/// constraint.
fn sort(error: &tokio_postgres::Error) -> StoreError {
    let Some(refusal) = error.as_db_error() else {
        // A value that can be neither sent nor read; a connection fails as I/O, or is closed.
        let of_a_value = error.source().is_some_and(|cause| !cause.is::<std::io::Error>());
        let refused = of_a_value && !error.is_closed();
        let message = causes(error);
        return if refused { StoreError::Refused(message) } else { StoreError::Unreachable(message) };
    };
    let message = format!("{} ({})", refusal.message(), refusal.code().code());
    match *refusal.code() {
        SqlState::LOCK_NOT_AVAILABLE | SqlState::T_R_DEADLOCK_DETECTED => StoreError::Locked(message),
        SqlState::QUERY_CANCELED => StoreError::Locked(message),
        // Another replica made the same item or kept the same key: run again, they are then read.
        SqlState::UNIQUE_VIOLATION
            if matches!(refusal.constraint(), Some("products_pkey" | "idempotency_keys_pkey")) =>
        {
            StoreError::Overtaken(message)
        }
        _ => match refusal.code().code().get(..2) {
            // Connection, operator intervention, a server that is not ours to write to yet, or does not let us in:
            // whatever was asked of it.
            Some("08" | "25" | "28" | "3D" | "57") => StoreError::Unreachable(message),
            // Resources, objects in use, the system under it: the server's trouble, or one statement's.
            Some("40" | "53" | "55" | "58") => StoreError::Failing(message),
            _ => StoreError::Refused(message),
        },
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        sort(&error)
    }
}

#[async_trait]
impl Store for Postgres {
    async fn migrate(&self) -> Result<Vec<String>> {
        let mut session = self.connect(Purpose::Migration).await?;
        let report = embedded::migrations::runner().run_async(&mut session.client).await;
        let report = report.map_err(|error| StoreError::Refused(error.to_string()))?;
        products::fill_words(&session.client).await?;
        Ok(report.applied_migrations().iter().map(ToString::to_string).collect())
    }

    async fn check_schema(&self) -> Result<()> {
        let mut session = self.connect(Purpose::Migration).await?;
        let newest = embedded::migrations::runner().get_migrations().iter().map(|m| m.version()).max();
        // Nothing was ever applied to an empty database: no fault of the database's.
        let begun = "SELECT to_regclass('refinery_schema_history') IS NOT NULL";
        if !session.client.query_one(begun, &[]).await?.get::<_, bool>(0) {
            return super::sqlite::judge_schema(newest, None);
        }
        let applied = embedded::migrations::runner().get_last_applied_migration_async(&mut session.client).await;
        let applied = applied.map_err(|error| StoreError::Refused(error.to_string()))?.map(|m| m.version());
        super::sqlite::judge_schema(newest, applied)
    }

    async fn check_durability(&self) -> Result<Vec<&'static str>> {
        session::check_durability(&self.connect(Purpose::Migration).await?).await
    }

    async fn settle_term(&self, feed: FeedEnd) -> Result<u16> {
        let settling = async { terms::settle(&self.connect(Purpose::Batch).await?, feed).await };
        let settled = self.within(settling).await?;
        if settled.raised {
            self.oldest.set_now(); // reads turn to this copy, too
        }
        Ok(settled.term)
    }

    async fn locked(&self, skus: &BTreeSet<Sku>) -> Result<BTreeSet<Sku>> {
        let mut slot = self.probe.lock().await;
        if slot.as_ref().is_none_or(|session| session.client.is_closed()) {
            *slot = Some(self.within(self.connect(Purpose::Migration)).await?);
        }
        let client = &slot.as_ref().expect("just opened").client;
        let looking = async {
            end_frozen_copies(client, self.timeouts.statement).await?;
            batch::locked(client, skus).await
        };
        let looked = self.within(looking).await;
        if looked.is_err() {
            *slot = None;
        }
        looked
    }

    async fn skus_of(&self, reservations: &[NamedReservation]) -> Result<BTreeMap<NamedReservation, BTreeSet<Sku>>> {
        read::skus_of(&mut self.reader().await?, reservations).await
    }

    async fn batch(&self, needs: Needs, decide: &mut Decide<'_>) -> Result<Timestamp> {
        let idle = self.idle().pop().filter(|session| !session.is_closed());
        let mut session = match idle {
            Some(session) => session,
            None => {
                let open = async { batch::BatchSession::open(self.connect(Purpose::Batch).await?).await };
                self.within(open).await?
            }
        };
        let done = self.within(Box::pin(session.run(needs, decide))).await;
        if matches!(done, Err(StoreError::Unreachable(_) | StoreError::AnotherCopy)) {
            return done; // and the session is gone
        }
        if done.is_ok() && self.announce.load(Ordering::Relaxed) {
            session.announce();
        }
        if self.oldest.allows(session.opened()) {
            self.idle().push(session);
        }
        done
    }

    async fn load_facts(&self, load: &LoadFacts) -> Result<LoadedFacts> {
        read::load_facts(&mut self.reader().await?, load).await
    }

    async fn load_topology(&self) -> Result<LoadedTopology> {
        read::load_topology(&mut self.reader().await?).await
    }

    async fn reservation(&self, id: Uuid, sees: &Sees) -> Result<Option<(ReservationRecord, Timestamp)>> {
        read::reservation(&mut self.reader().await?, id, sees).await
    }

    async fn products(&self, query: &ProductQuery) -> Result<Vec<Item>> {
        products::products(&self.reader().await?, query).await
    }

    async fn missing(&self, skus: &[&Sku]) -> Result<HashSet<Sku>> {
        products::missing(&self.reader().await?, skus).await
    }

    async fn ledger(
        &self,
        sku: &Sku,
        location: Option<&LocationId>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<LedgerEntry>> {
        read::ledger(&mut self.reader().await?, sku, location, before, limit).await
    }

    async fn compare(&self) -> Result<Comparison> {
        read::compare(&mut self.reader().await?).await
    }

    async fn verify_ledger(&self, most: usize, progress: &(dyn Fn(u64, u64) + Sync)) -> Result<LedgerCheck> {
        ledger::verify(&mut self.reader().await?, most, progress).await
    }

    async fn rebuild_rows(&self, into: &Table) -> Result<Rebuilt> {
        ledger::rebuild(&mut self.connect(Purpose::Migration).await?.client, into).await
    }

    async fn due(&self, limit: usize) -> Result<Due> {
        read::due(&mut self.reader().await?, limit).await
    }

    async fn drop_keys_older_than(&self, age: Duration) -> Result<u64> {
        let dropping = async {
            let session = self.connect(Purpose::Migration).await?;
            Ok(outbox::drop_keys(&session.client, age).await?)
        };
        self.within(dropping).await
    }

    async fn standing(&self) -> Result<Standing> {
        read::standing(&mut self.reader().await?).await
    }

    async fn round(&self, sent: &Sent) -> Result<Round> {
        let nothing = sent.published.is_empty() && sent.under_way.is_empty();
        self.with_relay(&self.relay, nothing, async |session| Box::pin(session.round(sent)).await).await
    }

    async fn delete_published(&self, sent: &Sent) -> Result<()> {
        self.with_relay(&self.relay, false, async |session| Ok(session.delete(sent).await.map(drop)?)).await
    }

    async fn take_lease(&self, holder: Uuid, lease: Duration) -> Result<bool> {
        let taken = self.with_relay(&self.beats, true, async |session| session.heartbeat(holder, None, lease).await);
        Ok(taken.await?.is_some())
    }

    async fn renew_lease(&self, holder: Uuid, lease: Duration) -> Result<bool> {
        let renewed = self.with_relay(&self.beats, false, async |session| session.heartbeat(holder, None, lease).await);
        Ok(renewed.await?.is_some())
    }

    async fn store_t(&self, holder: Uuid, t: Timestamp, lease: Duration) -> Result<Option<Timestamp>> {
        self.with_relay(&self.beats, false, async |session| session.heartbeat(holder, Some(t), lease).await).await
    }

    async fn backlog(&self) -> Result<(i64, Option<Uuid>)> {
        let found = self.reader().await?.query_one(super::sql::BACKLOG, &[]).await?;
        Ok((found.get(0), found.get(1)))
    }

    async fn changed_elsewhere(&self) {
        self.elsewhere.notified().await;
    }

    fn announce_commits(&self, announce: bool) {
        self.announce.store(announce, Ordering::Relaxed);
    }
}

impl Postgres {
    /// The schema as it once was: what an upgrade starts from.
    pub async fn migrate_to(&self, version: i32) -> Result<()> {
        let mut session = self.connect(Purpose::Migration).await?;
        let runner = embedded::migrations::runner().set_target(refinery::Target::Version(version));
        let done = runner.run_async(&mut session.client).await;
        done.map(drop).map_err(|error| StoreError::Refused(error.to_string()))
    }

    /// How the planner would search: what product search runs first, and what it runs if that finds too little.
    pub async fn explain_products(&self, query: &ProductQuery) -> Result<[String; 2]> {
        products::explain(&self.reader().await?, query).await
    }

    /// The server's own limits come first; this one is for a server that does not answer at all.
    async fn within<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let patience = self.timeouts.statement + self.timeouts.connect;
        let done = tokio::time::timeout(patience, work).await;
        done.unwrap_or_else(|_| Err(StoreError::Unreachable("no answer in time".to_owned())))
    }

    /// Runs on one of the relay's sessions. After any trouble only what begins anew may `open` another:
    /// what belongs to a round must not meet another copy of the database than the round did.
    async fn with_relay<T>(
        &self,
        slot: &Mutex<Option<outbox::RelaySession>>,
        open: bool,
        work: impl AsyncFnOnce(&outbox::RelaySession) -> Result<T>,
    ) -> Result<T> {
        let mut slot = slot.lock().await;
        if slot.as_ref().is_none_or(outbox::RelaySession::is_closed) {
            if !open {
                return Err(StoreError::Unreachable("the relay's connection was lost".to_owned()));
            }
            let open = async { outbox::RelaySession::open(self.connect(Purpose::Relay).await?).await };
            *slot = Some(self.within(open).await?);
        }
        let done = self.within(work(slot.as_ref().expect("just opened"))).await;
        if done.is_err() {
            *slot = None;
        }
        done
    }
}
