//! A component alone, tried on inputs: what `onhand rule test` and `onhand rule replay` are made of.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use onhand_wire::release::Release;

use crate::{
    config::Config,
    release::{
        fault::LoadFault,
        package::{Package, allowed},
        settings::ReleaseSettings,
    },
    rule::{meter::Meter, prepare::Preparer, running::Rule},
    sandbox::engine::{Limits, Sandbox, Ticks},
    world::{
        World,
        call::{RuleAnswer, RuleInput},
        fault::Fault,
        fixture::Fixture,
    },
};

/// One component, ready to be called, under the limits of a configuration.
pub struct Trial(Rule);

/// The answer of one call, and what the call took.
#[derive(Debug, Clone)]
pub struct TrialOutcome {
    pub answer: Result<RuleAnswer, Fault>,
    pub time: Duration,
    /// Bytes.
    pub memory: u64,
    /// Instructions, by wasmtime's count, of a trial that counts them ([`Trials::counting`]).
    pub fuel: Option<u64>,
    /// The lines that it logged.
    pub log: Vec<String>,
}

/// Makes trials under one configuration: the sandbox is set up once.
pub struct Trials(Preparer);

impl Trials {
    /// # Errors
    /// If the sandbox can't be set up.
    pub fn new(config: &Config) -> Result<Self, LoadFault> {
        Preparer::of(&unsigned(config)).map(Self)
    }

    /// As [`Trials::new`], but instructions are counted, which takes time of its own.
    ///
    /// # Errors
    /// If the sandbox can't be set up.
    pub fn counting(config: &Config) -> Result<Self, LoadFault> {
        let sandbox = Sandbox::counting(config).map_err(LoadFault::Sandbox)?;
        Preparer::with(&unsigned(config), sandbox).map(Self)
    }

    /// The most bytes that a component may have, by what is beside it.
    ///
    /// # Errors
    /// If that asks for more than the operator allows, or can't be read.
    pub fn room(&self, settings: &str) -> Result<u64, LoadFault> {
        let settings: ReleaseSettings =
            toml::from_str(settings).map_err(|error| LoadFault::Settings(error.to_string()))?;
        Ok(allowed(&self.0.config, &settings)?.0)
    }

    /// As [`Trial::new`].
    ///
    /// # Errors
    /// What a node that loads it would say.
    pub fn of(&self, name: &str, component: &[u8], settings: &str) -> Result<Trial, LoadFault> {
        let settings: ReleaseSettings =
            toml::from_str(settings).map_err(|error| LoadFault::Settings(error.to_string()))?;
        let (size, most) = (component.len() as u64, allowed(&self.0.config, &settings)?.0);
        if size > most {
            return Err(LoadFault::TooLarge { size, most });
        }
        let release = Release { component: component.to_owned(), ..Release::default() };
        let package = Package { release, settings, identity: String::new() };
        self.0.prepare(name, false, &package, &Meter::new(), std::iter::empty()).map(Trial)
    }
}

/// A trial keeps no samples; whoever tries a component out need not have signed it, and waits for its compilation.
fn unsigned(config: &Config) -> Config {
    let (allow_unsigned, trusted_keys, samples_dir) = (true, Vec::new(), String::new());
    Config { allow_unsigned, trusted_keys, samples_dir, compiler: None, ..config.clone() }
}

impl Trial {
    /// Compiles a component; signatures and fixtures are not looked at. `settings` is the text of its
    /// `NAME.toml`, perhaps empty.
    ///
    /// # Errors
    /// What a node that loads it would say.
    pub fn new(config: &Config, name: &str, component: &[u8], settings: &str) -> Result<Self, LoadFault> {
        Trials::new(config)?.of(name, component, settings)
    }

    pub fn world(&self) -> World {
        self.0.world()
    }

    /// SHA-256 of the component, in hex.
    pub fn component(&self) -> &str {
        &self.0.release.component
    }

    /// The settings of its `NAME.toml`.
    pub fn config(&self) -> &BTreeMap<String, String> {
        &self.0.settings
    }

    /// One call, with these settings; cut off at `deadline`.
    pub fn run(&self, input: &RuleInput, config: &BTreeMap<String, String>, deadline: Duration) -> TrialOutcome {
        let limits = Limits { deadline: Ticks::of(onhand_http::setting::Span(deadline)), ..self.0.limits };
        let asked = input.as_call();
        let start = Instant::now();
        let mut store = self.0.sandbox.store(&Arc::new(config.clone()), limits, asked.at());
        // Only a store that counts takes it.
        let counts = store.set_fuel(u64::MAX).is_ok();
        let answer = asked.fits().and_then(|()| self.0.linkage.linked.call(&mut store, asked));
        let time = start.elapsed();
        let fuel = store.get_fuel().ok().filter(|_| counts).map(|left| u64::MAX - left);
        let state = store.data_mut();
        TrialOutcome {
            answer: answer.map_err(|failure| failure.of(&self.0.name)),
            time,
            memory: state.peak as u64,
            fuel,
            log: std::mem::take(&mut state.log).into_iter().map(|(_, line)| line).collect(),
        }
    }

    /// What a call may take, by the configuration and what is beside the component: time, and bytes of memory.
    pub fn limits(&self) -> (Duration, usize) {
        (self.0.limits.deadline.span(), self.0.limits.memory)
    }

    /// What a node would say of this fixture before the release takes traffic; nothing if it is as expected.
    pub fn differs(&self, fixture: &Fixture) -> Option<String> {
        self.0.try_on(fixture)
    }
}
