//! Why a command of an author fails. Each message says what to do.

use std::{io, path::PathBuf};

use onhand_rules::ComponentizeError;

#[derive(Debug, thiserror::Error)]
pub enum AuthorError {
    #[error("{}: {source}", file.display())]
    File { file: PathBuf, source: io::Error },
    #[error("{0:?} can't name a rule: 1 to 64 of a-z 0-9 and -, starting with a letter")]
    Name(String),
    #[error("{} exists already; choose another name or folder", .0.display())]
    Exists(PathBuf),
    #[error("{}: no rule.toml; run this in a rule's folder (`onhand rule new` makes one), or name it with --dir", .0.display())]
    NoProject(PathBuf),
    #[error("{}: {fault}", file.display())]
    Invalid { file: PathBuf, fault: String },
    /// A tool of the language is missing.
    #[error("{what}. Run this, then try again:\n    {install}")]
    Missing { what: String, install: String },
    #[error("`{command}` failed (see above)")]
    Tool { command: String },
    #[error(transparent)]
    Component(#[from] ComponentizeError),
    #[error("the C bindings can't be written: {0}")]
    Bindings(String),
    #[error("{}: not built yet; run `onhand rule build`", .0.display())]
    NotBuilt(PathBuf),
    #[error("{}: no fixtures (*.json)", .0.display())]
    NoFixtures(PathBuf),
}

/// Adds the file's name to an I/O error.
pub(crate) trait At<T> {
    fn at(self, file: impl Into<PathBuf>) -> Result<T, AuthorError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, file: impl Into<PathBuf>) -> Result<T, AuthorError> {
        self.map_err(|source| AuthorError::File { file: file.into(), source })
    }
}
