//! From a package to a rule that may take calls. In this order: its signature is judged, it is compiled within limits,
//! its world and memory are checked, and it is run on its fixtures. This is slow, so it never happens on the request
//! path.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::{
    config::Config,
    hex::hex,
    release::{
        fault::{LoadFault, SignatureError},
        marks::Marks,
        package::Package,
        signature::{self, Seal, Trusted},
    },
    rule::{
        meter::Meter,
        running::{LoadedRelease, LogThrottles, Rule},
        samples::Samples,
        statistics::{CallStatistics, Tolerance},
    },
    sandbox::{
        engine::{Limits, Sandbox, Ticks},
        link::Linkage,
    },
    world::{World, fixture::Fixture},
};

/// Prepares releases under one configuration.
pub(crate) struct Preparer {
    pub(crate) config: Config,
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) marks: Marks,
    trusted: Vec<Trusted>,
    samples: Option<Samples>,
}

/// The origin's built-in strategies, which a channel may name instead of a rule.
const BUILT_IN: [&str; 4] = ["priority", "most_stock", "fewest_splits", "nearest"];

impl Preparer {
    pub(crate) fn of(config: &Config) -> Result<Self, LoadFault> {
        Self::with(config, Sandbox::new(config).map_err(LoadFault::Sandbox)?)
    }

    pub(crate) fn with(config: &Config, sandbox: Sandbox) -> Result<Self, LoadFault> {
        let sandbox = Arc::new(sandbox);
        let trusted = Trusted::all(config)?;
        // Without keys no signature can be verified.
        let marks = if trusted.is_empty() { Marks::forgotten() } else { Marks::open(config)? };
        let samples = Samples::of(config).map_err(LoadFault::Read)?;
        Ok(Self { config: config.clone(), sandbox, marks, trusted, samples })
    }

    /// `next`: whether it is to run beside the one in use. `known`: releases that are already compiled; the same
    /// component is not compiled again.
    pub(crate) fn prepare<'a>(
        &self,
        name: &str,
        next: bool,
        package: &Package,
        meter: &Meter,
        known: impl Iterator<Item = &'a Rule>,
    ) -> Result<Rule, LoadFault> {
        let Package { release, settings, identity } = package;
        let bytes = &release.component;
        let sealed = self.sealed(name, next, package)?;
        if let Some((seal, _)) = &sealed {
            self.marks.judge(name, next, seal)?;
        }
        let component = hex(&Sha256::digest(bytes));
        let mut known = known.filter(|rule| rule.release.component == component);
        let Linkage { linked, memory, wasi } = match known.next() {
            Some(rule) => rule.linkage.clone(),
            None => Linkage::of(&self.config, &self.sandbox.engine, bytes)?,
        };
        let signed_for = |(_, world): &(Seal, World)| *world == linked.world();
        if !sealed.as_ref().is_none_or(signed_for) {
            return Err(LoadFault::Signature(SignatureError::Differs(vec!["world".to_owned()])));
        }
        let seal = sealed.map(|(seal, _)| seal);
        check_settings(name, linked.world(), package)?;
        let limits = self.limits(package, linked.world())?;
        if memory > limits.memory as u64 {
            return Err(LoadFault::Memory { has: memory, most: limits.memory as u64 });
        }
        let fixtures = self.fixtures(package, linked.world())?;
        let config = &self.config;
        let rule = Rule {
            name: name.to_owned(),
            meter: meter.of(name, linked.world()),
            release: LoadedRelease { identity: identity.clone(), component, seal, fixtures: fixtures.len() },
            linkage: Linkage { linked, memory, wasi },
            settings: Arc::new(settings.config.clone()),
            sandbox: self.sandbox.clone(),
            limits,
            refuse: settings.refuse_on_failure,
            tolerance: Tolerance {
                rate: config.max_failure_rate,
                calls: config.failure_calls,
                window: config.failure_window.0,
            },
            statistics: CallStatistics::new(),
            samples: self.samples.clone(),
            throttles: LogThrottles::new(),
        };
        for (file, fixture) in fixtures {
            if let Some(differs) = rule.try_on(&fixture) {
                return Err(LoadFault::SelfTest { file, differs });
            }
        }
        Ok(rule)
    }

    /// Whether signatures are judged: there are keys to judge them by, or unsigned releases are refused.
    fn judges(&self) -> bool {
        !self.trusted.is_empty() || self.config.wants_signatures()
    }

    pub(crate) fn sealed(&self, name: &str, next: bool, package: &Package) -> Result<Option<(Seal, World)>, LoadFault> {
        let Package { release, settings, .. } = package;
        match &release.signature {
            Some(signature) if self.judges() => {
                signature::verify(name, next, release, settings, signature, &self.trusted)
                    .map(Some)
                    .map_err(LoadFault::Signature)
            }
            None if self.config.wants_signatures() => Err(LoadFault::Unsigned(format!("{name}.wasm"))),
            _ => Ok(None),
        }
    }

    /// Judges a withdrawal, after which no release of the rule is used. `None` if it is not signed and need not be.
    pub(crate) fn withdrawn(&self, name: &str, signature: Option<&str>) -> Result<Option<Seal>, LoadFault> {
        let Some(signature) = signature.filter(|_| self.judges()) else {
            return if self.config.wants_signatures() { Err(LoadFault::UnsignedWithdrawal) } else { Ok(None) };
        };
        let seal = signature::verify_withdrawal(name, signature, &self.trusted).map_err(LoadFault::Signature)?;
        self.marks.judge(name, false, &seal)?;
        Ok(Some(seal))
    }

    fn limits(&self, package: &Package, world: World) -> Result<Limits, LoadFault> {
        let (config, asked) = (&self.config, package.settings.limits);
        let deadline = if world.by_name() { config.batch_deadline } else { config.deadline };
        let span = asked.deadline.unwrap_or(deadline);
        let most = config.max_deadline.max(deadline);
        if span > most {
            return Err(LoadFault::asks("deadline", span, most));
        }
        let memory = asked.memory.unwrap_or(config.memory);
        let most = config.max_memory.max(config.memory);
        if memory > most {
            return Err(LoadFault::asks("memory", memory, most));
        }
        Ok(Limits { deadline: Ticks::of(span), memory: usize::try_from(memory.0).unwrap_or(usize::MAX) })
    }

    fn fixtures(&self, package: &Package, world: World) -> Result<Vec<(String, Fixture)>, LoadFault> {
        let parse = |(file, text): (&String, &String)| match Fixture::parse(world, text.as_bytes()) {
            Ok(fixture) => Ok((file.clone(), fixture)),
            Err(error) => Err(LoadFault::Fixture { file: file.clone(), error }),
        };
        package.release.fixtures.iter().map(parse).collect()
    }
}

fn check_settings(name: &str, world: World, package: &Package) -> Result<(), LoadFault> {
    if !world.by_name() {
        return Ok(());
    }
    if BUILT_IN.contains(&name) {
        return Err(LoadFault::BuiltIn(name.to_owned()));
    }
    let message = if package.settings.channels.is_some() {
        "`channels` beside it is for views and pricings; a channel names its allocation or ranking rules itself"
    } else if package.settings.refuse_on_failure {
        "`refuse_on_failure` beside it is for views and pricings; a failing allocation never refuses a sale"
    } else {
        return Ok(());
    };
    Err(LoadFault::Settings(message.to_owned()))
}
