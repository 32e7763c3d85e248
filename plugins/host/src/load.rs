//! A release as it stands in the folder: a component, its settings, its signature and its fixtures.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use onhand_wire::{release::Release, setting::Size};

use crate::{
    Config, FixtureError, SignatureError,
    config::{Beside, StageName},
    fixture,
};

/// The file at fault and what is wrong with it. The release is not used; the one in force goes on.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", file.display())]
pub struct LoadError {
    pub file: PathBuf,
    pub fault: LoadFault,
}

impl LoadError {
    /// Whether it was to run beside a release, and is older than what has been in use: left out, it is missed by nobody.
    pub(crate) fn is_ended(&self) -> bool {
        let beside = named(&self.file).is_ok_and(|(_, next)| next);
        beside && matches!(self.fault, LoadFault::Superseded | LoadFault::Replayed { .. })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum LoadFault {
    #[error("can't be read: {0}")]
    Read(#[from] io::Error),
    #[error("the sandbox can't be set up: {0}")]
    Sandbox(io::Error),
    #[error("a rule's name has 1 to 64 characters of A-Z a-z 0-9 _ - and starts with a letter or digit")]
    Name,
    #[error("{0:?} is a built-in strategy; an allocation or ranking rule needs another name")]
    BuiltIn(String),
    #[error("{size} bytes; rules.component_size allows {most}, unless `limits.component_size` beside it asks for more")]
    TooLarge { size: u64, most: u64 },
    #[error("its settings ask for limits.{what} = {asked}; the operator allows {most} at most (rules.max_{what})")]
    Asks { what: &'static str, asked: String, most: String },
    #[error("no signature; `{0}.sig` is missing, and rules.allow_unsigned is false")]
    Unsigned(String),
    #[error("its signature {0}")]
    Signature(SignatureError),
    #[error(
        "its signature has the number {sequence}, and the rule has had {mark} in use: what was signed before is not used \
         again. If this one is meant, sign it anew: `onhand rule sign`, or `onhand rule rollback NAME --key KEY.pem` \
         for one that was pushed"
    )]
    Replayed { sequence: String, mark: String },
    #[error(
        "its signature has the number {0}, more than a day from now; was the clock right where it was signed, and is it \
         here? Sign it anew by a right clock: `onhand rule sign`"
    )]
    Ahead(String),
    #[error("its signature is older than that of the release in use; sign it anew if it is still to run beside it")]
    Superseded,
    #[error(
        "{file}: {error}; it keeps older releases from being used again. Make it readable and writable, name another \
         folder with rules.state_dir, or take the file from a backup; without it, the node takes the releases that it \
         finds for the newest ones"
    )]
    Marks { file: String, error: String },
    #[error(
        "its withdrawal is not signed, and rules.allow_unsigned is false; `onhand rule rollback NAME --key KEY.pem` signs it"
    )]
    UnsignedWithdrawal,
    #[error("rules.trusted_keys: {file}: {error}")]
    Key { file: String, error: SignatureError },
    #[error("a core module, not a component; `onhand rule build` wraps one")]
    CoreModule,
    /// Truncated, no WebAssembly at all, or over a limit of the sandbox.
    #[error("no valid component: {0}")]
    Invalid(String),
    #[error("can't be compiled: {0}")]
    Compile(String),
    #[error("its memory has {has} bytes from the start; it may have {most}")]
    Memory { has: u64, most: u64 },
    #[error(
        "its exports [{0}] are no world that this host runs (onhand:rules@0.1: view, allocation, ranking, pricing)"
    )]
    World(String),
    #[error("can't be linked: {0}")]
    Link(String),
    #[error("{0}")]
    Settings(String),
    #[error("fixture {file}: {error}")]
    Fixture { file: String, error: FixtureError },
    #[error("fixture {file}: it {differs}")]
    SelfTest { file: String, differs: String },
    #[error("a {next} rule, where the release in use is a {full} rule")]
    OtherWorld { next: crate::World, full: crate::World },
    #[error("{0} applies to the same lookups; name different `channels` beside them")]
    Overlap(String),
    #[error("this node runs no rules")]
    NoRules,
    #[error("it is not what its digest says")]
    Digest,
    #[error("the origin does not have it")]
    NotKept,
    #[error("it was announced otherwise than the origin has it, which counts")]
    NotConfirmed,
}

impl LoadFault {
    pub(crate) fn asks(what: &'static str, asked: impl ToString, most: impl ToString) -> Self {
        Self::Asks { what, asked: asked.to_string(), most: most.to_string() }
    }

    pub(crate) fn of(self, file: &Path) -> LoadError {
        LoadError { file: file.to_owned(), fault: self }
    }
}

