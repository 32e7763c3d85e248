//! Orders: how they come in from their lanes, wait, and are looked at.

use std::time::Duration;

use async_trait::async_trait;
use onhand_wire::{
    Timestamp,
    order::{Lane, OrderState},
};
use serde::Serialize;
use uuid::Uuid;

use super::Result;
use crate::trail;

/// A record of a lane, as a row is made of it.
#[derive(Debug, Clone)]
pub struct NewOrder {
    pub id: Uuid,
    pub partition: i32,
    pub offset: i64,
    pub subject: String,
    pub owner: Option<String>,
    pub digest: String,
    pub sku: String,
    pub order_ref: Option<String>,
    pub accepted_at: Timestamp,
    pub decide_by: Timestamp,
    /// As it was in its lane.
    pub record: Vec<u8>,
    /// Why it is a dead letter at once.
    pub fault: Option<Fault>,
}

/// What is wrong with an order, of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// One of a few words.
    pub cause: &'static str,
    pub text: String,
}

/// Causes that trying again cannot help.
pub const HOPELESS: [&str; 2] = ["undecodable", "foreign_id"];

/// The records of some partitions of a lane, and how far they then are taken in.
#[derive(Debug, Clone)]
pub struct Intake {
    pub lane: Lane,
    /// The topic's id.
    pub topic: String,
    pub orders: Vec<NewOrder>,
    /// Up to where these partitions are taken in, as far as their reader knows: a database that is behind has lost a
    /// commit (a standby that was promoted, a backup), and what it lacks has to be read again.
    pub after: Vec<(i32, i64)>,
    /// Partition, and the offset of what comes next.
    pub next: Vec<(i32, i64)>,
}

/// What came of an intake.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct TakenIn {
    pub new: usize,
    /// The same orders once more.
    pub repeated: usize,
    /// Other orders under keys that were used.
    pub reused: usize,
    /// Nothing was taken in: the database is behind what its reader knows.
    pub behind: bool,
}

/// An order that waits to be decided.
#[derive(Debug, Clone)]
pub struct Waiting {
    pub id: Uuid,
    pub seq: i64,
    pub lane: Lane,
    pub attempts: i32,
    pub record: Vec<u8>,
}

/// An order as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct OrderRow {
    pub id: Uuid,
    #[serde(skip)]
    pub seq: i64,
    pub lane: Lane,
    #[serde(skip)]
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub subject: String,
    #[serde(skip)]
    pub owner: Option<String>,
    #[serde(skip)]
    pub digest: String,
    pub sku: String,
    pub order_ref: Option<String>,
    pub state: OrderState,
    pub reason: Option<String>,
    pub reservation_id: Option<Uuid>,
    pub accepted_at: Timestamp,
    pub decide_by: Timestamp,
    pub taken_at: Timestamp,
    pub decided_at: Option<Timestamp>,
    /// Times that it failed by a fault of its own.
    pub attempts: i32,
    pub next_at: Option<Timestamp>,
    pub cause: Option<String>,
    pub fault: Option<String>,
    pub first_fault_at: Option<Timestamp>,
}

/// Which orders are asked for; none given means all.
#[derive(Debug, Default, Clone)]
pub struct OrderQuery {
    pub order_ref: Option<String>,
    pub state: Option<OrderState>,
    pub sku: Option<String>,
    pub cause: Option<String>,
    pub ids: Option<Vec<Uuid>>,
    /// Accepted from this moment, up to but not including that one.
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    /// Only orders taken in before this one.
    pub before: Option<i64>,
    pub limit: usize,
}

/// Dead letters of one cause.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Letters {
    pub cause: String,
    pub count: i64,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    /// One of them.
    pub sample: Uuid,
    pub fault: Option<String>,
}

