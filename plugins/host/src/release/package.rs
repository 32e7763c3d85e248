//! A release in the folder: a component, its settings, its signature and its fixtures.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use onhand_http::setting::Size;
use onhand_wire::release::Release;

use crate::{
    config::Config,
    release::{
        fault::{LoadError, LoadFault},
        name::named,
        settings::ReleaseSettings,
    },
    world::fixture,
};

/// A release whose settings have been read and whose size is allowed; nothing else has been checked.
pub(crate) struct Package {
    pub(crate) release: Release,
    pub(crate) settings: ReleaseSettings,
    /// SHA-256 over all of it.
    pub(crate) identity: String,
}

impl Package {
    /// `next`: it is to run beside the release in use.
    pub(crate) fn of(config: &Config, release: Release, next: bool) -> Result<Self, LoadFault> {
        let settings = ReleaseSettings::parse(&release.settings, next).map_err(LoadFault::Settings)?;
        let (size, most) = (release.component.len() as u64, allowed(config, &settings)?.0);
        if size > most {
            return Err(LoadFault::TooLarge { size, most });
        }
        Ok(Self { identity: release.digest(), release, settings })
    }
}

/// One `NAME.wasm` or `NAME.next.wasm`.
pub(crate) struct FoundRelease {
    pub(crate) name: String,
    /// Whether it runs beside the release in use.
    pub(crate) next: bool,
    pub(crate) file: PathBuf,
    pub(crate) package: Result<Arc<Package>, LoadFault>,
}

/// Every component of the folder, by name, releases in use before those beside them.
pub(crate) fn folder(config: &Config) -> Result<Vec<FoundRelease>, LoadError> {
    let dir = Path::new(&config.dir);
    let entries: io::Result<Vec<_>> =
        fs::read_dir(dir).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut files = entries.map_err(|error| LoadFault::Read(error).of(dir))?;
    files.retain(|file| file.extension() == Some(OsStr::new("wasm")));
    let mut found = files.into_iter().map(|file| one(config, file)).collect::<Result<Vec<_>, _>>()?;
    found.sort_by(|a, b| (&a.name, a.next).cmp(&(&b.name, b.next)));
    Ok(found)
}

fn one(config: &Config, file: PathBuf) -> Result<FoundRelease, LoadError> {
    let (name, next) = named(&file).map_err(|fault| fault.of(&file))?;
    let package = read(config, &file, next).and_then(|release| Package::of(config, release, next));
    Ok(FoundRelease { name, next, package: package.map(Arc::new), file })
}

/// Reads a component with the files beside it; a component that is larger than its settings allow is not read.
fn read(config: &Config, file: &Path, next: bool) -> Result<Release, LoadFault> {
    let path = file.with_extension("toml");
    let settings = optional(&path)?.unwrap_or_default();
    let at_fault = |what| LoadFault::Settings(format!("{} beside it: {what}", path.display()));
    let (size, most) =
        (fs::metadata(file)?.len(), allowed(config, &ReleaseSettings::parse(&settings, next).map_err(at_fault)?)?.0);
    if size > most {
        return Err(LoadFault::TooLarge { size, most });
    }
    let (component, signature) = (fs::read(file)?, optional(&file.with_extension("wasm.sig"))?);
    let mut fixtures = fixture::texts(&file.with_extension("fixtures"))?;
    if next && fixtures.is_empty() {
        fixtures = fixture::texts(&file.with_extension("").with_extension("fixtures"))?;
    }
    Ok(Release { component, settings, signature, fixtures })
}

/// A release from a folder, its rule, and whether it is to run beside the one in use.
///
/// # Errors
/// What a node with this configuration would say about the files.
pub fn read_release(config: &Config, file: &Path) -> Result<(String, bool, Release), LoadError> {
    let of = |fault: LoadFault| fault.of(file);
    let (name, next) = named(file).map_err(of)?;
    Ok((name, next, read(config, file, next).map_err(of)?))
}

/// How large the component's file may be; the release may raise this up to the operator's cap.
pub(crate) fn allowed(config: &Config, settings: &ReleaseSettings) -> Result<Size, LoadFault> {
    let most = config.component_size.max(config.max_component_size);
    match settings.limits.component_size {
        Some(asked) if asked > most => Err(LoadFault::asks("component_size", asked, most)),
        Some(asked) => Ok(asked),
        None => Ok(config.component_size),
    }
}

fn optional(file: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
