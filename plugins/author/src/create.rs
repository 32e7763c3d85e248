//! `onhand rule new`: a small complete project.

use std::{
    fs,
    path::{Path, PathBuf},
};

use onhand_rules::World;

use crate::{
    Lang,
    error::{At, AuthorError},
    template,
};

/// Names become file names, here and in `rules.dir`.
pub(crate) fn check_name(name: &str) -> Result<(), AuthorError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.len() > 64 || !name.chars().all(plain) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(AuthorError::Name(name.to_owned()));
    }
    Ok(())
}

/// Writes the project into `parent/NAME` and returns that folder.
///
/// # Errors
/// If the name can't be a rule's, or the folder exists.
pub fn create(parent: &Path, name: &str, world: World, lang: Lang) -> Result<PathBuf, AuthorError> {
    check_name(name)?;
    let dir = parent.join(name);
    if dir.exists() {
        return Err(AuthorError::Exists(dir));
    }
    for (path, text) in template::files(name, world, lang) {
        let file = dir.join(path);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).at(folder)?;
        }
        fs::write(&file, text).at(&file)?;
    }
    Ok(dir)
}
