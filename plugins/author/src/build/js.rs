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
    let (rule, entry) = (project.dir.join("rule.js"), project.dir.join(".rule.entry.js"));
    let source = fs::read_to_string(&rule).at(&rule)?;
    fs::write(&entry, source + &epilogue(project)).at(&entry)?;
    let out = project.built().join(".js.part");
    let mut command = Command::new(npm);
    command.current_dir(&project.dir).arg("--wit").arg(&project.wit).args(["--world", project.world.as_str()]);
    // No WASI at all: a rule imports only its host.
    command.args(["--js", ".rule.entry.js", "--sync", "--opt-size", "--stub-wasi", "--output"]).arg(&out);
    let built = tool::run("componentize-qjs", &mut command);
    fs::remove_file(&entry).at(&entry)?;
    built?;
    let component = fs::read(&out).at(&out)?;
    fs::remove_file(&out).at(out)?;
    Ok(component)
}

/// Added after the rule's own text, so that its lines keep their numbers. QuickJS has nowhere to print, and without
/// this an exception that is not an error of the interface would be a trap without a message.
fn epilogue(project: &Project) -> String {
    include_str!("epilogue.js").replace("RULE", &format!("{}Rule", project.world.as_str()))
}
