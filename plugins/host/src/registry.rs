//! Which releases of which rules are in force, and how that changes: through the folder, through announcements, or
//! because a release fails too often.

/// One rule's place, and all places together.
pub(crate) mod slot;
/// The places in force, and how they are swapped.
pub(crate) mod in_force;
/// Releases that run beside the one in use.
pub(crate) mod shadow;
/// How a check of the folder changes the rules in force.
mod placing;
/// The pushed releases of each rule.
pub(crate) mod pushed;
/// Pushed releases as files, for the next start.
mod cache;

/// From files and pushed releases to rules in force.
pub(crate) mod loader;
/// Checks the folder regularly.
pub(crate) mod watch;
/// How pushed releases come into use.
mod taking_on;
/// Follows the announcements of pushed releases.
pub(crate) mod follow;
/// Whether a release could be used.
pub(crate) mod check;
/// What runs, for operators.
pub(crate) mod report;
