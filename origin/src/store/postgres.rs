//! PostgreSQL: a session for each batch under way, one for the relay, a pool for reads.

mod alerting;
mod backlog;
mod batch;
mod books;
mod connections;
mod dialer;
mod exports;
mod home;
mod ledger;
mod notices;
mod notifications;
mod orders;
mod outbox;
mod places;
mod products;
mod read;
mod releases;
mod replays;
mod reservation_lists;
mod row;
mod secure;
mod stock_lists;
mod session;
pub mod site;
mod terms;
mod trail;
mod users;
mod write;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    error::Error,
    sync::{
        Arc, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
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
use tokio::sync::Mutex;
use tokio_postgres::{Client, config::TargetSessionAttrs, error::SqlState, types::ToSql};
use uuid::Uuid;

use self::{
    backlog::{PostgresBacklog, Relays},
    dialer::Dialer,
    session::{Purpose, Session},
};
use super::{
    Backlog, Comparison, Decide, Due, FeedEnd, LedgerCheck, LedgerEntry, Needs, ProductQuery, Rebuilt, Result,
    Standing, Store, StoreError, Table,
};
use crate::{config::Home, key::NamedReservation, record::ReservationRecord};

mod embedded {
    refinery::embed_migrations!("migrations/postgres");
}

/// How long each kind of wait may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    pub connect: Duration,
    pub statement: Duration,
    pub lock: Duration,
}

pub struct Postgres {
    dialer: Arc<Dialer>,
    reads: Pool,
    /// Sessions that no batch has at the moment.
    batches: std::sync::Mutex<Vec<batch::BatchSession>>,
    /// One for each feed.
    backlogs: std::sync::Mutex<BTreeMap<String, Arc<PostgresBacklog>>>,
    relays: Arc<Relays>,
    /// Looks which rows others hold.
    probe: Mutex<Option<Session>>,
    /// Connections for reads and batches that are older than this are not used again.
    oldest: Arc<Oldest>,
}

/// A time in microseconds since this process first connected.
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

/// The application name of our sessions.
const APPLICATION: &str = "onhand-origin";

/// How safe the hop to the database at `url` is.
pub fn hop(url: &str) -> Result<Hop> {
    secure::hop(url).map_err(StoreError::Refused)
}

impl Postgres {
    /// `url`: `postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=PATH`. Connects when first used.
    /// `home`: only that region's origins may write.
    pub fn new(url: &str, pool_size: usize, timeouts: Timeouts, home: Option<Home>) -> Result<Self> {
        let (mut config, connector) = secure::read(url).map_err(StoreError::Refused)?;
        config
            .application_name(APPLICATION)
            .connect_timeout(timeouts.connect)
            .keepalives_idle(Duration::from_secs(10))
            // A host that disappears silently must not keep reads waiting.
            .tcp_user_timeout(timeouts.connect + timeouts.statement)
            // Of several hosts, use the one that takes writes: a standby may be behind.
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
            dialer: Arc::new(Dialer { config, connector, timeouts, home: home.map(Arc::new) }),
            reads,
            batches: std::sync::Mutex::default(),
            backlogs: std::sync::Mutex::default(),
            relays: Arc::default(),
            probe: Mutex::default(),
            oldest,
        })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<batch::BatchSession>> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn backlogs(&self) -> MutexGuard<'_, BTreeMap<String, Arc<PostgresBacklog>>> {
        self.backlogs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn reader(&self) -> Result<Object> {
        self.reads.get().await.map_err(|error| StoreError::Unreachable(causes(&error)))
    }

    async fn connect(&self, purpose: Purpose) -> Result<Session> {
        self.dialer.connect(purpose, Arc::default()).await
    }
}

/// Set after connecting, because a server that starts sessions read-only is taken for a standby.
async fn read_only(client: &mut ClientWrapper) -> std::result::Result<(), HookError> {
    let set = client.batch_execute("SET default_transaction_read_only = on").await;
    set.map_err(HookError::Backend)
}

