//! Rust: a core module by cargo, wrapped here.

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

pub(super) fn build(project: &Project) -> Result<Vec<u8>, AuthorError> {
    let target = target(project)?;
    let (what, mut cargo) = cargo(project)?;
    let arguments = ["--profile", "guest", "--lib", "--target", TRIPLE, "--target-dir"];
    tool::run(what, cargo.current_dir(&project.dir).args(arguments).arg(&target))?;
    let module = target.join(TRIPLE).join("guest").join(format!("{}.wasm", project.name.replace('-', "_")));
    Ok(onhand_rules::componentize(&fs::read(&module).at(module)?)?)
}

/// `cargo build` of a compiler that has, or can build, a standard library for WebAssembly.
fn cargo(project: &Project) -> Result<(&'static str, Command), AuthorError> {
    let rustup = tool::ask(Command::new("rustup").args(["target", "list", "--installed"]).current_dir(&project.dir));
    if rustup.as_ref().is_some_and(|installed| installed.lines().any(|target| target == TRIPLE)) {
        let mut cargo = Command::new("cargo");
        cargo.arg("build");
        return Ok(("rustup's Rust", cargo));
    }
    if debian() {
        // Debian has no compiled std for this target, so it is built from source, which stable only allows
        // with RUSTC_BOOTSTRAP.
        let mut cargo = Command::new("/usr/bin/cargo");
        cargo.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").env_remove("RUSTFLAGS");
        cargo.env("RUSTC", "/usr/bin/rustc").env("RUSTC_BOOTSTRAP", "1");
        cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld");
        cargo.args(["build", "-Zbuild-std=std,panic_abort"]);
        return Ok(("Debian's Rust; where it has no standard library yet, that comes first", cargo));
    }
    let install = if rustup.is_some() {
        format!("rustup target add {TRIPLE}")
    } else {
        "apt-get install rustc-web cargo-web rust-web-src lld".to_owned()
    };
    Err(AuthorError::Missing { what: "No Rust compiler here builds for WebAssembly".to_owned(), install })
}

fn debian() -> bool {
    let sysroot = tool::ask(Command::new("/usr/bin/rustc").env_remove("RUSTUP_TOOLCHAIN").args(["--print", "sysroot"]));
    let sources = |sysroot: String| Path::new(&sysroot).join("lib/rustlib/src/rust/library").is_dir();
    sysroot.is_some_and(sources) && Path::new("/usr/bin/cargo").exists() && tool::there("wasm-ld")
}

/// The guests' own build folder: another compiler must not evict the host's artefacts.
fn target(project: &Project) -> Result<PathBuf, AuthorError> {
    #[derive(Deserialize)]
    struct Metadata {
        target_directory: PathBuf,
    }
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(&project.dir);
    let told = tool::ask(&mut cargo).ok_or_else(|| AuthorError::Missing {
        what: "cargo can't read the project (is Rust installed? `cargo metadata` tells more)".to_owned(),
        install: "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh".to_owned(),
    })?;
    let metadata: Metadata = serde_json::from_str(&told)
        .map_err(|error| AuthorError::Invalid { file: "cargo metadata".into(), fault: error.to_string() })?;
    Ok(metadata.target_directory.join("guest"))
}
