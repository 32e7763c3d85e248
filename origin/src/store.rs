//! All SQL, behind one contract that SQLite and PostgreSQL both keep (one test suite runs on both).

pub mod alerting;
pub mod backlog;
pub mod connections;
pub mod exports;
mod ledger;
mod outbox;
pub mod places;
pub mod postgres;
pub mod releases;
pub mod reservation_lists;
pub mod notifications;
pub mod notices;
pub mod orders;
pub mod replays;
pub mod stock_lists;
mod sql;
pub mod sqlite;
pub mod trail;
pub mod users;
pub(crate) mod words;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use onhand_wire::{
    Item, LocationId, Sees, Sku, Timestamp,
    bulk::{LoadFacts, LoadedFacts, LoadedTopology},
    event::Change,
};
use serde::Serialize;
use uuid::Uuid;

pub use self::backlog::{Backlog, Entered, Membership, Page};
pub use self::ledger::{LedgerCheck, LedgerFault, Rebuilt, Table};
use crate::{
    feed::FeedEnd,
    key::{CallKey, NamedReservation},
    record::{ReservationRecord, StockPolicy},
    state::BatchState,
};

/// What a batch locks and reads before it decides.
#[derive(Debug, Default)]
pub struct Needs {
    pub skus: BTreeSet<Sku>,
    pub reservations: BTreeSet<NamedReservation>,
    /// Orders that may be decided: locked, with what is before each in its line.
    pub orders: BTreeSet<Uuid>,
    /// Whether locations or channels may be changed.
    pub topology: bool,
    /// The holders whose open units must be known: they are locked first, so that no other batch adds to them
    /// meanwhile.
    pub holders: BTreeSet<String>,
    /// Whose it is, and the key.
    pub keys: Vec<CallKey>,
    /// Among the SKUs, those whose books are read as well.
    pub reconcile: BTreeSet<Sku>,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The outcome is unknown: the same batch may be run again, and its keys settle it.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// The server answered that it cannot at the moment (out of memory or disk, an object in use); nothing was written.
    /// The same batch may succeed later, or one of its commands is the cause.
    #[error("the database could not: {0}")]
    Failing(String),
    /// Rows stayed locked past the lock timeout; nothing was written.
    #[error("rows stayed locked: {0}")]
    Locked(String),
    /// Another batch created the same row first, which did not exist and so could not be locked; nothing was written.
    #[error("created by another batch meanwhile: {0}")]
    Overtaken(String),
    /// This is not the copy of the database that the term was given to (a promoted standby, a restored backup): the
    /// term must be raised before anything is written. Nothing was written.
    #[error("this is another copy of the database")]
    AnotherCopy,
    /// The database refused the write; nothing was written.
    #[error("the database refused: {0}")]
    Refused(String),
}

impl StoreError {
    /// Whether the same call may succeed later; what the database refused, it refuses again.
    pub fn may_pass(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}

pub type Result<T> = std::result::Result<T, StoreError>;

/// What a relay round reads, in one snapshot taken after `t`.
#[derive(Debug)]
pub struct Round {
    pub t: Timestamp,
    pub term: u16,
    pub good_since: u16,
    /// The outbox's oldest rows, [`ROWS`] at most, without those that the relay has under way.
    pub pending: Vec<Pending>,
    /// Whether these are all of them; otherwise the round covers nothing.
    pub whole: bool,
}

/// SKUs in one page of what a feed is filled with.
pub(crate) const PAGE: usize = 1_000;
/// Rows of the outbox in one round. An import's row names two thousand keys.
pub const ROWS: usize = 200;

/// A row of the outbox.
#[derive(Debug)]
pub struct Pending {
    pub id: Uuid,
    /// The latest state of each of its keys that no row before it names.
    pub changes: Vec<Change>,
}

/// The outbox's rows that a relay has under way or has published.
#[derive(Debug, Default, Clone)]
pub struct Sent {
    /// The term under which the changes were published: under another one they must be published again.
    pub term: u16,
    /// Rows whose changes the feed has all acknowledged.
    pub published: Vec<Uuid>,
    /// Rows whose changes are on their way.
    pub under_way: Vec<Uuid>,
}

/// Holds whose deadline has passed, and how long until the next one does.
#[derive(Debug)]
pub struct Due {
    pub ids: Vec<Uuid>,
    pub next: Option<Duration>,
}

#[derive(Debug, Default, Clone)]
pub struct ProductQuery {
    /// Folded words; each must be a prefix of the SKU or of a word of name or brand.
    pub words: Vec<String>,
    pub brand: Option<String>,
    pub attributes: Vec<(String, String)>,
    pub min_price: Option<i64>,
    pub max_price: Option<i64>,
    /// The last SKU of the page before.
    pub after: Option<String>,
    pub limit: usize,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct LedgerEntry {
    pub id: i64,
    pub time: Timestamp,
    pub actor: String,
    pub kind: String,
    pub reason: Option<String>,
    pub sku: String,
    pub location: String,
    pub before: Level,
    pub after: Level,
    pub reservation: Option<Uuid>,
    pub correlation: String,
    /// What the row's selling policy then was, where the line changed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<StockPolicy>,
}

#[derive(Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Level {
    pub on_hand: i64,
    pub reserved: i64,
}

/// A row that differs from what other rows say it should be.
#[derive(Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Difference {
    /// `reservations` (open allocations against `reserved`) or `ledger` (its sums against the row).
    pub comparison: &'static str,
    pub sku: String,
    pub location: String,
    pub expected: Level,
    pub found: Level,
}

