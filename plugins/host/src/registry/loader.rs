//! Reads the folder, adds what was pushed, prepares new releases, and puts the result in force. All handles on the
//! rules share one loader.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use crate::{
    config::Config,
    registry::{
        in_force::InForce,
        placing::{Placement, place},
        pushed::PushedRules,
        shadow::Shadows,
    },
    release::{
        fault::{LoadError, LoadFault},
        name::named,
        package::{self, FoundRelease},
    },
    rule::prepare::Preparer,
};

pub(crate) struct Loader {
    pub(crate) in_force: Arc<InForce>,
    /// `None` if there are no rules and never will be.
    pub(crate) config: Option<Config>,
    /// Made for the first release or the first trusted key, because an engine and its clock have a cost.
    machine: OnceLock<Machine>,
    /// What was pushed. Its lock is held during a check, so that there is one check at a time; a check may take long.
    loading: Mutex<PushedRules>,
    /// What the last check could not use, for the report.
    refused: Mutex<Vec<String>>,
}

/// What prepares releases, and what compares shadows.
struct Machine {
    preparer: Preparer,
    shadows: Shadows,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Loader {
    pub(crate) fn new(config: Option<Config>) -> Self {
        Self {
            in_force: Arc::new(InForce::nothing()),
            config,
            machine: OnceLock::new(),
            loading: Mutex::default(),
            refused: Mutex::default(),
        }
    }

    /// What prepares releases; set up at the first call.
    pub(crate) fn preparer(&self, config: &Config) -> Result<&Preparer, LoadFault> {
        if let Some(machine) = self.machine.get() {
            return Ok(&machine.preparer);
        }
        let preparer = Preparer::of(config)?;
        let shadows = Shadows::start(&self.in_force).map_err(LoadFault::Sandbox)?;
        Ok(&self.machine.get_or_init(|| Machine { preparer, shadows }).preparer)
    }

    pub(crate) fn shadows(&self) -> Option<&Shadows> {
        self.machine.get().map(|machine| &machine.shadows)
    }

    pub(crate) fn loading(&self) -> MutexGuard<'_, PushedRules> {
        lock(&self.loading)
    }

    pub(crate) fn refused(&self) -> Vec<String> {
        lock(&self.refused).clone()
    }

    pub(crate) fn refuse(&self, error: &LoadError) {
        self.in_force.meter.load_failed();
        lock(&self.refused).push(error.to_string());
    }

    pub(crate) fn reload(&self) -> Result<(), Vec<LoadError>> {
        self.look(&self.loading(), false)
    }

    /// Reads the folder, adds what was pushed, and swaps. With `starts` (at the start) nothing is used unless
    /// everything can be used, except for a release beside another that has been ended since: its files may still be
    /// there.
    ///
    /// # Errors
    /// What can't be used; its rules keep what they have, the others change.
    pub(crate) fn look(&self, pushed: &PushedRules, starts: bool) -> Result<(), Vec<LoadError>> {
        let Some(config) = &self.config else { return Ok(()) };
        let current = self.in_force.current.load_full();
        let mut found = self.folder(config).map_err(|error| vec![error])?;
        pushed.add_to(config, &mut found);
        lock(&self.refused).clear();
        if found.is_empty() && current.slots.is_empty() {
            return Ok(());
        }
        let preparer = self.preparer(config).map_err(|fault| vec![fault.of(config.dir.as_ref())])?;
        let files: Vec<_> = found.iter().map(|found| (found.name.clone(), found.file.clone())).collect();
        let Placement { slots, changed, mut errors } = place(preparer, &self.in_force.meter, &current, found);
        let stops = |error: &LoadError| !(starts && is_ended(error));
        let swaps = if starts { !errors.iter().any(stops) } else { changed };
        if swaps && let Err((name, fault)) = self.in_force.swap_to(slots, &preparer.marks) {
            let file = files.into_iter().find(|(found, _)| *found == name).map(|(_, file)| file);
            errors.push(fault.of(&file.unwrap_or_else(|| PathBuf::from(name))));
        }
        errors.iter().for_each(|error| self.refuse(error));
        for ended in errors.extract_if(.., |error| !stops(error)) {
            tracing::error!(error = %ended, "a release that was to run beside another was skipped");
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    fn folder(&self, config: &Config) -> Result<Vec<FoundRelease>, LoadError> {
        if config.dir.is_empty() { Ok(Vec::new()) } else { package::folder(config) }
    }
}

/// Whether the release was to run beside another, and is older than what has been in use, so that it is not missed.
fn is_ended(error: &LoadError) -> bool {
    let beside = named(&error.file).is_ok_and(|(_, next)| next);
    beside && matches!(error.fault, LoadFault::Superseded | LoadFault::Replayed { .. })
}
