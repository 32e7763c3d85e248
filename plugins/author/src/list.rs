//! `onhand rule list`: the components in a folder, as a node would load them.

use std::{fs, path::Path};

use onhand_rules::{Config, World};

use crate::{
    component::Component,
    error::{At, AuthorError},
};

/// A component of the folder; its rule is an error if a node would refuse it.
pub struct ListedComponent {
    pub file: String,
    pub rule: Result<ListedRule, AuthorError>,
}

pub struct ListedRule {
    pub world: World,
    pub bytes: usize,
    /// SHA-256, in hex.
    pub digest: String,
    /// What the rule reads through `config`.
    pub settings: Vec<(String, String)>,
}

/// Every component of the folder, by name, compiled as a node would; signatures are not checked.
///
/// # Errors
/// If the folder can't be read.
pub fn list(config: &Config) -> Result<Vec<ListedComponent>, AuthorError> {
    let dir = Path::new(&config.dir);
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).at(dir)? {
        let file = entry.at(dir)?.path();
        if file.extension().is_some_and(|end| end == "wasm") {
            files.push(file);
        }
    }
    files.sort();
    let listed = |file: &Path| {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        ListedComponent { file: name, rule: rule(config, file) }
    };
    Ok(files.iter().map(|file| listed(file)).collect())
}

fn rule(config: &Config, file: &Path) -> Result<ListedRule, AuthorError> {
    let component = Component::read(file)?;
    let trial = component.trial(config)?;
    Ok(ListedRule {
        world: trial.world(),
        bytes: component.bytes.len(),
        digest: trial.component().to_owned(),
        settings: trial.config().iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
    })
}
