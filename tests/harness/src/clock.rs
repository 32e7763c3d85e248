//! A wall clock that jumps, for one process: libfaketime.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{Error, scratch::Scratch};

/// The file that libfaketime reads each time, so that all processes of a server jump together. The monotonic clock does
/// not change, as in a real jump.
pub struct Clock {
    library: PathBuf,
    file: PathBuf,
    _scratch: Scratch,
}

impl Clock {
    /// A correct clock, until it jumps.
    pub fn new() -> Result<Self, Error> {
        let library = library()?;
        let scratch = Scratch::new()?;
        let file = scratch.file("clock", "+0\n")?;
        Ok(Self { library, file, _scratch: scratch })
    }

    /// From now on the clock is this many seconds ahead of the machine's clock, or behind it.
    pub fn jump(&self, seconds: i64) {
        // Renamed into place, because half a number is a time, too.
        let new = self.file.with_extension("new");
        let written = fs::write(&new, format!("{seconds:+}\n")).and_then(|()| fs::rename(&new, &self.file));
        written.unwrap_or_else(|error| panic!("{}: {error}", self.file.display()));
    }

    pub(crate) fn env(&self) -> Vec<(String, String)> {
        let own = |path: &Path| path.to_string_lossy().into_owned();
        let env = [
            ("LD_PRELOAD", own(&self.library)),
            ("FAKETIME_TIMESTAMP_FILE", own(&self.file)),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        env.map(|(name, value)| (name.to_owned(), value)).into()
    }
}

/// The variant for programs with threads, wherever Debian's package has put it.
fn library() -> Result<PathBuf, Error> {
    let dirs = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found = dirs.map(|dir| dir.join("faketime/libfaketimeMT.so.1"));
    let missing = || Error::Missing {
        what: "libfaketime".to_owned(),
        install: "apt-get install -y faketime   (or tests/setup.sh, which installs all that the tests need)".to_owned(),
    };
    found.find(|path| path.is_file()).ok_or_else(missing)
}
