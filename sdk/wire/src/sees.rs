//! Whose reservations a call sees.

use serde::{Deserialize, Serialize};

/// Whose reservations are seen; all others are as if they did not exist.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Sees {
    #[default]
    All,
    /// Those that were made with this value of the owner's claim.
    Of(String),
}

impl Sees {
    /// Whether a reservation made with `owner` is seen.
    pub fn includes(&self, owner: Option<&str>) -> bool {
        self.only().is_none_or(|own| owner == Some(own))
    }

    /// The one owner whose reservations are seen; none: everybody's are.
    pub fn only(&self) -> Option<&str> {
        match self {
            Self::All => None,
            Self::Of(owner) => Some(owner),
        }
    }
}