/// A release whose settings are read and whose size is allowed; nothing else of it is checked.
pub(crate) struct Package {
    pub(crate) release: Release,
    pub(crate) beside: Beside,
    /// SHA-256 over all of it.
    pub(crate) identity: String,
}

impl Package {
    /// `next`: it is to run beside the release in use.
    pub(crate) fn of(config: &Config, release: Release, next: bool) -> Result<Self, LoadFault> {
        let beside = beside(&release.settings, next).map_err(LoadFault::Settings)?;
        let (size, most) = (release.component.len() as u64, allowed(config, &beside)?.0);
        if size > most {
            return Err(LoadFault::TooLarge { size, most });
        }
        Ok(Self { identity: release.digest(), release, beside })
    }
}

pub(crate) fn beside(settings: &str, next: bool) -> Result<Beside, String> {
    let beside: Beside = toml::from_str(settings).map_err(|error| error.to_string())?;
    if !next && (beside.stage.is_some() || beside.share.is_some()) {
        return Err("`stage` and `share` are for NAME.next.toml".to_owned());
    }
    if (beside.stage == Some(StageName::Canary)) != beside.share.is_some() {
        return Err("a canary needs a `share` in percent, and nothing else has one".to_owned());
    }
    if beside.share.is_some_and(|share| !(0.0..=100.0).contains(&share)) {
        return Err("`share` is in percent, from 0 to 100".to_owned());
    }
    Ok(beside)
}

/// One `NAME.wasm` or `NAME.next.wasm`.
pub(crate) struct Found {
    pub(crate) name: String,
    /// Whether it runs beside the release in use.
    pub(crate) next: bool,
    pub(crate) file: PathBuf,
    pub(crate) package: Result<Arc<Package>, LoadFault>,
}

/// Every component of the folder, by name, releases in use before those beside them.
pub(crate) fn folder(config: &Config) -> Result<Vec<Found>, LoadError> {
    let dir = Path::new(&config.dir);
    let entries: io::Result<Vec<_>> =
        fs::read_dir(dir).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut files = entries.map_err(|error| LoadFault::Read(error).of(dir))?;
    files.retain(|file| file.extension() == Some(OsStr::new("wasm")));
    let mut found = files.into_iter().map(|file| one(config, file)).collect::<Result<Vec<_>, _>>()?;
    found.sort_by(|a, b| (&a.name, a.next).cmp(&(&b.name, b.next)));
    Ok(found)
}

fn one(config: &Config, file: PathBuf) -> Result<Found, LoadError> {
    let (name, next) = named(&file).map_err(|fault| fault.of(&file))?;
    let package = read(config, &file, next).and_then(|release| Package::of(config, release, next));
    Ok(Found { name, next, package: package.map(Arc::new), file })
}

/// The rule that a file is a release of, and whether it is to run beside the one in use.
pub(crate) fn named(file: &Path) -> Result<(String, bool), LoadFault> {
    let stem = file.file_stem().and_then(OsStr::to_str).unwrap_or_default();
    let (name, next) = stem.strip_suffix(".next").map_or((stem, false), |name| (name, true));
    check_name(name)?;
    Ok((name.to_owned(), next))
}

/// Whether a rule may be called so.
pub fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    name.len() <= 64 && name.chars().all(plain) && name.starts_with(|c: char| c.is_ascii_alphanumeric())
}

pub(crate) fn check_name(name: &str) -> Result<(), LoadFault> {
    if is_name(name) { Ok(()) } else { Err(LoadFault::Name) }
}

/// What stands beside each other; a component that is larger than its settings allow is not read.
fn read(config: &Config, file: &Path, next: bool) -> Result<Release, LoadFault> {
    let path = file.with_extension("toml");
    let settings = optional(&path)?.unwrap_or_default();
    let told = |what| LoadFault::Settings(format!("{} beside it: {what}", path.display()));
    let (size, most) = (fs::metadata(file)?.len(), allowed(config, &beside(&settings, next).map_err(told)?)?.0);
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

/// A release as it stands in a folder, its rule, and whether it is to run beside the one in use.
///
/// # Errors
/// What a node with this configuration would say of the files.
pub fn read_release(config: &Config, file: &Path) -> Result<(String, bool, Release), LoadError> {
    let of = |fault: LoadFault| fault.of(file);
    let (name, next) = named(file).map_err(of)?;
    Ok((name, next, read(config, file, next).map_err(of)?))
}

/// What the component's file may have, which the release may raise up to the operator's cap.
pub(crate) fn allowed(config: &Config, beside: &Beside) -> Result<Size, LoadFault> {
    let most = config.component_size.max(config.max_component_size);
    match beside.limits.component_size {
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
