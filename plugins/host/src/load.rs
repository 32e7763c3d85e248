//! From a folder to compiled rules. Slow (cranelift runs here), so never on the request path.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use onhand_wire::setting::Size;
use wasmtime::{Engine, component::Component};

use crate::{
    Config,
    config::Beside,
    since_v0_1::{self, Linked},
};

/// The file at fault and what is wrong with it. Nothing of the folder is used then.
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
    #[error("{size} bytes; rules.component_size allows {most}")]
    TooLarge { size: u64, most: u64 },
    #[error("a core module, not a component; `plugins/build.sh` shows how to wrap one")]
    CoreModule,
    /// Truncated, no WebAssembly at all, or over a limit of the sandbox.
    #[error("no valid component: {0}")]
    Invalid(String),
    #[error("its exports [{0}] are no world that this host runs (onhand:rules@0.1: view, allocation, ranking, pricing)")]
    World(String),
    #[error("can't be linked: {0}")]
    Link(String),
    #[error("{0}")]
    Settings(String),
    #[error("{0} applies to the same lookups; name different `channels` beside them")]
    Overlap(String),
}

impl LoadFault {
    pub(crate) fn of(self, file: &Path) -> LoadError {
        LoadError { file: file.to_owned(), fault: self }
    }
}

/// A rule that can be called, before it is put in force.
pub(crate) struct Loaded {
    pub(crate) name: String,
    pub(crate) file: PathBuf,
    pub(crate) linked: Linked,
    pub(crate) beside: Beside,
}

/// Every component of the folder, by name.
pub(crate) fn folder(config: &Config, engine: &Engine) -> Result<Vec<Loaded>, LoadError> {
    let dir = Path::new(&config.dir);
    let entries: io::Result<Vec<_>> =
        fs::read_dir(dir).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut files = entries.map_err(|error| LoadFault::Read(error).of(dir))?;
    files.retain(|file| file.extension() == Some(OsStr::new("wasm")));
    files.sort();
    files.into_iter().map(|file| one(config, engine, &file).map_err(|fault| fault.of(&file))).collect()
}

fn one(config: &Config, engine: &Engine, file: &Path) -> Result<Loaded, LoadFault> {
    let name = name(file)?;
    let linked = link(engine, &read(file, config.component_size)?)?;
    let by_name = matches!(linked, Linked::Allocation(_) | Linked::Ranking(_));
    if by_name && BUILT_IN.contains(&name.as_str()) {
        return Err(LoadFault::BuiltIn(name));
    }
    let beside = beside(&file.with_extension("toml"))?;
    if by_name && beside.channels.is_some() {
        let told = "`channels` beside it is for views and pricings; a channel names its allocation or ranking rules itself";
        return Err(LoadFault::Settings(told.to_owned()));
    }
    if by_name && beside.refuse_on_failure {
        let told = "`refuse_on_failure` beside it is for views and pricings; a failing allocation never refuses a sale";
        return Err(LoadFault::Settings(told.to_owned()));
    }
    Ok(Loaded { name, file: file.to_owned(), linked, beside })
}

/// Strategies of the origin, by which a channel may go as well (contract.md).
const BUILT_IN: [&str; 4] = ["priority", "most_stock", "fewest_splits", "nearest"];

fn name(file: &Path) -> Result<String, LoadFault> {
    let name = file.file_stem().and_then(OsStr::to_str).ok_or(LoadFault::Name)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.len() > 64 || !name.chars().all(plain) || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err(LoadFault::Name);
    }
    Ok(name.to_owned())
}

fn read(file: &Path, most: Size) -> Result<Vec<u8>, LoadFault> {
    let size = fs::metadata(file)?.len();
    if size > most.0 {
        return Err(LoadFault::TooLarge { size, most: most.0 });
    }
    Ok(fs::read(file)?)
}

fn link(engine: &Engine, bytes: &[u8]) -> Result<Linked, LoadFault> {
    // The preamble: magic, then 1 for a module, 13 and a layer for a component.
    if bytes.starts_with(b"\0asm\x01\0\0\0") {
        return Err(LoadFault::CoreModule);
    }
    let component = Component::new(engine, bytes).map_err(|error| LoadFault::Invalid(format!("{error:#}")))?;
    let linked = since_v0_1::link(&component).map_err(|error| LoadFault::Link(format!("{error:#}")))?;
    linked.ok_or_else(|| {
        let exports: Vec<String> =
            component.component_type().exports(engine).map(|(name, _)| name.to_owned()).collect();
        LoadFault::World(exports.join(", "))
    })
}

fn beside(file: &Path) -> Result<Beside, LoadFault> {
    let told = |what: &dyn std::fmt::Display| LoadFault::Settings(format!("{} beside it: {what}", file.display()));
    match fs::read_to_string(file) {
        Ok(text) => toml::from_str(&text).map_err(|error| told(&error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Beside::default()),
        Err(error) => Err(told(&error)),
    }
}