/// A frozen origin must not keep its row locks. Usually its session idles and its own time limit ends it. But in the
/// middle of a COPY the server waits for rows and checks no limit.
async fn end_frozen_copies(client: &Client, after: Duration) -> Result<()> {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND usename = current_user AND application_name = $1
            AND query LIKE 'COPY %' AND wait_event = 'ClientRead'
            AND query_start < clock_timestamp() - make_interval(secs => $2)";
    let ended = client.query(end, &[&APPLICATION as &(dyn ToSql + Sync), &after.as_secs_f64()]).await?;
    if !ended.is_empty() {
        tracing::warn!(sessions = ended.len(), "an origin stood still in the middle of a COPY; its locks are released");
    }
    Ok(())
}

/// Maps an error to what can be done about it: by the SQLSTATE first, since many kinds of errors name a constraint.
fn sort(error: &tokio_postgres::Error) -> StoreError {
    let Some(refusal) = error.as_db_error() else {
        // A value that cannot be sent or read. If a connection fails, the cause is I/O, or it is closed.
        let of_a_value = error.source().is_some_and(|cause| !cause.is::<std::io::Error>());
        let refused = of_a_value && !error.is_closed();
        let message = causes(error);
        return if refused { StoreError::Refused(message) } else { StoreError::Unreachable(message) };
    };
    let message = format!("{} ({})", refusal.message(), refusal.code().code());
    match *refusal.code() {
        SqlState::LOCK_NOT_AVAILABLE | SqlState::T_R_DEADLOCK_DETECTED => StoreError::Locked(message),
        SqlState::QUERY_CANCELED => StoreError::Locked(message),
        // Another replica created the same item or kept the same key: run the batch again, and they are read.
        SqlState::UNIQUE_VIOLATION
            if matches!(refusal.constraint(), Some("products_pkey" | "idempotency_keys_pkey" | "users_pkey")) =>
        {
            StoreError::Overtaken(message)
        }
        _ => match refusal.code().code().get(..2) {
            // Connection, operator intervention, a server that does not accept writes or our login yet: independent of
            // the statement.
            Some("08" | "25" | "28" | "3D" | "57") => StoreError::Unreachable(message),
            // Resources, objects in use, the system below it: trouble of the server, or of one statement.
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
        // An empty database, to which nothing was ever applied, is not a fault.
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
            self.oldest.set_now(); // reads use this copy from now on, too
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
            end_frozen_copies(client, self.dialer.timeouts.statement).await?;
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
            return done; // and drop the session
        }
        if done.is_ok() && self.relays.are_to_be_told() {
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

    async fn has_leading_zeros(&self) -> Result<bool> {
        Ok(self.reader().await?.query_one(products::LEADING_ZEROS, &[]).await?.get(0))
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

    async fn waits(&self) -> Result<bool> {
        let Some(home) = self.dialer.home.as_ref().filter(|home| home.among.is_some()) else { return Ok(false) };
        self.within(home::waits(&self.dialer, &home.region)).await
    }

    fn backlog(&self, feed: &str, home: bool) -> Arc<dyn Backlog> {
        let mut backlogs = self.backlogs();
        let new = || Arc::new(PostgresBacklog::new(feed, home, self.dialer.clone(), self.relays.clone()));
        backlogs.entry(feed.to_owned()).or_insert_with(new).clone()
    }

    async fn leave_out_silent(&self, patience: Duration) -> Result<Vec<String>> {
        let left_out = self.write(backlog::LEAVE_OUT_SILENT, &[&row::micros(patience)]).await?;
        Ok(left_out.iter().map(|row| row.get(0)).collect())
    }

    async fn unpublished(&self) -> Result<(i64, Option<Uuid>)> {
        let found = self.reader().await?.query_one(super::sql::BACKLOG, &[]).await?;
        Ok((found.get(0), found.get(1)))
    }
}

impl Postgres {
    /// An older schema, from which a test upgrades.
    pub async fn migrate_to(&self, version: i32) -> Result<()> {
        let mut session = self.connect(Purpose::Migration).await?;
        let runner = embedded::migrations::runner().set_target(refinery::Target::Version(version));
        let done = runner.run_async(&mut session.client).await;
        done.map(drop).map_err(|error| StoreError::Refused(error.to_string()))
    }

    /// The plans of product search: of its first step, and of the one that it runs if the first finds too little.
    pub async fn explain_products(&self, query: &ProductQuery) -> Result<[String; 2]> {
        products::explain(&self.reader().await?, query).await
    }

    async fn within<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.dialer.within(work).await
    }
}
