//! The pushed releases that were last in use, as files, so that a start needs neither Kafka nor an origin.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    process,
    sync::Arc,
};

use onhand_wire::release::Release;
use serde::{Deserialize, Serialize};

use crate::{
    config::Config,
    registry::pushed::PushedRules,
    release::{fault::LoadFault, name::named, package::Package},
};

/// The content of a file `NAME.release` or `NAME.next.release`.
#[derive(Serialize, Deserialize)]
struct CachedRelease {
    digest: String,
    release: Release,
}

const END: &str = "release";

pub(crate) fn read(config: &Config) -> PushedRules {
    let mut pushed = PushedRules::default();
    if config.cache_dir.is_empty() {
        return pushed;
    }
    let files = fs::read_dir(&config.cache_dir).into_iter().flatten().flatten().map(|entry| entry.path());
    for file in files.filter(|file| file.extension() == Some(OsStr::new(END))) {
        match one(config, &file) {
            Ok((rule, next, package)) => {
                let parts = pushed.0.entry(rule).or_default();
                *(if next { &mut parts.next } else { &mut parts.full }) = Some(Arc::new(package));
            }
            Err(fault) => tracing::warn!(file = %file.display(), %fault, "a kept release was skipped"),
        }
    }
    pushed
}

fn one(config: &Config, file: &Path) -> Result<(String, bool, Package), LoadFault> {
    let (rule, next) = named(file)?;
    let kept: CachedRelease = serde_json::from_slice(&fs::read(file)?).map_err(io::Error::from)?;
    let package = Package::of(config, kept.release, next)?;
    if package.identity != kept.digest {
        return Err(LoadFault::Digest);
    }
    Ok((rule, next, package))
}

/// Keeps the release that is in use now, or removes the file if there is none. A node that can't write goes on without
/// it.
pub(crate) fn keep(config: &Config, rule: &str, next: bool, package: Option<&Package>) {
    if config.cache_dir.is_empty() {
        return;
    }
    let file = Path::new(&config.cache_dir).join(format!("{rule}{}.{END}", if next { ".next" } else { "" }));
    if let Err(error) = write(&file, package) {
        tracing::error!(file = %file.display(), %error, "a release can't be kept: a start without an origin would not have it");
    }
}

/// Writes the whole file or nothing.
fn write(file: &Path, package: Option<&Package>) -> io::Result<()> {
    let Some(package) = package else {
        return match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    };
    fs::create_dir_all(file.parent().unwrap_or(Path::new("")))?;
    let part: PathBuf = file.with_extension(format!("part-{}", process::id()));
    let kept = CachedRelease { digest: package.identity.clone(), release: package.release.clone() };
    fs::write(&part, serde_json::to_vec(&kept)?)?;
    fs::rename(part, file)
}
