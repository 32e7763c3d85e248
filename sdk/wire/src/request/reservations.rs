//! Holding stock.

use serde::{Deserialize, Serialize};

use super::{
    Check,
    limit::{check_count, check_degrees, check_optional_text, check_positive},
};
#[cfg(feature = "openapi")]
use crate::schema;
use crate::{ChannelId, LocationId, Problem, Quantity, Sku, limits};

/// Where the goods go; rules and the `nearest` strategy use it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// ISO 3166-1, two capital letters.
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::country))]
    pub country: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::optional_text))]
    pub postcode: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::latitude))]
    pub lat: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::longitude))]
    pub lon: Option<f64>,
}

impl Destination {
    pub(super) fn check(&self) -> Result<(), Problem> {
        if self.country.len() != 2 || !self.country.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(Problem::field("destination.country", "two capital letters, like GB"));
        }
        check_optional_text("destination.postcode", self.postcode.as_ref())?;
        check_degrees("destination.lat", self.lat, 90.0)?;
        check_degrees("destination.lon", self.lon, 180.0)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct HoldLine {
    pub sku: Sku,
    /// 1 or more.
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::positive))]
    pub quantity: Quantity,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<LocationId>,
}

/// Whether a hold is all or nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HoldPolicy {
    #[default]
    All,
    Partial,
}

/// `POST /v1/reservations`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Hold {
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::hold_lines))]
    pub lines: Vec<HoldLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<Destination>,
    /// Seconds, 1 to 2,678,400.
    #[serde(default = "ttl_default")]
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::ttl_s_default))]
    pub ttl_s: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::optional_text))]
    pub order_ref: Option<String>,
    #[serde(default)]
    pub policy: HoldPolicy,
}

/// `PUT /v1/reservations/{id}/lines`: what a hold holds from now on, all of it or nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SetLines {
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::hold_lines))]
    pub lines: Vec<HoldLine>,
    /// For rules and the `nearest` strategy: it is not kept with the reservation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<Destination>,
}

impl Check for SetLines {
    fn check(&self) -> Result<(), Problem> {
        check_lines(&self.lines)?;
        self.destination.as_ref().map_or(Ok(()), Destination::check)
    }
}

fn check_lines(lines: &[HoldLine]) -> Result<(), Problem> {
    check_count("lines", lines.len(), limits::RESERVATION_LINES)?;
    for (index, line) in lines.iter().enumerate() {
        check_positive(&format!("lines[{index}].quantity"), line.quantity)?;
    }
    Ok(())
}

fn ttl_default() -> u32 {
    limits::TTL_DEFAULT_S
}

pub(super) fn check_ttl(ttl_s: u32) -> Result<(), Problem> {
    if (1..=limits::TTL_S).contains(&ttl_s) {
        return Ok(());
    }
    Err(Problem::field("ttl_s", format!("seconds from 1 to {}", limits::TTL_S)))
}

impl Hold {
    /// All or nothing, for the default time.
    pub fn of(lines: Vec<HoldLine>) -> Self {
        Self {
            lines,
            channel: None,
            destination: None,
            ttl_s: ttl_default(),
            order_ref: None,
            policy: HoldPolicy::default(),
        }
    }
}

impl Check for Hold {
    fn check(&self) -> Result<(), Problem> {
        check_lines(&self.lines)?;
        check_ttl(self.ttl_s)?;
        check_optional_text("order_ref", self.order_ref.as_ref())?;
        self.destination.as_ref().map_or(Ok(()), Destination::check)
    }
}
