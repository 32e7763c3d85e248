//! What one edge knows about one SKU: `GET /actuator/explain/{sku}`.

use serde::{Deserialize, Serialize};

use crate::{ChannelId, Sku, Stock, Timestamp, availability::Availability};

/// The parts are read in this order, so that they can be judged: `node`, then L2, `recent`, L1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explained {
    pub sku: Sku,
    pub node: Node,
    pub l1: Option<L1>,
    pub recent: Recent,
    pub l2: L2,
    /// Empty while the node holds nothing valid.
    pub shown: Vec<Shown>,
}

/// The node's state just before its tiers were read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    pub region: String,
    pub build: String,
    pub mode: String,
    pub as_of: Option<Timestamp>,
    pub staleness_ms: Option<u64>,
    pub term: u16,
    /// Facts of earlier terms belong to a lost history.
    pub good_since: u16,
    /// The SKU's partition, and the next offset of it that the node will read.
    pub partition: i32,
    pub position: i64,
    /// The topic's id and the history: L2 is valid only under the same.
    pub log: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct L1 {
    pub stock: Stock,
    /// Whether all of it belongs to the valid history.
    pub counts: bool,
    /// Time since it was last written.
    pub age_ms: u64,
}

/// What lately arrived by the feed, a load or a write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recent {
    pub stock: Option<Stock>,
    /// Offset of the last record of the feed that touched the SKU.
    pub fed: Option<i64>,
    /// Loaded facts are removed once `as_of` has passed this time.
    pub loaded_until: Option<Timestamp>,
    /// `recent` has every record of the partition from this offset to the position.
    pub complete_from: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum L2State {
    /// No Redis is configured.
    Off,
    Unreachable,
    /// Redis has no such hash.
    Absent,
    Held,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct L2 {
    pub state: L2State,
    /// Why it is unreachable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The position of the partition's writer: the hash holds every record below that offset.
    pub writer: Option<Writer>,
    /// Whether a lookup would use the hash: same log, readable, and `recent` reaches back to the writer's offset.
    pub counts: bool,
    pub stock: Option<Stock>,
    /// Fields that cannot be read, or that aren't what their names say; the item's own has the name "".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writer {
    pub log: String,
    pub offset: i64,
}

/// What one channel is shown, and what it would be without rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// `None` for a lookup that names no channel.
    pub channel: Option<ChannelId>,
    pub shown: Availability,
    /// Present only where a rule makes a difference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_rule: Option<Availability>,
    /// The rule that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Whether the rule failed, so that the plain facts are shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rule_failed: bool,
}
