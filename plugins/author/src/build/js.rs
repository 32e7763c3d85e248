//! JavaScript: `rule.js` and QuickJS in one component, by componentize-qjs.

use std::{fs, process::Command};

use super::tool;
use crate::{
    Project,
    error::{At, AuthorError},
};

pub(super) fn build(project: &Project) -> Result<Vec<u8>, AuthorError> {
    let npm = project.dir.join("node_modules/.bin/componentize-qjs");
    if !npm.exists() || !tool::there("node") {
        return Err(AuthorError::Missing {
            what: "The JavaScript compiler (componentize-qjs) is not installed here; it needs Node.js 20 or later"
                .to_owned(),
            install: format!("cd {} && npm install", project.dir.display()),
        });
    }
    let out = project.built().join(".js.part");
    let mut command = Command::new(npm);
    command.current_dir(&project.dir).arg("--wit").arg(&project.wit).args(["--world", project.world.as_str()]);
    // No WASI at all: a rule imports nothing but its host.
    command.args(["--js", "rule.js", "--sync", "--opt-size", "--stub-wasi", "--output"]).arg(&out);
    tool::run("componentize-qjs", &mut command)?;
    let component = fs::read(&out).at(&out)?;
    fs::remove_file(&out).at(out)?;
    Ok(component)
}
