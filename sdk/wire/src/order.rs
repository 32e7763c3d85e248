//! Orders in their lanes: what a record says, what became of one, and how far a lane has come.
//!
//! A record's value is a MessagePack map with names, as those of the change feed are: readers ignore unknown names and
//! give absent ones a default. `tests/golden` pins the bytes.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Timestamp, quote::Total, request::PlaceOrder};

/// A line that orders wait in; what waits in one does not wait for the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    #[default]
    High,
    Low,
}

impl Lane {
    /// In the order in which they have their turn.
    pub const ALL: [Self; 2] = [Self::High, Self::Low];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Low => "low",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.as_str() == word)
    }
}

/// What has become of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// In its lane, not yet decided.
    Queued,
    /// Stock is held; its payment is under way.
    Processing,
    Confirmed,
    SoldOut,
    PaymentFailed,
    /// Not carried out, for `reason`.
    Rejected,
    /// Set aside for people, for `reason`.
    DeadLettered,
}

impl OrderState {
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Processing,
        Self::Confirmed,
        Self::SoldOut,
        Self::PaymentFailed,
        Self::Rejected,
        Self::DeadLettered,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Processing => "processing",
            Self::Confirmed => "confirmed",
            Self::SoldOut => "sold_out",
            Self::PaymentFailed => "payment_failed",
            Self::Rejected => "rejected",
            Self::DeadLettered => "dead_lettered",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether nothing more comes by itself.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Processing)
    }
}

const V: u8 = 1;

/// An accepted order, as its lane has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderRecord {
    #[serde(default)]
    pub v: u8,
    pub id: Uuid,
    /// The token's subject, and for whom it acts.
    pub subject: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The caller's `Idempotency-Key`.
    pub key: String,
    /// SHA-256 of the canonical body, in hexadecimal: the same key with another body is another call.
    pub digest: String,
    pub accepted_at: Timestamp,
    /// Undecided by then, it is rejected.
    pub decide_by: Timestamp,
    /// What it cost when it was accepted; none where it had no price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Total>,
    #[serde(default)]
    pub correlation: String,
    pub order: PlaceOrder,
}

impl OrderRecord {
    pub const V: u8 = V;

    pub fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).expect("plain data encodes")
    }

    /// # Errors
    /// What is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let record: Self = rmp_serde::from_slice(bytes).map_err(|error| error.to_string())?;
        if record.order.lines.is_empty() {
            return Err("an order without lines".to_owned());
        }
        crate::request::Check::check(&record.order).map_err(|problem| problem.detail.into_owned())?;
        Ok(record)
    }
}

/// An order as callers see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ShownOrder {
    pub id: Uuid,
    pub state: OrderState,
    /// Orders that are decided before it; null once it is decided, and where it cannot be told.
    pub ahead: Option<u64>,
    /// Seconds until it should be decided, by the same.
    pub eta_s: Option<u64>,
    pub reservation_id: Option<Uuid>,
    /// Why it ended as it did; null where the state says all.
    pub reason: Option<String>,
}

impl ShownOrder {
    pub fn queued(id: Uuid, wait: Option<Wait>) -> Self {
        Self {
            id,
            state: OrderState::Queued,
            ahead: wait.map(|wait| wait.ahead),
            eta_s: wait.map(|wait| wait.eta_s),
            reservation_id: None,
            reason: None,
        }
    }
}

/// How long an order still waits, as far as can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    pub ahead: u64,
    pub eta_s: u64,
}

/// How far each lane has come.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    pub lanes: Vec<LaneStanding>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LaneStanding {
    pub lane: Lane,
    /// The id of its topic: offsets of another one mean nothing here.
    pub topic: String,
    pub paused: bool,
    /// Orders decided a second, while there was something to decide; 0: not known.
    pub rate: f64,
    /// By number.
    pub partitions: Vec<PartitionStanding>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionStanding {
    /// The first offset that is not taken in yet.
    pub taken: i64,
    /// Orders taken in and not decided, and the least offset of one.
    pub undecided: u64,
    pub first_undecided: i64,
    /// The next offset to be written, as the origin last saw it.
    #[serde(default)]
    pub end: i64,
}

impl PartitionStanding {
    /// How many undecided orders come before this offset.
    pub fn before(&self, offset: i64) -> u64 {
        let span = |from: i64, to: i64| u64::try_from(to.saturating_sub(from)).unwrap_or(0);
        if self.undecided == 0 {
            return span(self.taken, offset);
        }
        self.undecided.min(span(self.first_undecided, offset)) + span(self.taken, offset)
    }
}

/// What a lane is taken to decide a second before it has shown what it can.
pub const ASSUMED_RATE: f64 = 500.0;

impl LaneStanding {
    /// For an order at this place, or one that would be written there.
    pub fn wait(&self, partition: usize, offset: i64) -> Wait {
        let ahead = self.partitions.get(partition).map_or(0, |own| own.before(offset));
        // Partitions have their turns by the time of intake: about as much of each comes before.
        let others = self.partitions.iter().enumerate().filter(|(number, _)| *number != partition);
        let others: u64 = others.map(|(_, other)| other.before(other.end.max(other.taken)).min(ahead)).sum();
        let rate = if self.rate > 0.0 { self.rate } else { ASSUMED_RATE };
        Wait { ahead, eta_s: ((ahead + others) as f64 / rate).ceil() as u64 }
    }
}

impl Standing {
    pub fn lane(&self, lane: Lane) -> Option<&LaneStanding> {
        self.lanes.iter().find(|standing| standing.lane == lane)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(taken: i64, undecided: u64, first_undecided: i64) -> PartitionStanding {
        PartitionStanding { taken, undecided, first_undecided, end: taken }
    }

    #[test]
    fn what_is_before_an_offset_is_what_is_neither_decided_nor_behind_it() {
        assert_eq!(partition(10, 0, 0).before(10), 0);
        assert_eq!(partition(10, 0, 0).before(14), 4, "written, not taken in");
        assert_eq!(partition(10, 3, 7).before(10), 3);
        assert_eq!(partition(10, 3, 7).before(8), 1);
        assert_eq!(partition(10, 3, 7).before(3), 0, "decided long ago");
        assert_eq!(partition(10, 3, 2).before(12), 5, "holes between the undecided");
    }

    #[test]
    fn other_partitions_take_turns() {
        let partitions = vec![partition(100, 100, 0), partition(1000, 1000, 0), partition(5, 0, 0)];
        let standing = LaneStanding { lane: Lane::High, topic: "t".to_owned(), paused: false, rate: 50.0, partitions };
        assert_eq!(standing.wait(0, 100), Wait { ahead: 100, eta_s: 4 });
        assert_eq!(standing.wait(2, 5), Wait { ahead: 0, eta_s: 0 });
    }
}
