//! A release: its files, who has signed it, and whether it is newer than what was in use.

/// Why a release cannot be used.
pub(crate) mod fault;
/// Names of rules and of their files.
pub(crate) mod name;
/// The settings beside a component.
pub(crate) mod settings;
/// A release in a folder.
pub(crate) mod package;
/// What a signature says about a release.
pub(crate) mod statement;
/// Signing, and judging a signature.
pub(crate) mod signature;
/// The newest release that each rule has had in use.
pub(crate) mod marks;
