//! What becomes of a reservation: extend, confirm, cancel, fulfil, return, reallocate.

use serde::{Deserialize, Serialize};

use super::{
    Check,
    limit::{check_count, check_lines_once, check_optional_text, check_positive},
    reservations::check_ttl,
};
#[cfg(feature = "openapi")]
use crate::schema;
use crate::{LocationId, Problem, Quantity, limits};

/// `POST …/extend`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Extend {
    /// Seconds from now, 1 to 2,678,400.
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::ttl_s))]
    pub ttl_s: u32,
}

impl Check for Extend {
    fn check(&self) -> Result<(), Problem> {
        check_ttl(self.ttl_s)
    }
}

/// Part of a reservation's line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LineQuantity {
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::line))]
    pub line: u32,
    pub quantity: Quantity,
}

/// `POST …/confirm`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::confirmed_lines))]
    pub lines: Option<Vec<LineQuantity>>,
}

impl Check for Confirm {
    fn check(&self) -> Result<(), Problem> {
        let Some(lines) = &self.lines else { return Ok(()) };
        check_count("lines", lines.len(), limits::RESERVATION_LINES)?;
        check_lines_once(lines.iter().map(|line| line.line))
    }
}

/// `POST …/cancel`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::optional_text))]
    pub reason: Option<String>,
}

impl Check for Cancel {
    fn check(&self) -> Result<(), Problem> {
        check_optional_text("reason", self.reason.as_ref())
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FulfilLine {
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::line))]
    pub line: u32,
    /// 1 or more.
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::positive))]
    pub quantity: Quantity,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<LocationId>,
}

/// `POST …/fulfil`; without lines, everything that is left ships.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Fulfil {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::fulfilled_lines))]
    pub lines: Option<Vec<FulfilLine>>,
}

impl Check for Fulfil {
    fn check(&self) -> Result<(), Problem> {
        let Some(lines) = &self.lines else { return Ok(()) };
        check_count("lines", lines.len(), limits::RESERVATION_LINES)?;
        for (index, line) in lines.iter().enumerate() {
            check_positive(&format!("lines[{index}].quantity"), line.quantity)?;
        }
        Ok(())
    }
}

/// `POST …/return`: shipped goods back on hand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Return {
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::returned_lines))]
    pub lines: Vec<LineQuantity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<LocationId>,
}

impl Check for Return {
    fn check(&self) -> Result<(), Problem> {
        check_count("lines", self.lines.len(), limits::RESERVATION_LINES)?;
        for (index, line) in self.lines.iter().enumerate() {
            check_positive(&format!("lines[{index}].quantity"), line.quantity)?;
        }
        Ok(())
    }
}

/// `POST …/reallocate`: some of a line is to come from another location.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Reallocate {
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::line))]
    pub line: u32,
    pub from: LocationId,
    pub to: LocationId,
    /// 1 or more.
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::positive))]
    pub quantity: Quantity,
}

impl Check for Reallocate {
    fn check(&self) -> Result<(), Problem> {
        if self.from == self.to {
            return Err(Problem::field("to", "must differ from `from`"));
        }
        check_positive("quantity", self.quantity)
    }
}
