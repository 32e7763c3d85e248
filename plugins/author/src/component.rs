//! A component's file and the files beside it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use onhand_rules::{Config, LoadFault, Trial, Trials};

use crate::error::{At, AuthorError};

/// A call gets this time instead of its deadline, so that a slow call still shows its answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Above this many bytes the author is warned that compiling takes a while: some seconds for each MiB.
const LARGE: usize = 1 << 20;

pub(crate) struct Component {
    pub(crate) file: PathBuf,
    name: String,
    pub(crate) bytes: Vec<u8>,
    /// The text of its NAME.toml; empty if there is none.
    beside: String,
}

impl Component {
    pub(crate) fn read(file: &Path) -> Result<Self, AuthorError> {
        let bytes = match fs::read(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(AuthorError::NotBuilt(file.to_owned()));
            }
            bytes => bytes.at(file)?,
        };
        let settings = file.with_extension("toml");
        let beside = match fs::read_to_string(&settings) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text.at(settings)?,
        };
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { file: file.to_owned(), name, bytes, beside })
    }

    /// Compiles it, as a node with this configuration would.
    pub(crate) fn trial(&self, config: &Config) -> Result<Trial, AuthorError> {
        self.of(Trials::new(config))
    }

    /// Compiles it to count instructions.
    pub(crate) fn counting(&self, config: &Config) -> Result<Trial, AuthorError> {
        self.of(Trials::counting(config))
    }

    /// The most bytes that it may have.
    pub(crate) fn room(&self, config: &Config) -> Result<u64, AuthorError> {
        Trials::new(config).and_then(|trials| trials.room(&self.beside)).map_err(|fault| self.refused(fault))
    }

    fn of(&self, trials: Result<Trials, LoadFault>) -> Result<Trial, AuthorError> {
        if self.bytes.len() > LARGE {
            let (file, mib) = (self.file.display(), self.bytes.len() as f64 / f64::from(1 << 20));
            eprintln!("compiling {file} ({mib:.1} MiB; some seconds for each)");
        }
        trials.and_then(|trials| trials.of(&self.name, &self.bytes, &self.beside)).map_err(|fault| self.refused(fault))
    }

    fn refused(&self, fault: LoadFault) -> AuthorError {
        AuthorError::Invalid { file: self.file.clone(), fault: fault.to_string() }
    }
}
