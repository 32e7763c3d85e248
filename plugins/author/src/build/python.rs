//! Python: `rule.py` and CPython in one component, by componentize-py.

use std::{fs, process::Command};

use super::tool;
use crate::{
    Project,
    error::{At, AuthorError},
};

pub(super) fn build(project: &Project) -> Result<Vec<u8>, AuthorError> {
    let own = project.dir.join(".venv/bin/componentize-py");
    let program = if own.exists() { own } else { "componentize-py".into() };
    if !tool::there(&program.to_string_lossy()) {
        return Err(AuthorError::Missing {
            what: "The Python compiler (componentize-py) is not installed here; it needs Python 3.10 or later"
                .to_owned(),
            install: format!(
                "cd {} && python3 -m venv .venv && .venv/bin/pip install -r requirements.txt",
                project.dir.display()
            ),
        });
    }
    let out = project.built().join(".py.part");
    let mut command = Command::new(program);
    command.current_dir(&project.dir).arg("--wit-path").arg(&project.wit).args(["--world", project.world.as_str()]);
    // No WASI at all: a rule imports only its host.
    command.args(["componentize", "rule", "--stub-wasi", "--output"]).arg(&out);
    tool::run("componentize-py", &mut command)?;
    let component = fs::read(&out).at(&out)?;
    fs::remove_file(&out).at(out)?;
    Ok(component)
}
