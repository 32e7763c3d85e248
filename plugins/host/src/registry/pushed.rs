//! Pushed releases, by rule: like a folder whose files come by announcement. From here on both are treated alike.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use onhand_wire::release::Manifest;

use crate::{
    config::Config,
    release::package::{FoundRelease, Package},
};

/// What is in force for one rule, or will be once it can be used.
#[derive(Clone, Default)]
pub(crate) struct PushedRule {
    pub(crate) full: Option<Arc<Package>>,
    pub(crate) next: Option<Arc<Package>>,
}

/// What was pushed for each rule. Cloning it copies no package.
#[derive(Clone, Default)]
pub(crate) struct PushedRules(pub(crate) BTreeMap<String, PushedRule>);

/// The file name that messages use for a pushed release; there is no such file.
pub(crate) fn file(config: &Config, rule: &str, next: bool) -> PathBuf {
    Path::new(&config.topic).join(format!("{rule}{}.wasm", if next { ".next" } else { "" }))
}

impl PushedRule {
    pub(crate) fn found(&self, config: &Config, rule: &str) -> impl Iterator<Item = FoundRelease> {
        let parts = [(false, &self.full), (true, &self.next)];
        let found = parts.map(|(next, package)| {
            let package = package.clone()?;
            Some(FoundRelease { name: rule.to_owned(), next, file: file(config, rule, next), package: Ok(package) })
        });
        found.into_iter().flatten()
    }
}

impl PushedRules {
    /// Whether this is what the manifest says about its rule.
    pub(crate) fn stands(&self, manifest: &Manifest) -> bool {
        let parts = self.0.get(&manifest.rule);
        let has = |part: Option<&Arc<Package>>| part.map(|package| package.identity.clone());
        let (full, next) = (manifest.full.as_ref(), manifest.next.as_ref());
        has(parts.and_then(|parts| parts.full.as_ref())) == full.map(|released| released.digest.clone())
            && has(parts.and_then(|parts| parts.next.as_ref())) == next.map(|released| released.digest.clone())
    }

    /// A rule that is in the folder is taken from there.
    pub(crate) fn add_to(&self, config: &Config, found: &mut Vec<FoundRelease>) {
        let mut added = Vec::new();
        for (rule, parts) in &self.0 {
            if found.iter().any(|found| found.name == *rule) {
                tracing::warn!(rule, "the rule is in rules.dir, which wins; its pushed release is not used");
            } else {
                added.extend(parts.found(config, rule));
            }
        }
        found.append(&mut added);
        found.sort_by(|a, b| (&a.name, a.next).cmp(&(&b.name, b.next)));
    }

    pub(crate) fn put(&mut self, rule: &str, parts: &PushedRule) {
        if parts.full.is_none() && parts.next.is_none() {
            self.0.remove(rule);
        } else {
            self.0.insert(rule.to_owned(), parts.clone());
        }
    }
}
