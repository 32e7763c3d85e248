//! Maintenance mode.

use serde::{Deserialize, Serialize};

use super::{Check, limit::check_optional_text};
use crate::Problem;
#[cfg(feature = "openapi")]
use crate::schema;

/// `POST /inventory/admin/maintenance`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    #[serde(rename = "maintenanceMode")]
    pub maintenance_mode: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::optional_text))]
    pub message: Option<String>,
}

impl Check for Maintenance {
    fn check(&self) -> Result<(), Problem> {
        check_optional_text("message", self.message.as_ref())
    }
}
