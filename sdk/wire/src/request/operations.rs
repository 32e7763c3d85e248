//! Maintenance mode.

use serde::Deserialize;

use super::{Check, limit::check_optional_text};
use crate::Problem;

/// `POST /inventory/admin/maintenance`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    #[serde(rename = "maintenanceMode")]
    pub maintenance_mode: bool,
    #[serde(default)]
    pub message: Option<String>,
}

impl Check for Maintenance {
    fn check(&self) -> Result<(), Problem> {
        check_optional_text("message", self.message.as_ref())
    }
}
