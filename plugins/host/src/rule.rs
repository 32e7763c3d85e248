//! One release of a rule at work: prepared, called, and what its calls came to.

/// Metrics of all rules.
pub(crate) mod meter;
/// Lets now and then one of many log lines through.
mod throttle;
/// What the calls of one release came to.
pub(crate) mod statistics;
/// Failing calls, kept as files.
mod samples;
/// A release that takes calls.
pub(crate) mod running;
/// From a package to a release that takes calls.
pub(crate) mod prepare;
/// A component alone, for its author.
pub(crate) mod trial;
