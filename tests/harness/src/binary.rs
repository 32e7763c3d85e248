//! The `onhand` command under test.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::{Error, spawn};

/// `ONHAND_BIN`, else the one that was built beside this executable
/// (`target/PROFILE/onhand`; a test's own executable is in `target/PROFILE/deps`).
pub(crate) fn find() -> Result<PathBuf, Error> {
    if let Some(path) = env::var_os("ONHAND_BIN").map(PathBuf::from) {
        return if path.is_file() { Ok(path) } else { Err(missing(&path)) };
    }
    let own = env::current_exe().map_err(Error::file("cannot find", "this executable"))?;
    let dir = own.parent().unwrap_or(Path::new("."));
    let dir = if dir.ends_with("deps") || dir.ends_with("examples") { dir.parent().unwrap_or(dir) } else { dir };
    let path = dir.join("onhand");
    if path.is_file() { Ok(path) } else { Err(missing(&path)) }
}

fn missing(path: &Path) -> Error {
    let release = if path.components().any(|part| part.as_os_str() == "release") { " --release" } else { "" };
    let install = format!("cargo build{release} --workspace --bin onhand   (or name one by ONHAND_BIN)");
    Error::Missing { what: format!("the onhand command at {}", path.display()), install }
}

/// Runs a subcommand to its end; returns its standard output, trimmed.
pub(crate) fn run(binary: &Path, args: &[&str]) -> Result<String, Error> {
    run_with(binary, args, &[])
}

/// The same, with settings from the environment.
pub(crate) fn run_with(binary: &Path, args: &[&str], env: &[(&str, &str)]) -> Result<String, Error> {
    let mut command = spawn::bound(None);
    let done =
        command.arg(binary).args(args).envs(env.iter().copied()).output().map_err(Error::file("cannot run", binary))?;
    let stdout = String::from_utf8_lossy(&done.stdout);
    if done.status.success() {
        return Ok(stdout.trim().to_owned());
    }
    let output = format!("{stdout}{}", String::from_utf8_lossy(&done.stderr));
    Err(Error::Failed { program: format!("onhand {}", args.join(" ")), status: done.status.to_string(), output })
}
