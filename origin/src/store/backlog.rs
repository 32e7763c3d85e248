//! What one feed has not had yet, and who leads it.
//!
//! A row of the outbox is there for every feed until one has it. Then it stands in a backlog of its own for each of the
//! others, so that no feed waits for another, nor reads past what only another lacks. A feed that enters is filled with
//! every row of the tables before it gets a watermark: what is committed before it enters is in those, and what is
//! committed afterwards is kept for it.

use std::time::Duration;

use async_trait::async_trait;
use onhand_wire::{Sku, Timestamp, event::Change};
use uuid::Uuid;

use super::{Result, Round, Sent};

/// What a feed has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// Everything but its backlog.
    Live,
    /// It has to be filled.
    Filling,
}

/// A feed as it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entered {
    pub membership: Membership,
    /// T of a watermark that the feed has acknowledged: a log that ends before it has lost something.
    pub told: Option<Timestamp>,
}

/// Some of all that a feed is filled with.
#[derive(Debug)]
pub struct Page {
    pub changes: Vec<Change>,
    /// The last SKU of it, after which the next page begins; none: this was the last.
    pub next: Option<Sku>,
}

/// The outbox as one feed has it.
#[async_trait]
pub trait Backlog: Send + Sync {
    /// From now on what is committed is kept for this feed, until it has it.
    async fn enter(&self) -> Result<Entered>;
    /// It has lost something of what it had; whether this relay still leads it.
    async fn fill_again(&self, holder: Uuid) -> Result<bool>;
    /// One page of all items, facts, locations and channels, deleted ones too, under the present term.
    async fn page(&self, after: Option<&Sku>) -> Result<Page>;
    /// The feed has everything that there was when it entered; whether this relay still leads it.
    async fn filled(&self, holder: Uuid) -> Result<bool>;

    /// Whether the term was raised, and the feed has not had every row under it: it may have changes of commits that
    /// nobody confirmed.
    async fn is_to_publish_again(&self) -> Result<bool>;
    /// It has now; whether this relay still leads it.
    async fn published_again(&self, holder: Uuid) -> Result<bool>;

    /// Strikes out what the feed has, then reads what is left of the backlog and not under way, both
    /// only if the term is still theirs. With something sent it never opens a session: what was
    /// published from one copy of the database says nothing of another's rows.
    async fn round(&self, sent: &Sent) -> Result<Round>;
    /// The striking out alone.
    async fn strike(&self, sent: &Sent) -> Result<()>;

    /// Takes the lease, unless another relay leads; whether this one does now.
    async fn take_lease(&self, holder: Uuid, lease: Duration) -> Result<bool>;
    /// Renews the lease of a relay that leads; whether it still does. `heard`: the feed has just acknowledged something.
    async fn renew_lease(&self, holder: Uuid, lease: Duration, heard: bool) -> Result<bool>;
    /// Stores `t`, through which everything is published, and renews the lease; the database's clock at that moment, or
    /// `None` if another relay leads. `told`: T of the last watermark that the feed has acknowledged.
    async fn store_t(
        &self,
        holder: Uuid,
        t: Timestamp,
        told: Option<Timestamp>,
        lease: Duration,
    ) -> Result<Option<Timestamp>>;

    /// Whether this process's relay leads it: what it commits is then handed over, and need not be announced.
    fn set_leading(&self, leads: bool);
    /// Resolves when another replica has committed something.
    async fn changed_elsewhere(&self);
}
