//! Items, locations and channels.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Check,
    limit::{check_degrees, check_optional_text, check_required_text, check_text},
};
#[cfg(feature = "openapi")]
use crate::schema;
use crate::{LocationId, Money, Problem, limits};

/// `PUT /inventory/products/{sku}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PutItem {
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::text))]
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::optional_text))]
    pub brand: Option<String>,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::attributes))]
    pub attributes: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// Whether it is sold: what is not is neither held, quoted nor ordered, and lookups show none of it. What is held
    /// already can be confirmed, shipped and returned.
    #[serde(default = "yes")]
    pub active: bool,
}

impl Check for PutItem {
    fn check(&self) -> Result<(), Problem> {
        check_required_text("name", &self.name)?;
        check_optional_text("brand", self.brand.as_ref())?;
        if self.attributes.len() > limits::ATTRIBUTES {
            return Err(Problem::field("attributes", format!("at most {} attributes", limits::ATTRIBUTES)));
        }
        for (name, text) in &self.attributes {
            check_required_text("attributes", name)?;
            check_text(&format!("attributes.{name}"), text)?;
        }
        Ok(())
    }
}

/// `PUT /inventory/locations/{id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PutLocation {
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::text))]
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::optional_text))]
    pub region: Option<String>,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::priority))]
    pub priority: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::latitude))]
    pub lat: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::longitude))]
    pub lon: Option<f64>,
    #[serde(default = "yes")]
    pub enabled: bool,
    #[serde(default)]
    pub pickup: bool,
}

impl PutLocation {
    /// An enabled location with a name and nothing else.
    pub fn named(name: impl Into<String>) -> Self {
        let (name, enabled) = (name.into(), true);
        Self { name, region: None, priority: 0, lat: None, lon: None, enabled, pickup: false }
    }
}

impl Check for PutLocation {
    fn check(&self) -> Result<(), Problem> {
        check_required_text("name", &self.name)?;
        check_optional_text("region", self.region.as_ref())?;
        check_degrees("lat", self.lat, 90.0)?;
        check_degrees("lon", self.lon, 180.0)
    }
}

/// `PUT /inventory/channels/{id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PutChannel {
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::channel_locations))]
    pub locations: Vec<LocationId>,
    #[serde(default = "priority")]
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::allocation))]
    pub allocation: String,
}

impl Check for PutChannel {
    fn check(&self) -> Result<(), Problem> {
        if self.locations.len() > limits::LOCATIONS {
            return Err(Problem::field("locations", format!("at most {} locations", limits::LOCATIONS)));
        }
        let mut seen = std::collections::BTreeSet::new();
        match self.locations.iter().find(|location| !seen.insert(*location)) {
            Some(twice) => Err(Problem::field("locations", format!("{twice} is named twice"))),
            None => Ok(()),
        }
    }
}

fn yes() -> bool {
    true
}

fn priority() -> String {
    "priority".to_owned()
}
