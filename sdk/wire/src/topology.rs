//! Items, locations and channels: facts of their own kinds, joined like any other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ChannelId, Join, LocationId, Money, Sku, Timestamp, Version};

/// What a SKU is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Item {
    pub sku: Sku,
    #[serde(default)]
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// Whether it is sold: what is not is neither held, quoted nor ordered, and lookups show none of it. What is held
    /// already can be confirmed, shipped and returned.
    #[serde(default = "yes")]
    pub active: bool,
    pub version: Version,
    #[serde(default)]
    pub changed_at: Timestamp,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
}

/// A warehouse or store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Location {
    pub location: LocationId,
    #[serde(default)]
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Locations with a lower priority value serve first.
    #[serde(default)]
    pub priority: i32,
    /// Degrees, −90 to 90.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lat: Option<f64>,
    /// Degrees, −180 to 180.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lon: Option<f64>,
    /// A disabled location is ignored.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Whether shoppers can collect here.
    #[serde(default)]
    pub pickup: bool,
    pub version: Version,
    #[serde(default)]
    pub changed_at: Timestamp,
    /// It is gone: a join knows it from "not heard of".
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
}

/// A storefront and the locations that serve it, in serving order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Channel {
    pub channel: ChannelId,
    #[serde(default)]
    pub locations: Vec<LocationId>,
    /// A built-in strategy, the name of a rule, or several rules that rank, separated by commas.
    #[serde(default = "priority")]
    pub allocation: String,
    pub version: Version,
    #[serde(default)]
    pub changed_at: Timestamp,
    /// It is gone: a join knows it from "not heard of".
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
}

fn yes() -> bool {
    true
}

fn priority() -> String {
    "priority".to_owned()
}

impl Join for Item {
    fn version(&self) -> Version {
        self.version
    }
}

impl Join for Location {
    fn version(&self) -> Version {
        self.version
    }
}

impl Join for Channel {
    fn version(&self) -> Version {
        self.version
    }
}
