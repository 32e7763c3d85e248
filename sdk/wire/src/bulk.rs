//! How an edge talks to the origin: MessagePack, many SKUs in one request.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Channel, Location, Sku, Stock, Timestamp, sees::Sees, session::Session};

/// The media type of loads.
pub const MESSAGEPACK: &str = "application/msgpack";
/// An edge that forwards a write asks for this in `Accept`; problems stay `application/problem+json`.
pub const WRITTEN: &str = "application/vnd.onhand.written+msgpack";
/// Most SKUs in one load.
pub const LOAD_SKUS: usize = 1000;
/// Most SKUs that `GET /internal/api/most-held` names.
pub const MOST_HELD: usize = 100_000;
/// How many it names by default.
pub const MOST_HELD_DEFAULT: usize = 1000;

/// `POST /internal/api/facts`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoadFacts {
    /// At most [`LOAD_SKUS`].
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::schema::load_skus))]
    pub skus: Vec<Sku>,
    /// Leaves this reservation's own holds out of `reserved`. Such facts must not be cached.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::schema::binary_id))]
    pub without: Option<Uuid>,
    /// Whose reservations the edge's caller sees: only a hold of one of these is left out. If this is absent and
    /// reservations have owners (`auth.owner_claim`), no hold is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sees: Option<Sees>,
}

/// Facts of one snapshot, in the order asked; an unknown SKU is an empty [`Stock`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadedFacts {
    /// Read before the snapshot: the answer has every change acknowledged before it.
    pub at: Timestamp,
    pub term: u16,
    #[serde(default)]
    pub good_since: u16,
    pub stocks: Vec<Stock>,
}

/// `GET /internal/api/most-held?limit=N`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MostHeld {
    /// Those with most units in open reservations first, then others by name.
    pub skus: Vec<Sku>,
}

/// `GET /internal/api/topology`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadedTopology {
    pub at: Timestamp,
    pub term: u16,
    #[serde(default)]
    pub good_since: u16,
    pub locations: Vec<Location>,
    pub channels: Vec<Channel>,
}

/// A write's answer, with the facts that the edge joins before it passes the answer on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Written {
    pub status: u16,
    /// Whether this is the first answer again, found by idempotency key.
    pub replayed: bool,
    /// The JSON for the caller: a reservation, or a kept problem.
    pub body: String,
    /// Read after the commit and rounded up: every later answer reflects the write.
    pub as_of: Timestamp,
    pub session: Session,
    pub stocks: Vec<Stock>,
}
