//! What every handle on the rules shares: the releases in force, and how they change.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use arc_swap::ArcSwap;

use crate::{
    Config, LoadError, LoadFault,
    load::{self, Found},
    meter::Meter,
    placing::{Placed, place},
    pushed::Pushed,
    record::now,
    release::Source,
    rule::Rule,
    shadow::Shadows,
    signature::Seal,
    slot::{Out, Set, Slot},
};

pub(crate) struct Shared {
    pub(crate) current: ArcSwap<Set>,
    pub(crate) meter: Meter,
    /// None: there are no rules and never will be.
    pub(crate) config: Option<Config>,
    /// There from the first release on, or key that releases are signed with: an engine and its clock cost.
    machine: OnceLock<Machine>,
    /// One look at a time, which may take long; and what was pushed, which the look takes in.
    loading: Mutex<Pushed>,
    /// One swap at a time, which takes no time.
    changing: Mutex<()>,
    /// What the last look could not use.
    refused: Mutex<Vec<String>>,
}

/// What releases are made and compared with.
struct Machine {
    source: Source,
    shadows: Shadows,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(config: Option<Config>) -> Self {
        Self {
            current: ArcSwap::default(),
            meter: Meter::new(),
            config,
            machine: OnceLock::new(),
            loading: Mutex::default(),
            changing: Mutex::default(),
            refused: Mutex::default(),
        }
    }

    /// Sets up what releases are made with, unless that is done.
    pub(crate) fn source(&self, config: &Config) -> Result<&Source, LoadFault> {
        if let Some(machine) = self.machine.get() {
            return Ok(&machine.source);
        }
        let source = Source::of(config)?;
        let shadows = Shadows::start().map_err(LoadFault::Sandbox)?;
        Ok(&self.machine.get_or_init(|| Machine { source, shadows }).source)
    }

    pub(crate) fn shadows(&self) -> Option<&Shadows> {
        self.machine.get().map(|machine| &machine.shadows)
    }

    pub(crate) fn loading(&self) -> MutexGuard<'_, Pushed> {
        lock(&self.loading)
    }

    pub(crate) fn refused(&self) -> Vec<String> {
        lock(&self.refused).clone()
    }

    pub(crate) fn refuse(&self, error: &LoadError) {
        self.meter.load_failed();
        lock(&self.refused).push(error.to_string());
    }

    pub(crate) fn reload(&self) -> Result<(), Vec<LoadError>> {
        self.look(&self.loading(), false)
    }

    /// Reads the folder, takes in what was pushed, and swaps. `starts`: nothing is used unless all of it can be, but for
    /// what was to run beside and has been ended: that may lie about since.
    ///
    /// # Errors
    /// What can't be used; its rules keep what they have, the others change.
    pub(crate) fn look(&self, pushed: &Pushed, starts: bool) -> Result<(), Vec<LoadError>> {
        let Some(config) = &self.config else { return Ok(()) };
        let current = self.current.load_full();
        let mut found = self.folder(config).map_err(|error| vec![error])?;
        pushed.add_to(config, &mut found);
        lock(&self.refused).clear();
        if found.is_empty() && current.slots.is_empty() {
            return Ok(());
        }
        let source = self.source(config).map_err(|fault| vec![fault.of(config.dir.as_ref())])?;
        let files: Vec<_> = found.iter().map(|found| (found.name.clone(), found.file.clone())).collect();
        let Placed { slots, changed, mut errors } = place(source, &self.meter, &current, found);
        let stops = |error: &LoadError| !(starts && error.is_ended());
        let swaps = if starts { !errors.iter().any(stops) } else { changed };
        if swaps && let Err((name, fault)) = self.swap_to(slots) {
            let file = files.into_iter().find(|(found, _)| *found == name).map(|(_, file)| file);
            errors.push(fault.of(&file.unwrap_or_else(|| PathBuf::from(name))));
        }
        errors.iter().for_each(|error| self.refuse(error));
        for ended in errors.extract_if(.., |error| !stops(error)) {
            tracing::error!(error = %ended, "a release that was to run beside another is left out");
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    fn folder(&self, config: &Config) -> Result<Vec<Found>, LoadError> {
        if config.dir.is_empty() { Ok(Vec::new()) } else { load::folder(config) }
    }

    fn swap_to(&self, mut slots: BTreeMap<String, Arc<Slot>>) -> Result<(), (String, LoadFault)> {
        let _changing = lock(&self.changing);
        let current = self.current.load();
        // What was taken out while the folder was read stays out.
        for (name, slot) in &mut slots {
            for out in current.slots.get(name).into_iter().flat_map(|slot| &slot.out) {
                if let Some(without) = slot.without(out.clone()) {
                    *slot = Arc::new(without);
                }
            }
        }
        let set = Set::of(current.release + 1, slots)?;
        self.mark(&set)?;
        self.swap(set);
        Ok(())
    }

    /// Before they are used: what was signed before them is not used again, whatever happens after this.
    fn mark(&self, set: &Set) -> Result<(), (String, LoadFault)> {
        let Some(machine) = self.machine.get() else { return Ok(()) };
        let seal = |rule: &'_ Arc<Rule>| rule.release.seal.clone();
        let used: Vec<(&str, bool, Seal)> = set
            .slots
            .values()
            .flat_map(|slot| {
                let full = slot.full.as_ref().and_then(seal).map(|seal| (slot.name.as_str(), false, seal));
                let next = slot.next.as_ref().and_then(|next| seal(&next.rule));
                full.into_iter().chain(next.map(|seal| (slot.name.as_str(), true, seal)))
            })
            .collect();
        let fault = |fault| (used.first().map_or_else(String::new, |(rule, ..)| (*rule).to_owned()), fault);
        machine.source.marks.raise(&used).map_err(fault)
    }

    fn swap(&self, set: Set) {
        let running = set.slots.values().flat_map(|slot| slot.running().map(|(_, stage)| (slot.name.as_str(), stage)));
        self.meter.running(running);
        self.current.store(Arc::new(set));
    }

    /// A release that fails too often loses its traffic.
    pub(crate) fn take_out(&self, rule: &Arc<Rule>) {
        let _changing = lock(&self.changing);
        let current = self.current.load_full();
        let release = &rule.release;
        let out = Out { identity: release.identity.clone(), component: release.component.clone(), at: now() };
        // None: another call saw to it.
        let Some(slot) = current.slots.get(&rule.name).and_then(|slot| slot.without(out)) else { return };
        let back = slot.full.as_ref().map(|rule| rule.release.component.as_str());
        let (name, component) = (&rule.name, &release.component);
        tracing::error!(rule = name, component, back, "a release failed too often and is taken out");
        self.meter.taken_out(name);
        self.swap(current.with(slot));
    }
}
