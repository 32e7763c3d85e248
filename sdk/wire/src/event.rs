//! The change feed's records: keys and MessagePack values.
//!
//! Values are maps with names, never arrays: `{"v":1,"kind":…}` and the fields of that kind. Readers ignore unknown
//! names, and use a default for absent ones. `tests/golden` pins the bytes.

use serde::{Deserialize, Serialize};

use crate::{Channel, Fact, Item, Location, Sku, Timestamp, partition};

/// The topic's default name.
pub const STOCK_CHANGES: &str = "onhand.stock-changes";
/// The key of watermarks, in every partition.
pub const WATERMARK_KEY: &str = "watermark";
const V: u8 = 1;

/// The time through which a feed is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watermark {
    /// Every change committed before this time has been published before this record.
    pub t: Timestamp,
    /// The database's clock when the round's heartbeat was written.
    pub s: Timestamp,
    pub term: u16,
    /// The oldest term whose facts still count.
    #[serde(default)]
    pub good_since: u16,
    /// How many partitions the round wrote to.
    pub partitions: i32,
}

/// One record of the feed.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    Fact(Fact),
    Item(Item),
    Location(Location),
    Channel(Channel),
    Watermark(Watermark),
}

/// A value that cannot be decoded: counted, logged and skipped by readers, never fatal.
#[derive(Debug, thiserror::Error)]
pub enum Undecodable {
    #[error("not a record of the change feed: {0}")]
    Malformed(#[from] rmp_serde::decode::Error),
    #[error("unknown kind {0:?}")]
    UnknownKind(String),
}

#[derive(Serialize)]
struct Tagged<'a, T> {
    v: u8,
    kind: &'a str,
    #[serde(flatten)]
    body: &'a T,
}

#[derive(Deserialize)]
struct Tag {
    kind: String,
}

impl Change {
    fn kind(&self) -> &'static str {
        match self {
            Self::Fact(_) => "fact",
            Self::Item(_) => "item",
            Self::Location(_) => "location",
            Self::Channel(_) => "channel",
            Self::Watermark(_) => "watermark",
        }
    }

    /// The record's key: compaction keeps one record of each.
    pub fn key(&self) -> String {
        match self {
            Self::Fact(fact) => [fact.location.as_str(), "/", fact.sku.as_str()].concat(),
            Self::Item(item) => ["/", item.sku.as_str()].concat(),
            Self::Location(location) => [location.location.as_str(), "/"].concat(),
            Self::Channel(channel) => ["@", channel.channel.as_str()].concat(),
            Self::Watermark(_) => WATERMARK_KEY.to_owned(),
        }
    }

    fn sku(&self) -> Option<&Sku> {
        match self {
            Self::Fact(fact) => Some(&fact.sku),
            Self::Item(item) => Some(&item.sku),
            _ => None,
        }
    }

    /// The partition that the producer writes to: chosen by SKU; topology goes to 0.
    pub fn partition(&self, partitions: i32) -> i32 {
        self.sku().map_or(0, |sku| partition::of(sku.as_str(), partitions))
    }

    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Fact(body) => tagged(self.kind(), body),
            Self::Item(body) => tagged(self.kind(), body),
            Self::Location(body) => tagged(self.kind(), body),
            Self::Channel(body) => tagged(self.kind(), body),
            Self::Watermark(body) => tagged(self.kind(), body),
        }
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Undecodable> {
        let tag: Tag = rmp_serde::from_slice(bytes)?;
        Ok(match tag.kind.as_str() {
            "fact" => Self::Fact(rmp_serde::from_slice(bytes)?),
            "item" => Self::Item(rmp_serde::from_slice(bytes)?),
            "location" => Self::Location(rmp_serde::from_slice(bytes)?),
            "channel" => Self::Channel(rmp_serde::from_slice(bytes)?),
            "watermark" => Self::Watermark(rmp_serde::from_slice(bytes)?),
            _ => return Err(Undecodable::UnknownKind(tag.kind)),
        })
    }
}

fn tagged<T: Serialize>(kind: &str, body: &T) -> Vec<u8> {
    rmp_serde::to_vec_named(&Tagged { v: V, kind, body }).expect("plain data encodes")
}
