//! SQLite, for `onhand dev`: one file or memory, one process, the same contract as PostgreSQL.

mod alerting;
mod batch;
mod books;
mod connections;
mod exports;
mod ledger;
mod notices;
mod notifications;
mod orders;
mod outbox;
mod places;
mod read;
mod releases;
mod replays;
mod reservation_lists;
mod row;
mod stock_lists;
mod trail;
mod users;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs::{OpenOptions, Permissions},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use onhand_wire::{
    Item, LocationId, Sees, Sku, Timestamp,
    bulk::{LoadFacts, LoadedFacts, LoadedTopology},
};
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use tokio::runtime::{Handle, RuntimeFlavor};
use uuid::Uuid;

use super::{
    Backlog, Comparison, Decide, Due, Entered, FeedEnd, LedgerCheck, LedgerEntry, Membership, Needs, Page,
    ProductQuery, Rebuilt, Result, Round, Sent, Standing, Store, StoreError, Table,
};
use crate::{key::NamedReservation, record::ReservationRecord};

mod embedded {
    refinery::embed_migrations!("migrations/sqlite");
}

#[derive(Clone)]
pub struct Sqlite(Arc<Mutex<Connection>>);

impl Sqlite {
    /// `None` keeps it in memory, until the process ends.
    pub fn open(path: Option<&Path>) -> Result<Self> {
        let connection = match path {
            None => Connection::open_in_memory()?,
            Some(path) => {
                close_to_others(path).map_err(|error| StoreError::Refused(format!("{}: {error}", path.display())))?;
                Connection::open(path)?
            }
        };
        // WAL with full sync: an acknowledged write survives power loss, as with PostgreSQL.
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON")?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// An older schema, from which a test upgrades.
    pub fn migrate_to(&self, version: i32) -> Result<()> {
        let runner = embedded::migrations::runner().set_target(refinery::Target::Version(version));
        let done = self.with(|connection| Ok(runner.run(connection)))?;
        done.map(drop).map_err(|error| StoreError::Refused(error.to_string()))
    }

    /// Short work on the one connection; a runtime of several threads is told that this one blocks.
    fn with<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        let work = || work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
        match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
            Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
            _ => work(),
        }
    }
}

/// Only their owner may read the rows: the file is created here, and SQLite gives the files beside it the same mode.
/// Files of an earlier run may have wider rights.
fn close_to_others(path: &Path) -> std::io::Result<()> {
    let mut create = OpenOptions::new();
    create.write(true).create(true).truncate(false).mode(0o600).open(path)?;
    for end in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        match std::fs::set_permissions(name, Permissions::from_mode(0o600)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let message = error.to_string();
        match error.sqlite_error_code() {
            Some(
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::OutOfMemory
                | ErrorCode::SystemIoFailure,
            ) => Self::Failing(message),
            _ => Self::Refused(message),
        }
    }
}

fn begin(connection: &mut Connection) -> Result<Transaction<'_>> {
    Ok(connection.transaction()?)
}

/// This process's clock is the database's; held so that it never falls below the stored T.
fn now_in_tx(connection: &Connection) -> Result<Timestamp> {
    let stored: i64 = connection.prepare_cached("SELECT t FROM relay")?.query_one([], |row| row.get(0))?;
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Ok(Timestamp::from_micros(stored.max(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))))
}

