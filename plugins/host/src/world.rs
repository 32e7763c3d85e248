//! The worlds: what a rule of each kind is asked, what it answers, and whether its answer is allowed. Plain types and
//! checks; nothing here knows WebAssembly.

use serde::{Deserialize, Serialize};

/// Limits of a call's input and output.
pub(crate) mod limits;
/// Why a call failed.
pub(crate) mod fault;

/// The worlds `allocation` and `ranking`.
pub(crate) mod allocation;
/// The world `pricing`.
pub(crate) mod pricing;
/// The world `view`.
pub(crate) mod view;

/// A call's input and its answer, whatever the world.
pub(crate) mod call;
/// A call that was kept, as JSON.
pub(crate) mod captured;
/// An input with its expected answer.
pub(crate) mod fixture;

#[cfg(fuzzing)]
pub mod fuzzing;
#[cfg(test)]
mod properties;

/// What a rule decides. An allocation rule may be asked for its ranks, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum World {
    View,
    Allocation,
    Ranking,
    Pricing,
}

impl World {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Allocation => "allocation",
            Self::Ranking => "ranking",
            Self::Pricing => "pricing",
        }
    }

    /// Whether channels pick their rule by name, rather than rules their channels.
    pub(crate) fn by_name(self) -> bool {
        matches!(self, Self::Allocation | Self::Ranking)
    }
}

impl std::fmt::Display for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
