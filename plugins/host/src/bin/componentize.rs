//! `componentize OUT_DIR MODULE…`: core modules into components (plugins/build.sh calls it).

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let Some(out) = arguments.next() else {
        eprintln!("usage: componentize OUT_DIR MODULE…");
        return ExitCode::FAILURE;
    };
    for module in arguments {
        if let Err(error) = wrap(&out, &module) {
            eprintln!("{}: {error}", module.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Compilers write `a_b.wasm` for the crate `a-b`; the rule has the crate's name.
fn wrap(out: &Path, module: &Path) -> Result<(), Box<dyn Error>> {
    let component = onhand_rules::componentize(&fs::read(module)?)?;
    let name = module.file_stem().ok_or("a file is expected")?.to_string_lossy().replace('_', "-");
    // Renamed into place, so that a node which watches the folder sees only whole components.
    let whole = out.join(format!("{name}.wasm"));
    let part = out.join(format!(".{name}.part"));
    fs::write(&part, component)?;
    fs::rename(part, whole)?;
    Ok(())
}
