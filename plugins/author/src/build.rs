//! `onhand rule build`: from the project's sources to `build/NAME.wasm`.

mod c;
mod js;
mod python;
mod rust;
mod tool;

use std::{fs, io, path::PathBuf};

use onhand_rules::Config;

use crate::{
    Lang, Project,
    component::Component,
    error::{At, AuthorError},
};

/// A component that the host accepts.
#[derive(Debug)]
pub struct BuiltComponent {
    pub component: PathBuf,
    pub bytes: usize,
    /// What `rules.component_size`, or the settings beside the component, allow.
    pub most: u64,
    /// SHA-256, in hex.
    pub digest: String,
}

/// Builds, then loads the component as a node with this configuration would.
///
/// # Errors
/// If a tool is missing (the message says how to get it), fails, or the host refuses the component.
pub fn build(project: &Project, config: &Config) -> Result<BuiltComponent, AuthorError> {
    let out = project.built();
    fs::create_dir_all(&out).at(&out)?;
    let component = match project.lang {
        Lang::Rust => rust::build(project)?,
        Lang::Js => js::build(project)?,
        Lang::Python => python::build(project)?,
        Lang::C => c::build(project)?,
    };
    settings(project)?;
    // The old signature belongs to another component, and would be refused with this one.
    let stale = project.component().with_extension("wasm.sig");
    match fs::remove_file(&stale) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).at(stale)?,
        _ => {}
    }
    // Renamed into place, so that a node which watches the folder sees only whole components.
    let (whole, part) = (project.component(), out.join(format!(".{}.part", project.name)));
    fs::write(&part, &component).at(&part)?;
    fs::rename(&part, &whole).at(&whole)?;
    let component = Component::read(&whole)?;
    let digest = component.trial(config)?.component().to_owned();
    Ok(BuiltComponent { component: whole, bytes: component.bytes.len(), most: component.room(config)?, digest })
}

/// Copies NAME.toml and the fixtures beside the component.
pub(crate) fn settings(project: &Project) -> Result<(), AuthorError> {
    let beside = format!("{}.toml", project.name);
    let (from, to) = (project.dir.join(&beside), project.built().join(&beside));
    match fs::copy(&from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).at(from)?,
        _ => {}
    }
    fixtures(project)
}

/// A node runs a release on its fixtures before it uses it, so they are copied too.
fn fixtures(project: &Project) -> Result<(), AuthorError> {
    let (from, to) = (&project.fixtures, project.built().join(format!("{}.fixtures", project.name)));
    if to.exists() {
        fs::remove_dir_all(&to).at(&to)?;
    }
    let entries = match fs::read_dir(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.at(from)?,
    };
    fs::create_dir_all(&to).at(&to)?;
    for entry in entries {
        let file = entry.at(from)?.path();
        if let Some(name) = file.file_name().filter(|_| file.extension().is_some_and(|end| end == "json")) {
            fs::copy(&file, to.join(name)).at(&file)?;
        }
    }
    Ok(())
}
