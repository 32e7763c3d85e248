//! The greatest sequence that each rule has had in use here: releases that were signed before it are not used again.
//!
//! The marks outlive the process in [`Config::state_dir`], one file, which several nodes of a machine may share: it is
//! read, merged and replaced under a lock. They are raised before a release is used, so a crash between the two costs
//! nothing but an entry that is ahead of what is in use.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    process,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use crate::{
    config::Config,
    release::{fault::LoadFault, signature::Seal, statement::shown},
};

/// How far a sequence may be ahead of this node's clock, since most are times from another clock. A sequence further
/// ahead would lock out every release that is signed with a correct clock.
const AHEAD: Duration = Duration::from_secs(24 * 3600);

const FILE: &str = "rules.marks.json";

pub(crate) struct Marks {
    /// `None` if the marks end with the process.
    file: Option<PathBuf>,
    known: Mutex<KnownMarks>,
}

type KnownMarks = BTreeMap<String, Mark>;

/// The marks of one rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    /// The greatest sequence of all.
    sequence: u64,
    /// The full release with that sequence, or the last one before it. It may come back, for example after a restart.
    #[serde(default)]
    full: Option<UsedRelease>,
    /// The release beside it, unless a later full release has ended that.
    #[serde(default)]
    next: Option<UsedRelease>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct UsedRelease {
    sequence: u64,
    /// SHA-256 of what was signed.
    statement: String,
}

#[derive(Serialize, Deserialize)]
struct MarksFile {
    v: u8,
    rules: KnownMarks,
}

impl UsedRelease {
    fn of(seal: &Seal) -> Self {
        Self { sequence: seal.sequence, statement: seal.statement.clone() }
    }
}

impl Mark {
    fn part(&self, next: bool) -> Option<&UsedRelease> {
        if next { self.next.as_ref() } else { self.full.as_ref() }
    }

    /// A release with this seal is in use from now on. A release that came back by itself lowers nothing.
    fn raise(&mut self, next: bool, seal: &Seal) {
        if seal.sequence <= self.sequence {
            return;
        }
        self.sequence = seal.sequence;
        if next {
            self.next = Some(UsedRelease::of(seal));
        } else {
            (self.full, self.next) = (Some(UsedRelease::of(seal)), None);
        }
    }
}

impl Marks {
    /// Reads the stored marks; with `looks_only` nothing is ever written.
    pub(crate) fn open(config: &Config) -> Result<Self, LoadFault> {
        let file = config.marks_dir().map(|dir| dir.join(FILE));
        let known = match &file {
            Some(file) => read(file).map_err(|error| fault(file, &error))?,
            None => KnownMarks::new(),
        };
        let file = file.filter(|_| !config.looks_only);
        // It is better to learn now that the file can't be written than when a release is swapped in.
        if let Some(file) = &file {
            locked(file).map_err(|error| fault(file, &error))?;
        }
        Ok(Self { file, known: Mutex::new(known) })
    }

    /// Marks that end with the process.
    pub(crate) fn forgotten() -> Self {
        Self { file: None, known: Mutex::default() }
    }

    /// Whether a release may be used now.
    pub(crate) fn judge(&self, rule: &str, next: bool, seal: &Seal) -> Result<(), LoadFault> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mark = known.get(rule).cloned().unwrap_or_default();
        if mark.part(next) == Some(&UsedRelease::of(seal)) {
            return Ok(());
        }
        if seal.sequence <= mark.sequence {
            return Err(LoadFault::Replayed { sequence: shown(seal.sequence), mark: shown(mark.sequence) });
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        if u128::from(seal.sequence) > (now + AHEAD).as_millis() {
            return Err(LoadFault::Ahead(shown(seal.sequence)));
        }
        Ok(())
    }

    /// Marks releases that are about to be used, by rule, whether they run beside, and seal. Full releases come before
    /// those beside them.
    pub(crate) fn raise(&self, used: &[(&str, bool, Seal)]) -> Result<(), LoadFault> {
        self.change(|known| {
            for (rule, next, seal) in used {
                known.entry((*rule).to_owned()).or_default().raise(*next, seal);
            }
        })
    }

    /// From now on no release of the rule is used, and no older signature either.
    pub(crate) fn withdraw(&self, rule: &str, seal: &Seal) -> Result<(), LoadFault> {
        self.change(|known| {
            let mark = known.entry(rule.to_owned()).or_default();
            if seal.sequence > mark.sequence {
                *mark = Mark { sequence: seal.sequence, full: None, next: None };
            }
        })
    }

    /// Changes the marks on disk first, and then in memory.
    fn change(&self, change: impl FnOnce(&mut KnownMarks)) -> Result<(), LoadFault> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut then = known.clone();
        change(&mut then);
        if then == *known {
            return Ok(());
        }
        if let Some(file) = &self.file {
            then = keep(file, then).map_err(|error| fault(file, &error))?;
        }
        *known = then;
        Ok(())
    }
}

fn fault(file: &Path, error: &io::Error) -> LoadFault {
    LoadFault::Marks { file: file.display().to_string(), error: error.to_string() }
}

/// Writes the marks, merged with those that other processes have kept meanwhile.
fn keep(file: &Path, mut known: KnownMarks) -> io::Result<KnownMarks> {
    let _lock = locked(file)?;
    merge(&mut known, read(file)?);
    write(file, &known)?;
    Ok(known)
}

