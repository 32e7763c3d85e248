//! A component alone, tried on inputs: what `onhand plugin test` and `onhand plugin replay` are made of.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    Answer, Config, Fault, Fixture, Input, LoadFault, World,
    config::Beside,
    load::Package,
    meter::Meter,
    release::Source,
    rule::Rule,
    sandbox::{Limits, Ticks},
};

/// One component, ready to be called, under the limits of a configuration.
pub struct Trial(Rule);

/// What one call gave and took.
#[derive(Debug, Clone)]
pub struct Ran {
    pub answer: Result<Answer, Fault>,
    pub time: Duration,
    /// Bytes.
    pub memory: u64,
}

impl Trial {
    /// Compiles a component; signatures and fixtures are not looked at. `beside` is the text of its
    /// `NAME.toml`, perhaps empty.
    ///
    /// # Errors
    /// What a node that loads it would say.
    pub fn new(config: &Config, name: &str, component: &[u8], beside: &str) -> Result<Self, LoadFault> {
        let config = Config { allow_unsigned: true, samples_dir: String::new(), ..config.clone() };
        let beside: Beside = toml::from_str(beside).map_err(|error| LoadFault::Settings(error.to_string()))?;
        let most = beside.limits.component_size.unwrap_or(config.component_size);
        if component.len() as u64 > most.0 {
            return Err(LoadFault::TooLarge { size: component.len() as u64, most: most.0 });
        }
        let package = Package {
            component: component.to_owned(),
            signature: None,
            beside,
            fixtures: Vec::new(),
            identity: String::new(),
        };
        Source::of(&config)?.prepare(name, &package, &Meter::new(), std::iter::empty()).map(Self)
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
    pub fn run(&self, input: &Input, config: &BTreeMap<String, String>, deadline: Duration) -> Ran {
        let limits = Limits { deadline: Ticks::of(onhand_wire::setting::Span(deadline)), ..self.0.limits };
        let start = Instant::now();
        let (answer, memory) = self.0.call(input.asked(), &Arc::new(config.clone()), limits);
        let answer = answer.map_err(|failure| failure.of(&self.0.name));
        Ran { answer, time: start.elapsed(), memory: memory as u64 }
    }

    /// What a node would say of this fixture before the release takes traffic; nothing if it is as expected.
    pub fn differs(&self, fixture: &Fixture) -> Option<String> {
        self.0.try_on(fixture)
    }
}
