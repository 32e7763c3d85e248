//! Checks the folder regularly: polling also notices mounted folders, and those that are swapped by a link.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    thread,
    time::{Duration, SystemTime},
};

use crate::registry::loader::Loader;

/// Changes when any file in the folder, or in a folder within it, changes.
pub(crate) type Stamp = Vec<(PathBuf, Option<SystemTime>, u64)>;

pub(crate) fn stamp(dir: &Path) -> Stamp {
    let mut stamp = Stamp::new();
    add(dir, true, &mut stamp);
    stamp.sort();
    stamp
}

fn add(dir: &Path, deeper: bool, stamp: &mut Stamp) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for file in entries.flatten().map(|entry| entry.path()) {
        // Follows links, as reading does.
        let Ok(about) = fs::metadata(&file) else { continue };
        if about.is_dir() && deeper {
            add(&file, false, stamp);
        } else if about.is_file() {
            stamp.push((file, about.modified().ok(), about.len()));
        }
    }
}

/// Starts the thread that checks the folder; it ends with the loader.
pub(crate) fn start(loader: &Arc<Loader>, dir: &Path, every: Duration, seen: Stamp) -> io::Result<()> {
    let (loader, dir) = (Arc::downgrade(loader), dir.to_owned());
    thread::Builder::new().name("rules-watch".into()).spawn(move || watch(&loader, &dir, every, seen))?;
    Ok(())
}

fn watch(loader: &Weak<Loader>, dir: &Path, every: Duration, mut seen: Stamp) {
    loop {
        thread::sleep(every);
        let Some(loader) = loader.upgrade() else { return };
        // Taken before the files are read, so that a change meanwhile is noticed the next time.
        let now = stamp(dir);
        if now == seen {
            continue;
        }
        seen = now;
        for error in loader.reload().err().into_iter().flatten() {
            tracing::error!(%error, "a release can't be used; the rule keeps the one that it has");
        }
    }
}