/// A lane, and what of it is not decided.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneRow {
    pub lane: Lane,
    pub paused: bool,
    /// The id of the topic that it was last read from.
    pub topic: String,
    pub rate: f64,
    pub undecided: i64,
    /// When the oldest of them was accepted.
    pub oldest: Option<Timestamp>,
    pub partitions: Vec<LanePartition>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LanePartition {
    pub partition: i32,
    /// The first offset that is not taken in yet.
    pub next: i64,
    pub undecided: i64,
    pub first_undecided: i64,
}

/// A dead letter whose record the topic does not have yet.
#[derive(Debug, Clone)]
pub struct Letter {
    pub id: Uuid,
    pub lane: Lane,
    pub sku: String,
    pub cause: String,
    pub fault: String,
    pub attempts: i32,
    pub first_seen: Timestamp,
    pub record: Vec<u8>,
}

/// A payment that is to be charged or voided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    pub order: Uuid,
    /// Each has a key of its own.
    pub attempt: i32,
    pub voids: bool,
    /// Minor units.
    pub amount: i64,
    pub currency: String,
    pub payment_ref: Option<String>,
    pub order_ref: Option<String>,
    pub reservation: Uuid,
    /// This one included.
    pub tries: i32,
}

/// Functions that write do so in a transaction of their own.
#[async_trait]
pub trait Orders: Send + Sync {
    /// Takes or keeps the lead over the lanes; whether it has it now.
    async fn lead_lanes(&self, holder: Uuid, lease: Duration) -> Result<bool>;
    /// Lets another replica lead at once.
    async fn leave_lanes(&self, holder: Uuid) -> Result<()>;

    /// How far this topic's partitions are taken in; one that is not named, not at all.
    async fn lane_positions(&self, lane: Lane, topic: &str) -> Result<Vec<(i32, i64)>>;
    /// Rows and positions in one commit. What is behind a partition's position was taken in before, and is left out.
    async fn take_in(&self, intake: &Intake) -> Result<TakenIn>;
    /// Of a lane's line, in its order: the first, or those behind `after`.
    async fn waiting_orders(&self, lane: Lane, after: i64, limit: usize) -> Result<Vec<Waiting>>;
    async fn paused_lanes(&self) -> Result<Vec<Lane>>;
    /// Those that are tried again now, of lanes that are not paused.
    async fn orders_again(&self, limit: usize) -> Result<Vec<Waiting>>;
    /// A fault of its own: it leaves its line, to be tried again after `pause`, or, without one, as a dead letter.
    /// An order that is no longer queued stays as it is; whether it was.
    async fn set_order_aside(&self, id: Uuid, fault: &Fault, pause: Option<Duration>) -> Result<bool>;

    async fn order(&self, id: Uuid) -> Result<Option<OrderRow>>;
    /// Newest intake first.
    async fn orders(&self, query: &OrderQuery) -> Result<Vec<OrderRow>>;
    async fn lane_rows(&self) -> Result<Vec<LaneRow>>;
    async fn set_lane_rate(&self, lane: Lane, rate: f64) -> Result<()>;
    /// With its line in the trail, in one commit.
    async fn pause_lane(&self, lane: Lane, paused: bool, line: &trail::Line) -> Result<()>;

    /// Takes payments that are due; nobody else gets them for as long as `lease`.
    async fn take_payments(&self, limit: usize, lease: Duration) -> Result<Vec<Payment>>;
    /// Tried again after this long.
    async fn postpone_payment(&self, payment: &Payment, pause: Duration) -> Result<()>;
    /// The hook has acknowledged its void.
    async fn payment_voided(&self, payment: &Payment) -> Result<()>;

    async fn letters_by_cause(&self) -> Result<Vec<Letters>>;
    /// Rejected for good: those of these that are dead letters.
    async fn discard_orders(&self, ids: &[Uuid], reason: &str, line: &trail::Line) -> Result<Vec<Uuid>>;
    /// Dead letters whose records wait to be sent.
    async fn unsent_letters(&self, limit: usize) -> Result<Vec<Letter>>;
    async fn letters_sent(&self, ids: &[Uuid]) -> Result<()>;
}