/// Another process may know a greater sequence of a rule.
fn merge(known: &mut KnownMarks, others: KnownMarks) {
    for (rule, other) in others {
        let own = known.entry(rule).or_default();
        if other.sequence > own.sequence {
            *own = other;
        }
    }
}

/// Reads the marks; without a file, no rule has one.
fn read(file: &Path) -> io::Result<KnownMarks> {
    match fs::read(file) {
        Ok(bytes) => Ok(serde_json::from_slice::<MarksFile>(&bytes).map_err(io::Error::from)?.rules),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(KnownMarks::new()),
        Err(error) => Err(error),
    }
}

/// The lock ends with the file's handle. It is a file of its own, because the one with the marks is replaced.
fn locked(file: &Path) -> io::Result<File> {
    let dir = file.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(dir)?;
    let lock = File::options().create(true).truncate(false).write(true).open(file.with_extension("lock"))?;
    lock.lock()?;
    Ok(lock)
}

/// Writes the whole file or nothing; it is on the disk when this returns.
fn write(file: &Path, known: &KnownMarks) -> io::Result<()> {
    let part = file.with_extension(format!("part-{}", process::id()));
    let mut written = File::create(&part)?;
    written.write_all(&serde_json::to_vec_pretty(&MarksFile { v: 1, rules: known.clone() })?)?;
    written.sync_all()?;
    fs::rename(&part, file)?;
    File::open(file.parent().unwrap_or(Path::new("")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(sequence: u64) -> Seal {
        Seal { by: "key".to_owned(), sequence, statement: format!("statement {sequence}") }
    }

    fn marks(dir: &Path) -> Marks {
        Marks::open(&Config { state_dir: dir.display().to_string(), ..Config::default() }).unwrap()
    }

    fn use_now(marks: &Marks, next: bool, sequence: u64) {
        marks.judge("r", next, &seal(sequence)).unwrap();
        marks.raise(&[("r", next, seal(sequence))]).unwrap();
    }

    fn refused(marks: &Marks, next: bool, sequence: u64) -> bool {
        matches!(marks.judge("r", next, &seal(sequence)), Err(LoadFault::Replayed { .. }))
    }

    #[test]
    fn what_is_in_use_stays_and_what_was_signed_before_is_refused_whatever_it_is_for() {
        let dir = tempfile::tempdir().unwrap();
        let first = marks(dir.path());
        use_now(&first, false, 10);
        use_now(&first, true, 12);
        for marks in [first, marks(dir.path())] {
            assert!(!refused(&marks, false, 10) && !refused(&marks, true, 12), "both are in use");
            assert!(refused(&marks, false, 11) && refused(&marks, true, 11), "never used, but signed before 12");
            assert!(refused(&marks, false, 12), "another statement of the same number");
            assert!(refused(&marks, true, 10));
            assert!(marks.judge("other", false, &seal(1)).is_ok());
        }
        let full = marks(dir.path());
        use_now(&full, false, 13);
        assert!(refused(&marks(dir.path()), true, 12), "ended by the full release after it");
    }

    /// A fall back by itself is nobody's statement.
    #[test]
    fn an_older_release_that_comes_back_by_itself_lowers_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let marks = marks(dir.path());
        use_now(&marks, false, 10);
        use_now(&marks, false, 11);
        marks.raise(&[("r", false, seal(10))]).unwrap();
        assert!(refused(&marks, false, 10) && !refused(&marks, false, 11));
    }

    #[test]
    fn after_a_withdrawal_nothing_before_it_counts() {
        let dir = tempfile::tempdir().unwrap();
        let before = marks(dir.path());
        use_now(&before, false, 10);
        before.withdraw("r", &seal(11)).unwrap();
        for marks in [before, marks(dir.path())] {
            assert!(refused(&marks, false, 10) && refused(&marks, false, 11) && !refused(&marks, false, 12));
        }
    }

    #[test]
    fn two_nodes_of_one_machine_lose_none_of_each_others_marks() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (marks(dir.path()), marks(dir.path()));
        use_now(&one, false, 20);
        other.raise(&[("other", false, seal(5))]).unwrap();
        other.raise(&[("r", false, seal(10))]).unwrap();
        let after = marks(dir.path());
        assert!(refused(&after, false, 10) && !refused(&after, false, 20));
        assert!(matches!(after.judge("other", false, &seal(4)), Err(LoadFault::Replayed { .. })));
    }

    #[test]
    fn a_sequence_of_a_clock_that_is_days_ahead_is_refused() {
        let marks = Marks::forgotten();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let at = |ahead: u64| u64::try_from((now + Duration::from_secs(ahead)).as_millis()).unwrap();
        assert!(marks.judge("r", false, &seal(at(3600))).is_ok());
        assert!(matches!(marks.judge("r", false, &seal(at(48 * 3600))), Err(LoadFault::Ahead(_))));
    }

    #[test]
    fn marks_that_cannot_be_read_are_told_and_never_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), "half a fi").unwrap();
        let config = Config { state_dir: dir.path().display().to_string(), ..Config::default() };
        let message = Marks::open(&config).err().unwrap().to_string();
        assert!(message.contains(FILE) && message.contains("backup"), "{message}");
    }
}
