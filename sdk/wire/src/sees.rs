//! Whose reservations a call sees.

use serde::{Deserialize, Serialize};

/// Whose reservations a call sees; for it, no others exist.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Sees {
    #[default]
    All,
    /// Reservations that were made with this value of the owner's claim.
    Of(String),
}

impl Sees {
    /// Whether a reservation made with `owner` is seen.
    pub fn includes(&self, owner: Option<&str>) -> bool {
        self.only().is_none_or(|own| owner == Some(own))
    }

    /// The one owner whose reservations the call sees; `None` if it sees everybody's.
    pub fn only(&self) -> Option<&str> {
        match self {
            Self::All => None,
            Self::Of(owner) => Some(owner),
        }
    }
}
