//! What stands in the folder: packages of a component, its settings, its signature and its fixtures.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use onhand_wire::setting::Size;
use sha2::{Digest, Sha256};

use crate::{
    Config, FixtureError, SignatureError,
    config::{Beside, StageName},
    fixture,
    hex::hex,
};

/// The file at fault and what is wrong with it. The release is not used; the one in force goes on.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", file.display())]
pub struct LoadError {
    pub file: PathBuf,
    pub fault: LoadFault,
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
    #[error("it asks for limits.{what}, more than the operator allows (rules.max_{what})")]
    Asks { what: &'static str },
    #[error("no signature; `{0}.sig` is missing, and rules.allow_unsigned is false")]
    Unsigned(String),
    #[error("its signature {0}")]
    Signature(SignatureError),
    #[error("rules.trusted_keys: {file}: {error}")]
    Key { file: String, error: SignatureError },
    #[error("a core module, not a component; `onhand plugin build` wraps one")]
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
}

impl LoadFault {
    pub(crate) fn of(self, file: &Path) -> LoadError {
        LoadError { file: file.to_owned(), fault: self }
    }
}

/// All that makes up one release, nothing of it checked but the name.
pub(crate) struct Package {
    pub(crate) component: Vec<u8>,
    /// Base64.
    pub(crate) signature: Option<String>,
    pub(crate) beside: Beside,
    /// By file name.
    pub(crate) fixtures: Vec<(String, Vec<u8>)>,
    /// SHA-256 over all of it.
    pub(crate) identity: String,
}

/// One `NAME.wasm` or `NAME.next.wasm`.
pub(crate) struct Found {
    pub(crate) name: String,
    /// Whether it runs beside the release in use.
    pub(crate) next: bool,
    pub(crate) file: PathBuf,
    pub(crate) package: Result<Package, LoadFault>,
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
    let stem = file.file_stem().and_then(OsStr::to_str).unwrap_or_default();
    let (name, next) = stem.strip_suffix(".next").map_or((stem, false), |name| (name, true));
    check_name(name).map_err(|fault| fault.of(&file))?;
    Ok(Found { name: name.to_owned(), next, package: package(config, &file, next), file })
}

fn check_name(name: &str) -> Result<(), LoadFault> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.len() > 64 || !name.chars().all(plain) || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err(LoadFault::Name);
    }
    Ok(())
}

fn package(config: &Config, file: &Path, next: bool) -> Result<Package, LoadFault> {
    let settings = file.with_extension("toml");
    let text = optional(&settings)?.unwrap_or_default();
    let told = |what: &dyn std::fmt::Display| LoadFault::Settings(format!("{} beside it: {what}", settings.display()));
    let beside: Beside = toml::from_str(&text).map_err(|error| told(&error))?;
    if !next && (beside.stage.is_some() || beside.share.is_some()) {
        return Err(told(&"`stage` and `share` are for NAME.next.toml"));
    }
    if (beside.stage == Some(StageName::Canary)) != beside.share.is_some() {
        return Err(told(&"a `share` in percent goes with `stage = \"canary\"`, and only with it"));
    }
    if beside.share.is_some_and(|share| !(0.0..=100.0).contains(&share)) {
        return Err(told(&"`share` is in percent, from 0 to 100"));
    }
    let component = read(file, allowed(config, &beside)?)?;
    let signature = optional(&file.with_extension("wasm.sig"))?;
    let mut fixtures = fixture::texts(&file.with_extension("fixtures"))?;
    if next && fixtures.is_empty() {
        fixtures = fixture::texts(&file.with_extension("").with_extension("fixtures"))?;
    }
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(&component);
    part(text.as_bytes());
    part(signature.as_deref().unwrap_or_default().as_bytes());
    for (file, text) in &fixtures {
        part(file.as_bytes());
        part(text);
    }
    let identity = hex(&hash.finalize());
    Ok(Package { component, signature, beside, fixtures, identity })
}

/// What the component's file may have, which the release may raise up to the operator's cap.
pub(crate) fn allowed(config: &Config, beside: &Beside) -> Result<Size, LoadFault> {
    let most = config.component_size.max(config.max_component_size);
    match beside.limits.component_size {
        Some(asked) if asked > most => Err(LoadFault::Asks { what: "component_size" }),
        Some(asked) => Ok(asked),
        None => Ok(config.component_size),
    }
}

fn read(file: &Path, most: Size) -> Result<Vec<u8>, LoadFault> {
    let size = fs::metadata(file)?.len();
    if size > most.0 {
        return Err(LoadFault::TooLarge { size, most: most.0 });
    }
    Ok(fs::read(file)?)
}

fn optional(file: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
