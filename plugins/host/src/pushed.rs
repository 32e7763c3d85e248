//! What was pushed: like a folder whose files come by announcement. From here on both go the same way.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use onhand_wire::release::{Manifest, Release, Stage};

use crate::{
    Config, LoadError, LoadFault, World, cache,
    load::{Found, Package, check_name},
    placing::{Placed, place},
    shared::Shared,
    slot::Set,
    statement::stage_of,
};

/// What is in force of one rule, or will be once it can be used.
#[derive(Clone, Default)]
pub(crate) struct Parts {
    pub(crate) full: Option<Arc<Package>>,
    pub(crate) next: Option<Arc<Package>>,
}

/// By rule; a handle on the packages costs nothing to clone.
#[derive(Clone, Default)]
pub(crate) struct Pushed(pub(crate) BTreeMap<String, Parts>);

/// What a release turned out to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Checked {
    pub world: World,
    pub stage: Stage,
    /// Of a canary, in percent.
    pub share: Option<f64>,
    /// Of its signature; none if that is not judged.
    pub sequence: Option<u64>,
}

/// How messages name it: there is no such file.
pub(crate) fn file(config: &Config, rule: &str, next: bool) -> PathBuf {
    Path::new(&config.topic).join(format!("{rule}{}.wasm", if next { ".next" } else { "" }))
}

impl Parts {
    fn found(&self, config: &Config, rule: &str) -> impl Iterator<Item = Found> {
        let parts = [(false, &self.full), (true, &self.next)];
        let found = parts.map(|(next, package)| {
            let package = package.clone()?;
            Some(Found { name: rule.to_owned(), next, file: file(config, rule, next), package: Ok(package) })
        });
        found.into_iter().flatten()
    }
}

impl Pushed {
    /// Whether this is what a manifest says of its rule.
    pub(crate) fn stands(&self, manifest: &Manifest) -> bool {
        let parts = self.0.get(&manifest.rule);
        let has = |part: Option<&Arc<Package>>| part.map(|package| package.identity.clone());
        let (full, next) = (manifest.full.as_ref(), manifest.next.as_ref());
        has(parts.and_then(|parts| parts.full.as_ref())) == full.map(|released| released.digest.clone())
            && has(parts.and_then(|parts| parts.next.as_ref())) == next.map(|released| released.digest.clone())
    }

    /// A rule that is in the folder is taken from there.
    pub(crate) fn add_to(&self, config: &Config, found: &mut Vec<Found>) {
        let mut added = Vec::new();
        for (rule, parts) in &self.0 {
            if found.iter().any(|found| found.name == *rule) {
                tracing::warn!(rule, "the rule is in rules.dir, which wins; what was pushed of it is not used");
            } else {
                added.extend(parts.found(config, rule));
            }
        }
        found.append(&mut added);
        found.sort_by(|a, b| (&a.name, a.next).cmp(&(&b.name, b.next)));
    }

    fn put(&mut self, rule: &str, parts: &Parts) {
        if parts.full.is_none() && parts.next.is_none() {
            self.0.remove(rule);
        } else {
            self.0.insert(rule.to_owned(), parts.clone());
        }
    }
}

impl Shared {
    /// Takes on what the cache has; what it can't use is left out, with a line in the log.
    pub(crate) fn restore(&self, config: &Config) {
        let mut pushed = self.loading();
        *pushed = cache::read(config);
        if let Err(errors) = self.look(&pushed, false) {
            errors.iter().for_each(|error| tracing::error!(%error, "a kept release can't be used"));
        }
    }

    /// Takes on what was announced, all at once; what can't be used changes nothing, and is logged and counted.
    pub(crate) fn take_on(&self, config: &Config, batch: &[(String, Parts)]) {
        let mut pushed = self.loading();
        let before = pushed.clone();
        batch.iter().for_each(|(rule, parts)| pushed.put(rule, parts));
        let errors = self.look(&pushed, false).err().unwrap_or_default();
        let overlap = errors.iter().find(|error| matches!(error.fault, LoadFault::Overlap(_)));
        let Some(overlap) = overlap else { return keep(config, batch, &errors) };
        // Nothing was swapped, for the sake of one of them: each is taken on for itself.
        *pushed = before;
        drop(pushed);
        match batch {
            [_] => told(overlap),
            several => several.iter().for_each(|one| self.take_on(config, std::slice::from_ref(one))),
        }
    }

    /// What this node would say of a release, were it announced; nothing changes.
    pub(crate) fn check(&self, rule: &str, next: bool, release: Release) -> Result<Checked, LoadFault> {
        let config = self.config.as_ref().ok_or(LoadFault::NoRules)?;
        check_name(rule)?;
        let package = Arc::new(Package::of(config, release, next)?);
        let source = self.source(config)?;
        let sealed = source.sealed(rule, next, &package)?;
        let (stage, share) = (stage_of(&package.beside, next), package.beside.share);
        let pushed = self.loading();
        let current = self.current.load_full();
        let before = pushed.0.get(rule).cloned().unwrap_or_default();
        let parts = match next {
            true => Parts { next: Some(package), ..before },
            false => Parts { full: Some(package), next: None },
        };
        let found = parts.found(config, rule).collect();
        let Placed { slots, errors, .. } = place(source, &self.meter, &current, found);
        // What is in force already may be at fault here, too; that is another matter.
        let own = file(config, rule, next);
        if let Some(error) = errors.into_iter().find(|error| error.file == own) {
            return Err(error.fault);
        }
        let world = slots.get(rule).map(|slot| slot.world);
        let all = current.slots.iter().map(|(name, slot)| (name.clone(), slot.clone())).chain(slots).collect();
        Set::of(0, all).map_err(|(_, fault)| fault)?;
        // A release that was taken out here leaves no slot behind where it was the only one.
        let world = world.or_else(|| current.slots.get(rule).map(|slot| slot.world)).ok_or(LoadFault::NoRules)?;
        Ok(Checked { world, stage, share, sequence: sealed.map(|(seal, _)| seal.sequence) })
    }

    /// Whether nothing of a rule may be in use any more: the sequence of that, if it is signed and judged.
    pub(crate) fn check_withdrawal(&self, rule: &str, signature: Option<&str>) -> Result<Option<u64>, LoadFault> {
        let config = self.config.as_ref().ok_or(LoadFault::NoRules)?;
        Ok(self.source(config)?.withdrawn(rule, signature)?.map(|seal| seal.sequence))
    }

    /// Nothing of the rule is used after this, nor what was signed before it.
    pub(crate) fn withdraw(&self, config: &Config, rule: &str, signature: Option<&str>) -> Result<(), LoadFault> {
        let source = self.source(config)?;
        let seal = source.withdrawn(rule, signature)?;
        seal.map_or(Ok(()), |seal| source.marks.withdraw(rule, &seal))
    }
}

fn told(error: &LoadError) {
    tracing::error!(%error, "an announced release can't be used; the rule keeps the one that it has");
}

/// What is in use now is kept for the next start; of what is not, the one before.
fn keep(config: &Config, batch: &[(String, Parts)], errors: &[LoadError]) {
    for (rule, parts) in batch {
        for (next, package) in [(false, &parts.full), (true, &parts.next)] {
            match errors.iter().find(|error| error.file == file(config, rule, next)) {
                Some(error) => told(error),
                None => cache::keep(config, rule, next, package.as_deref()),
            }
        }
    }
}
