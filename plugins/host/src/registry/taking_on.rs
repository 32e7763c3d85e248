//! How pushed releases come into use: kept ones at the start, and announced ones later.

use crate::{
    config::Config,
    registry::{
        cache,
        loader::Loader,
        pushed::{PushedRule, file},
    },
    release::fault::{LoadError, LoadFault},
};

impl Loader {
    /// Takes on the releases that the cache has kept; those that can't be used are skipped and logged.
    pub(crate) fn restore(&self, config: &Config) {
        let mut pushed = self.loading();
        *pushed = cache::read(config);
        if let Err(errors) = self.look(&pushed, false) {
            errors.iter().for_each(|error| tracing::error!(%error, "a kept release can't be used"));
        }
    }

    /// Takes on all announced releases at once; those that can't be used change nothing, and are logged and counted.
    pub(crate) fn take_on(&self, config: &Config, batch: &[(String, PushedRule)]) {
        let mut pushed = self.loading();
        let before = pushed.clone();
        batch.iter().for_each(|(rule, parts)| pushed.put(rule, parts));
        let errors = self.look(&pushed, false).err().unwrap_or_default();
        let overlap = errors.iter().find(|error| matches!(error.fault, LoadFault::Overlap(_)));
        let Some(overlap) = overlap else { return keep(config, batch, &errors) };
        // Two rules apply to the same lookups, so nothing was swapped: the releases are taken on one by one.
        *pushed = before;
        drop(pushed);
        match batch {
            [_] => log_refusal(overlap),
            several => several.iter().for_each(|one| self.take_on(config, std::slice::from_ref(one))),
        }
    }

    /// After this no release of the rule is used, and no older signature either.
    pub(crate) fn withdraw(&self, config: &Config, rule: &str, signature: Option<&str>) -> Result<(), LoadFault> {
        let preparer = self.preparer(config)?;
        let seal = preparer.withdrawn(rule, signature)?;
        seal.map_or(Ok(()), |seal| preparer.marks.withdraw(rule, &seal))
    }
}

fn log_refusal(error: &LoadError) {
    tracing::error!(%error, "an announced release can't be used; the rule keeps the one that it has");
}

/// Keeps what is in use now for the next start; if a new release can't be used, the one before stays kept.
fn keep(config: &Config, batch: &[(String, PushedRule)], errors: &[LoadError]) {
    for (rule, parts) in batch {
        for (next, package) in [(false, &parts.full), (true, &parts.next)] {
            match errors.iter().find(|error| error.file == file(config, rule, next)) {
                Some(error) => log_refusal(error),
                None => cache::keep(config, rule, next, package.as_deref()),
            }
        }
    }
}
