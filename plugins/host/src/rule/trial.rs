//! Runs a component alone on inputs, for `onhand rule test` and `onhand rule replay`.

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

/// The answer of one call, and what the call used.
#[derive(Debug, Clone)]
pub struct TrialOutcome {
    pub answer: Result<RuleAnswer, Fault>,
    pub time: Duration,
    /// Bytes.
    pub memory: u64,
    /// Instructions, by wasmtime's count, if the trial counts them ([`Trials::counting`]).
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

    /// Like [`Trials::new`], but counts instructions, which takes extra time.
    ///
    /// # Errors
    /// If the sandbox can't be set up.
    pub fn counting(config: &Config) -> Result<Self, LoadFault> {
        let sandbox = Sandbox::counting(config).map_err(LoadFault::Sandbox)?;
        Preparer::with(&unsigned(config), sandbox).map(Self)
    }

    /// The most bytes that a component may have by its settings.
    ///
    /// # Errors
    /// If that asks for more than the operator allows, or can't be read.
    pub fn room(&self, settings: &str) -> Result<u64, LoadFault> {
        let settings: ReleaseSettings =
            toml::from_str(settings).map_err(|error| LoadFault::Settings(error.to_string()))?;
        Ok(allowed(&self.0.config, &settings)?.0)
    }

    /// Like [`Trial::new`].
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

/// A trial keeps no samples. Authors need not sign a component to try it, and they wait for its compilation.
fn unsigned(config: &Config) -> Config {
    let (allow_unsigned, trusted_keys, samples_dir) = (true, Vec::new(), String::new());
    Config { allow_unsigned, trusted_keys, samples_dir, compiler: None, ..config.clone() }
}

impl Trial {
    /// Compiles a component; signatures and fixtures are not checked. `settings` is the text of its `NAME.toml`, which
    /// may be empty.
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

    /// Makes one call with these settings; it is cut off at `deadline`.
    pub fn run(&self, input: &RuleInput, config: &BTreeMap<String, String>, deadline: Duration) -> TrialOutcome {
        let limits = Limits { deadline: Ticks::of(onhand_http::setting::Span(deadline)), ..self.0.limits };
        let asked = input.as_call();
        let start = Instant::now();
        let mut store = self.0.sandbox.store(&Arc::new(config.clone()), limits, asked.at());
        // This works only for a store that counts.
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

    /// The time and the bytes of memory that a call may use, by the configuration and the component's settings.
    pub fn limits(&self) -> (Duration, usize) {
        (self.0.limits.deadline.span(), self.0.limits.memory)
    }

    /// What a node would say about this fixture before it uses the release; `None` if the answer is as expected.
    pub fn differs(&self, fixture: &Fixture) -> Option<String> {
        self.0.try_on(fixture)
    }
}
