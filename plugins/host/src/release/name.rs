//! Names of rules and of their files.

use std::{ffi::OsStr, path::Path};

use crate::release::fault::LoadFault;

/// The rule that a file belongs to, and whether the file is to run beside the release in use.
pub(crate) fn named(file: &Path) -> Result<(String, bool), LoadFault> {
    let stem = file.file_stem().and_then(OsStr::to_str).unwrap_or_default();
    let (name, next) = stem.strip_suffix(".next").map_or((stem, false), |name| (name, true));
    check_name(name)?;
    Ok((name.to_owned(), next))
}

/// Whether a rule may have this name.
pub fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    name.len() <= 64 && name.chars().all(plain) && name.starts_with(|c: char| c.is_ascii_alphanumeric())
}

pub(crate) fn check_name(name: &str) -> Result<(), LoadFault> {
    if is_name(name) { Ok(()) } else { Err(LoadFault::Name) }
}
