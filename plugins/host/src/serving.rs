//! How edge and origin call the rules in force.

/// The handle: one call of one rule.
pub(crate) mod rules;
/// Which locations serve a line, by strategy, rule or ranks.
pub(crate) mod share_out;
