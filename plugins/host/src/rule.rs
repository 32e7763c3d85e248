//! One release of a rule: preparing it, calling it, and the results of its calls.

/// Metrics of all rules.
pub(crate) mod meter;
/// Lets one of many log lines through now and then.
mod throttle;
/// The results of one release's calls.
pub(crate) mod statistics;
/// Failed calls, kept as files.
mod samples;
/// A release that takes calls.
pub(crate) mod running;
/// From a package to a release that takes calls.
pub(crate) mod prepare;
/// A component alone, for its author.
pub(crate) mod trial;
