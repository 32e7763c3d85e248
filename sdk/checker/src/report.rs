//! The checker's result.

use std::fmt;

use onhand_wire::{Timestamp, Version};
use serde::Serialize;

use crate::told::Key;

/// How much was checked, and how much was wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Acknowledged versions of a key.
    pub writes: u64,
    pub answers: u64,
    /// How many of these were marked `Onhand-Stale`.
    pub stale: u64,
    /// Comparisons of shown versions with an acknowledgement or an earlier answer.
    pub compared: u64,
    pub violations: u64,
}

impl Figures {
    /// What was added since `before`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            writes: self.writes - earlier.writes,
            answers: self.answers - earlier.answers,
            stale: self.stale - earlier.stale,
            compared: self.compared - earlier.compared,
            violations: self.violations - earlier.violations,
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { writes, answers, stale, compared, violations } = self;
        write!(f, "{answers} answers checked ({stale} marked stale), {writes} writes, {compared} comparisons, ")?;
        write!(f, "{violations} violations")
    }
}

/// Something that the contract rules out, with the details needed to find its cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// `unearned`, `went_back`, or one of the caller's own rules.
    pub rule: &'static str,
    pub node: String,
    pub sku: String,
    pub location: String,
    /// `0.0` if nothing was shown.
    pub shown: String,
    pub as_of: Timestamp,
    pub what: String,
}

impl Violation {
    pub fn new(rule: &'static str, node: &str, key: &Key, as_of: Timestamp, shown: Version, what: String) -> Self {
        let (sku, location) = (key.0.to_string(), key.1.to_string());
        Self { rule, node: node.to_owned(), sku, location, shown: shown.to_string(), as_of, what }
    }

    pub(crate) fn unearned(
        node: &str,
        key: &Key,
        as_of: Timestamp,
        shown: Version,
        acknowledged: Version,
        at: Timestamp,
    ) -> Self {
        let what = format!("{acknowledged} had been acknowledged as of {at}");
        Self::new("unearned", node, key, as_of, shown, what)
    }

    pub(crate) fn went_back(node: &str, key: &Key, as_of: Timestamp, shown: Version, before: Version) -> Self {
        Self::new("went_back", node, key, as_of, shown, format!("it had shown {before} before"))
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, node, sku, location, shown, as_of, what } = self;
        write!(f, "{rule}: {node} as of {as_of} showed {sku} at {location} in version {shown}; {what}")
    }
}

/// Figures, and the first violations in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    #[serde(flatten)]
    pub figures: Figures,
    pub first: Vec<Violation>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.figures)?;
        self.first.iter().try_for_each(|violation| write!(f, "\n  {violation}"))?;
        match self.figures.violations.saturating_sub(self.first.len() as u64) {
            0 => Ok(()),
            more => write!(f, "\n  … and {more} more"),
        }
    }
}
