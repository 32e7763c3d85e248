//! `onhand plugin sign`: who releases a component.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::error::{At, AuthorError};

/// Writes `NAME.wasm.sig` beside `NAME.wasm` (`NAME.next.wasm` is signed for `NAME`) and answers its path.
///
/// # Errors
/// If a file can't be read or written, or the key is none.
pub fn sign(component: &Path, key: &Path) -> Result<PathBuf, AuthorError> {
    let stem = component.file_stem().unwrap_or_default().to_string_lossy();
    let name = stem.strip_suffix(".next").unwrap_or(&stem);
    let (bytes, pem) = (fs::read(component).at(component)?, fs::read_to_string(key).at(key)?);
    let signature = onhand_rules::sign(name, &bytes, &pem)
        .map_err(|error| AuthorError::Invalid { file: key.to_owned(), fault: error.to_string() })?;
    let file = component.with_extension("wasm.sig");
    fs::write(&file, signature + "\n").at(&file)?;
    Ok(file)
}
