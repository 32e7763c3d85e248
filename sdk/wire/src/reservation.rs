//! A reservation as callers see it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{ChannelId, LocationId, Sku, Timestamp};

/// held → confirmed → fulfilled, or cancelled, or expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum State {
    Held,
    Confirmed,
    Fulfilled,
    Cancelled,
    Expired,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Confirmed => "confirmed",
            Self::Fulfilled => "fulfilled",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

/// What one location gives to a line. Whole units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Allocation {
    pub location: LocationId,
    pub quantity: i64,
}

/// One line. Whole units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Line {
    pub line: u32,
    pub sku: Sku,
    pub requested: i64,
    /// The quantity that is or was held.
    pub quantity: i64,
    pub confirmed: i64,
    pub fulfilled: i64,
    pub returned: i64,
    pub allocations: Vec<Allocation>,
}

/// A hold with a deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reservation {
    pub id: Uuid,
    pub state: State,
    /// When a hold ends by itself; null once it is confirmed.
    pub expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub order_ref: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelId>,
    pub lines: Vec<Line>,
    /// The strategy or rule that decided the allocations.
    pub allocated_by: String,
}
