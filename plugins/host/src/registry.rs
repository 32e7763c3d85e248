//! Which releases of which rules are in force, and how that changes: by the folder, by announcements, by failing too
//! often.

/// One rule's place, and all places together.
pub(crate) mod slot;
/// The places in force, and how they are swapped.
pub(crate) mod in_force;
/// Releases that run beside the one in use.
pub(crate) mod shadow;
/// What a look at the folder makes of the rules in force.
mod placing;
/// What was pushed, by rule.
pub(crate) mod pushed;
/// What was pushed, as files, for the next start.
mod cache;

/// From files and pushed releases to rules in force.
pub(crate) mod loader;
/// Looks at the folder now and then.
pub(crate) mod watch;
/// How pushed releases come into use.
mod taking_on;
/// Follows the announcements of pushed releases.
pub(crate) mod follow;
/// Whether a release could be used.
pub(crate) mod check;
/// What runs, for operators.
pub(crate) mod report;