pub(super) fn judge_schema(newest: Option<i32>, applied: Option<i32>) -> Result<()> {
    match (newest, applied) {
        (newest, applied) if newest == applied => Ok(()),
        (newest, Some(applied)) if Some(applied) > newest => Err(StoreError::Refused(format!(
            "the schema has version {applied}, newer than this program knows; run the program that migrated it, or a newer one"
        ))),
        (_, applied) => {
            let have = applied.map_or("no version".to_owned(), |applied| format!("version {applied}"));
            Err(StoreError::Refused(format!("the schema has {have} and is behind; run `onhand migrate`")))
        }
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn migrate(&self) -> Result<Vec<String>> {
        self.with(|connection| {
            let report = embedded::migrations::runner().run(connection);
            let report = report.map_err(|error| StoreError::Refused(error.to_string()))?;
            let tx = begin(connection)?;
            read::fill_words_in_tx(&tx)?;
            tx.commit()?;
            Ok(report.applied_migrations().iter().map(ToString::to_string).collect())
        })
    }

    async fn check_schema(&self) -> Result<()> {
        self.with(|connection| {
            let newest = embedded::migrations::runner().get_migrations().iter().map(|m| m.version()).max();
            let applied = embedded::migrations::runner().get_last_applied_migration(connection);
            let applied = applied.map_err(|error| StoreError::Refused(error.to_string()))?.map(|m| m.version());
            judge_schema(newest, applied)
        })
    }

    /// Its settings are this program's own.
    async fn check_durability(&self) -> Result<Vec<&'static str>> {
        Ok(Vec::new())
    }

    /// One file, one process: there is no other copy.
    async fn settle_term(&self, _feed: FeedEnd) -> Result<u16> {
        self.with(|connection| Ok(row::term(connection)?.0))
    }

    /// There is one connection, so nobody else holds locks.
    async fn locked(&self, _skus: &BTreeSet<Sku>) -> Result<BTreeSet<Sku>> {
        Ok(BTreeSet::new())
    }

    async fn skus_of(&self, reservations: &[NamedReservation]) -> Result<BTreeMap<NamedReservation, BTreeSet<Sku>>> {
        self.with(|connection| {
            let skus = |named: &NamedReservation| {
                let record = row::record(connection, named.0, named.1.as_deref())?;
                Ok(record.map(|record| (named.clone(), record.skus().cloned().collect())))
            };
            reservations.iter().filter_map(|named| skus(named).transpose()).collect()
        })
    }

    async fn batch(&self, needs: Needs, decide: &mut Decide<'_>) -> Result<Timestamp> {
        self.with(|connection| {
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut state = batch::read_in_tx(&tx, needs)?;
            decide(&mut state);
            batch::write_in_tx(&tx, &state)?;
            tx.commit()?;
            now_in_tx(connection)
        })
    }

    async fn load_facts(&self, load: &LoadFacts) -> Result<LoadedFacts> {
        self.with(|connection| {
            let tx = begin(connection)?;
            read::load_facts_in_tx(&tx, load)
        })
    }

    async fn load_topology(&self) -> Result<LoadedTopology> {
        self.with(|connection| {
            let tx = begin(connection)?;
            read::load_topology_in_tx(&tx)
        })
    }

    async fn reservation(&self, id: Uuid, sees: &Sees) -> Result<Option<(ReservationRecord, Timestamp)>> {
        self.with(|connection| {
            let now = now_in_tx(connection)?;
            Ok(row::record(connection, id, sees.only())?.map(|record| (record, now)))
        })
    }

    async fn products(&self, query: &ProductQuery) -> Result<Vec<Item>> {
        self.with(|connection| read::products(connection, query))
    }

    async fn missing(&self, skus: &[&Sku]) -> Result<HashSet<Sku>> {
        self.with(|connection| read::missing(connection, skus))
    }

    async fn has_leading_zeros(&self) -> Result<bool> {
        self.with(|connection| read::has_leading_zeros(connection))
    }

    async fn ledger(
        &self,
        sku: &Sku,
        location: Option<&LocationId>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<LedgerEntry>> {
        self.with(|connection| read::ledger(connection, sku, location, before, limit))
    }

    async fn compare(&self) -> Result<Comparison> {
        self.with(|connection| read::compare(connection))
    }

    async fn verify_ledger(&self, most: usize, progress: &(dyn Fn(u64, u64) + Sync)) -> Result<LedgerCheck> {
        self.with(|connection| ledger::verify(&*begin(connection)?, most, progress))
    }

    async fn rebuild_rows(&self, into: &Table) -> Result<Rebuilt> {
        self.with(|connection| {
            let whole = begin(connection)?;
            let rebuilt = ledger::rebuild_in_tx(&whole, into)?;
            whole.commit()?;
            Ok(rebuilt)
        })
    }

    async fn due(&self, limit: usize) -> Result<Due> {
        self.with(|connection| read::due(connection, limit))
    }

    async fn drop_keys_older_than(&self, age: Duration) -> Result<u64> {
        self.with(|connection| {
            let oldest = now_in_tx(connection)?.micros() - age.as_micros() as i64;
            connection.execute("DELETE FROM open_units WHERE units = 0", [])?;
            Ok(connection.execute("DELETE FROM idempotency_keys WHERE created_at < ?1", [oldest])? as u64)
        })
    }

    async fn standing(&self) -> Result<Standing> {
        self.with(|connection| read::standing(connection))
    }

    async fn waits(&self) -> Result<bool> {
        Ok(false)
    }

    fn backlog(&self, _feed: &str, _home: bool) -> Arc<dyn Backlog> {
        Arc::new(self.clone())
    }

    async fn unpublished(&self) -> Result<(i64, Option<Uuid>)> {
        self.with(|connection| {
            let (rows, oldest): (i64, Option<String>) =
                connection.query_one(super::sql::BACKLOG, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok((rows, oldest.and_then(|id| Uuid::parse_str(&id).ok())))
        })
    }

    /// There is one feed.
    async fn leave_out_silent(&self, _patience: Duration) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

/// One process has one feed, which was there from the start.
#[async_trait]
impl Backlog for Sqlite {
    async fn enter(&self) -> Result<Entered> {
        Ok(Entered { membership: Membership::Live, told: None })
    }

    async fn fill_again(&self, _holder: Uuid) -> Result<bool> {
        Ok(true)
    }

    async fn page(&self, _after: Option<&Sku>) -> Result<Page> {
        Ok(Page { changes: Vec::new(), next: None })
    }

    async fn filled(&self, _holder: Uuid) -> Result<bool> {
        Ok(true)
    }

    async fn is_to_publish_again(&self) -> Result<bool> {
        Ok(false)
    }

    async fn published_again(&self, _holder: Uuid) -> Result<bool> {
        Ok(true)
    }

    async fn round(&self, sent: &Sent) -> Result<Round> {
        self.with(|connection| {
            let tx = begin(connection)?;
            let round = outbox::round_in_tx(&tx, sent)?;
            tx.commit()?;
            Ok(round)
        })
    }

    async fn strike(&self, sent: &Sent) -> Result<()> {
        self.with(|connection| {
            let tx = begin(connection)?;
            outbox::delete_in_tx(&tx, sent)?;
            Ok(tx.commit()?)
        })
    }

    async fn take_lease(&self, holder: Uuid, lease: Duration) -> Result<bool> {
        self.with(|connection| Ok(outbox::heartbeat(connection, holder, None, lease)?.is_some()))
    }

    async fn renew_lease(&self, holder: Uuid, lease: Duration, _heard: bool) -> Result<bool> {
        self.take_lease(holder, lease).await
    }

    async fn store_t(
        &self,
        holder: Uuid,
        t: Timestamp,
        _told: Option<Timestamp>,
        lease: Duration,
    ) -> Result<Option<Timestamp>> {
        self.with(|connection| outbox::heartbeat(connection, holder, Some(t), lease))
    }

    fn set_leading(&self, _leads: bool) {}

    /// Nothing changes elsewhere.
    async fn changed_elsewhere(&self) {
        std::future::pending().await
    }
}
