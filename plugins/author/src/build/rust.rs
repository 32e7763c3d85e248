//! Rust: builds a core module with cargo, and wraps it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;

use super::tool;
use crate::{
    Project,
    error::{At, AuthorError},
};

const TRIPLE: &str = "wasm32-unknown-unknown";

/// A compiler that has, or can build, a standard library for WebAssembly.
struct Compiler {
    what: &'static str,
    /// `cargo build`.
    cargo: Command,
    sysroot: PathBuf,
    /// The caller's own flags, if any, in the form of CARGO_ENCODED_RUSTFLAGS.
    flags: Option<String>,
}

pub(super) fn build(project: &Project) -> Result<Vec<u8>, AuthorError> {
    let target = target(project)?;
    let Compiler { what, mut cargo, sysroot, flags } = compiler(project)?;
    let prefixes = [
        (env_path("HOME"), "home"),
        (target.parent().map(Path::to_owned), "target"),
        (cargo_home(), "cargo"),
        (Some(sysroot.join("lib/rustlib/src/rust")), "rust"),
    ];
    without_paths(&mut cargo, flags, &prefixes);
    let arguments = ["--profile", "guest", "--lib", "--target", TRIPLE, "--target-dir"];
    tool::run(what, cargo.current_dir(&project.dir).args(arguments).arg(&target))?;
    let module = target.join(TRIPLE).join("guest").join(format!("{}.wasm", project.name.replace('-', "_")));
    Ok(onhand_rules::componentize(&fs::read(&module).at(module)?)?)
}

/// Panics name their source line. A component goes to other people's machines, so it must not say where it was built,
/// neither in the project's own crates, whose paths cargo makes relative, nor in other crates. If several prefixes fit,
/// the last one counts. No flag names the project, because all projects share what is built.
fn without_paths(cargo: &mut Command, given: Option<String>, prefixes: &[(Option<PathBuf>, &str)]) {
    let long = |path: &&PathBuf| path.as_os_str().len() > 1;
    let flag = |(path, name): &(Option<PathBuf>, &str)| {
        path.as_ref().filter(long).map(|path| format!("--remap-path-prefix={}={name}", path.display()))
    };
    let flags: Vec<String> = prefixes.iter().filter_map(flag).collect();
    match given {
        // They would override these flags, so these are added to them.
        Some(given) => cargo.env("CARGO_ENCODED_RUSTFLAGS", given + UNIT + &flags.join(UNIT)),
        None => cargo.arg("--config").arg(format!("target.{TRIPLE}.rustflags = {}", toml::Value::from(flags))),
    };
}

/// The separator of flags in CARGO_ENCODED_RUSTFLAGS.
const UNIT: &str = "\x1f";

fn given_flags() -> Option<String> {
    let encoded = std::env::var("CARGO_ENCODED_RUSTFLAGS").ok();
    let words = || Some(std::env::var("RUSTFLAGS").ok()?.split_whitespace().collect::<Vec<_>>().join(UNIT));
    encoded.or_else(words).filter(|flags| !flags.is_empty())
}

fn env_path(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from)
}

fn cargo_home() -> Option<PathBuf> {
    env_path("CARGO_HOME").or_else(|| Some(env_path("HOME")?.join(".cargo")))
}

fn compiler(project: &Project) -> Result<Compiler, AuthorError> {
    let rustup = tool::ask(Command::new("rustup").args(["target", "list", "--installed"]).current_dir(&project.dir));
    if rustup.as_ref().is_some_and(|installed| installed.lines().any(|target| target == TRIPLE)) {
        let mut cargo = Command::new("cargo");
        cargo.arg("build");
        let sysroot = sysroot(Command::new("rustc").current_dir(&project.dir)).unwrap_or_default();
        return Ok(Compiler { what: "rustup's Rust", cargo, sysroot, flags: given_flags() });
    }
    if let Some(sysroot) = debian() {
        // Debian has no compiled std for this target, so it is built from source, which stable only allows
        // with RUSTC_BOOTSTRAP.
        let mut cargo = Command::new("/usr/bin/cargo");
        cargo.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
        cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        cargo.env("RUSTC", "/usr/bin/rustc").env("RUSTC_BOOTSTRAP", "1");
        cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld");
        cargo.args(["build", "-Zbuild-std=std,panic_abort"]);
        let what = "Debian's Rust; it builds the standard library first if necessary";
        return Ok(Compiler { what, cargo, sysroot, flags: None });
    }
    let install = if rustup.is_some() {
        format!("rustup target add {TRIPLE}")
    } else {
        "apt-get install rustc-web cargo-web rust-web-src lld".to_owned()
    };
    Err(AuthorError::Missing { what: "No Rust compiler here builds for WebAssembly".to_owned(), install })
}

fn sysroot(rustc: &mut Command) -> Option<PathBuf> {
    tool::ask(rustc.args(["--print", "sysroot"])).map(PathBuf::from)
}

/// The folder of Debian's compiler, if everything that it needs is installed.
fn debian() -> Option<PathBuf> {
    let sysroot = sysroot(Command::new("/usr/bin/rustc").env_remove("RUSTUP_TOOLCHAIN"))?;
    let sources = sysroot.join("lib/rustlib/src/rust/library").is_dir();
    (sources && Path::new("/usr/bin/cargo").exists() && tool::there("wasm-ld")).then_some(sysroot)
}

/// The guests' own build folder, so that another compiler does not evict the host's artefacts.
fn target(project: &Project) -> Result<PathBuf, AuthorError> {
    #[derive(Deserialize)]
    struct Metadata {
        target_directory: PathBuf,
    }
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(&project.dir);
    let metadata = tool::ask(&mut cargo).ok_or_else(|| AuthorError::Missing {
        what: "cargo can't read the project (is Rust installed? `cargo metadata` tells more)".to_owned(),
        install: "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh".to_owned(),
    })?;
    let metadata: Metadata = serde_json::from_str(&metadata)
        .map_err(|error| AuthorError::Invalid { file: "cargo metadata".into(), fault: error.to_string() })?;
    Ok(metadata.target_directory.join("guest"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cargo uses only one source of flags, and those of the environment come first.
    #[test]
    fn flags_of_the_builders_own_bring_no_path_back() {
        let prefixes = [(Some(PathBuf::from("/home/me")), "home"), (None, "cargo"), (Some("/".into()), "root")];
        let mut with = Command::new("cargo");
        without_paths(&mut with, Some("--cfg\x1fmine".to_owned()), &prefixes);
        let flags = with.get_envs().find(|(name, _)| *name == "CARGO_ENCODED_RUSTFLAGS").unwrap().1.unwrap();
        assert_eq!(flags, "--cfg\x1fmine\x1f--remap-path-prefix=/home/me=home");
        let mut without = Command::new("cargo");
        without_paths(&mut without, None, &prefixes);
        let arguments: Vec<_> = without.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect();
        let flags = r#"target.wasm32-unknown-unknown.rustflags = ["--remap-path-prefix=/home/me=home"]"#;
        assert_eq!(arguments, ["--config", flags]);
    }
}