#[derive(Debug, Serialize)]
pub struct Comparison {
    /// Stock rows that were compared.
    pub checked: i64,
    pub differences: Vec<Difference>,
}

/// The decision, made between reading and writing.
pub type Decide<'a> = dyn FnMut(&mut BatchState) + Send + 'a;

/// A store. Functions ending in `_in_tx` run in the caller's transaction.
#[async_trait]
pub trait Store:
    stock_lists::StockLists
    + reservation_lists::ReservationLists
    + places::Places
    + exports::Exports
    + alerting::Heartbeats
    + notifications::Notifications
    + notices::Notices
    + orders::Orders
    + replays::Replays
    + connections::Pooled
    + releases::Releases
    + trail::Trail
    + users::Users
    + Send
    + Sync
{
    /// Brings the schema up to date; returns the versions that were applied.
    async fn migrate(&self) -> Result<Vec<String>>;

    /// Fails with what to do when the schema is older or newer than this code.
    async fn check_schema(&self) -> Result<()>;

    /// Fails, and says what to do, if the server's settings could lose acknowledged writes; else returns warnings.
    async fn check_durability(&self) -> Result<Vec<&'static str>>;

    /// Raises the term if this is another copy of the database than the one that the term was given
    /// to, or if the feed knows more than the database does; returns the current term.
    async fn settle_term(&self, feed: FeedEnd) -> Result<u16>;

    /// lock → read → `decide` (pure) → write → commit; returns the time after the commit.
    async fn batch(&self, needs: Needs, decide: &mut Decide<'_>) -> Result<Timestamp>;

    /// The SKUs whose rows another transaction has locked now.
    async fn locked(&self, skus: &BTreeSet<Sku>) -> Result<BTreeSet<Sku>>;

    /// The SKUs of each reservation; they never change.
    async fn skus_of(&self, reservations: &[NamedReservation]) -> Result<BTreeMap<NamedReservation, BTreeSet<Sku>>>;

    async fn load_facts(&self, load: &LoadFacts) -> Result<LoadedFacts>;
    async fn load_topology(&self) -> Result<LoadedTopology>;
    /// The reservation, if the caller sees it, and the database's current time.
    async fn reservation(&self, id: Uuid, sees: &Sees) -> Result<Option<(ReservationRecord, Timestamp)>>;
    async fn products(&self, query: &ProductQuery) -> Result<Vec<Item>>;
    /// Those of `skus` that are not in the catalogue.
    async fn missing(&self, skus: &[&Sku]) -> Result<HashSet<Sku>>;
    /// Whether there is an item whose SKU is digits and begins with 0.
    async fn has_leading_zeros(&self) -> Result<bool>;
    async fn ledger(
        &self,
        sku: &Sku,
        location: Option<&LocationId>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<LedgerEntry>>;
    async fn compare(&self) -> Result<Comparison>;
    /// Walks the whole ledger in one snapshot; `progress` gets the number of lines read, and of all lines.
    /// Describes the first `most` faults and counts all.
    async fn verify_ledger(&self, most: usize, progress: &(dyn Fn(u64, u64) + Sync)) -> Result<LedgerCheck>;
    /// Writes the rows that follow from the ledger alone into a table, which is created if it is missing, and must be
    /// empty.
    async fn rebuild_rows(&self, into: &Table) -> Result<Rebuilt>;
    async fn due(&self, limit: usize) -> Result<Due>;
    async fn drop_keys_older_than(&self, age: Duration) -> Result<u64>;
    /// Region-wide state for the health pages: term and maintenance message.
    async fn standing(&self) -> Result<Standing>;
    /// Whether another region is open: this one's database follows it, or is closed to this one's origins.
    async fn waits(&self) -> Result<bool>;

    /// The outbox as this feed has it; the same one each time. `home`: the feed of this origin's own region, which was
    /// there before regions were.
    fn backlog(&self, feed: &str, home: bool) -> Arc<dyn Backlog>;
    /// Leaves out the feeds that have acknowledged nothing for `patience`, while another has: nothing is kept for them
    /// any more. Their names.
    async fn leave_out_silent(&self, patience: Duration) -> Result<Vec<String>>;
    /// Rows of the outbox that no feed has yet, and the oldest one's id, which tells its age.
    async fn unpublished(&self) -> Result<(i64, Option<Uuid>)>;
}

#[derive(Debug, Clone)]
pub struct Standing {
    pub term: u16,
    pub maintenance: Option<String>,
    /// The region that is open; none where there is one only.
    pub region: Option<String>,
    /// It writes, and no other region confirms.
    pub alone: bool,
}
