//! C: writes the bindings, compiles with clang without a C library, and wraps the result.

use std::{fs, path::Path, process::Command};

use wit_bindgen_core::Files;
use wit_parser::Resolve;

use super::tool;
use crate::{
    Project,
    error::{At, AuthorError},
};

/// The few functions of a C library that the bindings need. Each call has a fresh memory, so nothing is freed.
const LIBC: [(&str, &str); 3] = [
    ("stdlib.h", include_str!("../../libc/stdlib.h")),
    ("string.h", include_str!("../../libc/string.h")),
    ("libc.c", include_str!("../../libc/libc.c")),
];

pub(super) fn build(project: &Project) -> Result<Vec<u8>, AuthorError> {
    if !tool::there("clang") || !tool::there("wasm-ld") {
        return Err(AuthorError::Missing {
            what: "The C compiler (clang and lld, 14 or later) is not installed here".to_owned(),
            install: "apt-get install clang lld".to_owned(),
        });
    }
    let world = project.world.as_str();
    let generated = project.built().join("c");
    fs::create_dir_all(&generated).at(&generated)?;
    for (name, text) in bindings(project)?.iter() {
        fs::write(generated.join(name), text).at(generated.join(name))?;
    }
    for (name, text) in LIBC {
        fs::write(generated.join(name), text).at(generated.join(name))?;
    }
    let module = generated.join("module.wasm");
    let mut clang = Command::new("clang");
    clang.current_dir(&project.dir).args([
        "--target=wasm32-unknown-unknown",
        "-std=c11",
        "-Oz",
        "-Wall",
        "-ffreestanding",
    ]);
    clang.args(["-nostdlib", "-Wl,--no-entry", "-Wl,-z,stack-size=65536", "-Wl,--stack-first", "-I"]).arg(&generated);
    // If a rule uses `__FILE__`, it must not show whose machine built it.
    let prefix = |path: &Path, name: &str| format!("-ffile-prefix-map={}={name}", path.display());
    clang.arg(prefix(&project.dir, ".")).arg(prefix(&generated, "build/c"));
    clang.arg("rule.c").arg(generated.join("libc.c")).arg(generated.join(format!("{world}.c")));
    clang.arg(generated.join(format!("{world}_component_type.o"))).arg("-o").arg(&module);
    tool::run("clang", &mut clang)?;
    Ok(onhand_rules::componentize(&fs::read(&module).at(module)?)?)
}

/// WORLD.h, WORLD.c, and an object file that describes the world to the tool that wraps the module.
fn bindings(project: &Project) -> Result<Files, AuthorError> {
    let generate = || -> anyhow::Result<Files> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(&project.wit)?;
        let world = resolve.select_world(&[package], Some(project.world.as_str()))?;
        let mut files = Files::default();
        wit_bindgen_c::Opts::default().build().generate(&mut resolve, world, &mut files)?;
        Ok(files)
    };
    generate().map_err(|error| AuthorError::Bindings(format!("{error:#}")))
}
