//! The handle that edge and origin hold: the rules in force, and how they are called.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
};

use arc_swap::ArcSwap;
use onhand_wire::ChannelId;

use crate::{
    AllocationInput, Config, Fault, LoadError, LoadFault, Plan, Presentation, Prices, PricingInput, Reason, ViewInput, World,
    fault::Failure,
    load::{self, Loaded},
    meter::Meter,
    rule::{Rule, Said},
    sandbox::{Sandbox, Ticks},
    since_v0_1::Linked,
};

/// The rules in force; a clone is another handle on the same ones.
#[derive(Clone)]
pub struct Rules(Arc<Shared>);

struct Shared {
    current: ArcSwap<Set>,
    meter: Meter,
    /// None without a folder: no engine, no clock.
    source: Option<Source>,
}

struct Source {
    config: Config,
    sandbox: Arc<Sandbox>,
}

/// One release of all rules together.
#[derive(Default, Clone)]
struct Set {
    release: u64,
    rules: BTreeMap<String, Arc<Rule>>,
    views: ByChannel,
    prices: ByChannel,
}

/// Which rule of one world applies to a channel.
#[derive(Default, Clone)]
struct ByChannel {
    named: HashMap<ChannelId, Arc<Rule>>,
    /// For whatever no other rule names.
    any: Option<Arc<Rule>>,
}

impl Rules {
    /// No rules, and nothing that runs.
    pub fn none() -> Self {
        Self(Arc::new(Shared { current: ArcSwap::default(), meter: Meter::new(), source: None }))
    }

    /// Compiles every component of `config.dir`; takes as long as that takes.
    ///
    /// # Errors
    /// The first file at fault. A start is better refused than made with half the rules.
    pub fn load(config: &Config) -> Result<Self, LoadError> {
        if config.dir.is_empty() {
            return Ok(Self::none());
        }
        let sandbox = Sandbox::new(config).map_err(|error| LoadFault::Sandbox(error).of(Path::new(&config.dir)))?;
        let source = Some(Source { config: config.clone(), sandbox: Arc::new(sandbox) });
        let rules = Self(Arc::new(Shared { current: ArcSwap::default(), meter: Meter::new(), source }));
        rules.reload()?;
        Ok(rules)
    }

    /// Reads the folder again and swaps. Calls that run go on with the release they began with.
    ///
    /// # Errors
    /// As for [`Rules::load`]; the rules in force stay.
    pub fn reload(&self) -> Result<(), LoadError> {
        let Some(source) = &self.0.source else { return Ok(()) };
        let loaded = load::folder(&source.config, &source.sandbox.engine)?;
        let next = Set::of(loaded, source, &self.0.meter)?;
        // In one step: two reloads at once must not give two sets one number.
        self.0.current.rcu(|current| Set { release: current.release + 1, ..next.clone() });
        Ok(())
    }

    /// Rises at each swap: what was rendered under another release no longer counts.
    pub fn release(&self) -> u64 {
        self.0.current.load().release
    }

    /// Every rule in force, by name.
    pub fn names(&self) -> Vec<(String, World)> {
        self.0.current.load().rules.values().map(|rule| (rule.name.clone(), rule.world())).collect()
    }

    /// The world of the rule of this name; none if it isn't loaded.
    pub fn world(&self, name: &str) -> Option<World> {
        self.0.current.load().rules.get(name).map(|rule| rule.world())
    }

    pub fn has_allocation(&self, name: &str) -> bool {
        self.world(name) == Some(World::Allocation)
    }

    /// Whether any lookup might be shown differently from the plain facts.
    pub fn has_view(&self) -> bool {
        self.0.current.load().rules.values().any(|rule| rule.world() == World::View)
    }

    /// Shares the lines out by a rule, within [`Config::batch_deadline`]. The plan is checked: known
    /// lines, offered locations, never more than was asked or is there.
    ///
    /// # Errors
    /// Whatever went wrong; the built-in strategy is to be used.
    pub fn allocate(&self, rule: &str, input: &AllocationInput) -> Result<Plan, Fault> {
        let set = self.0.current.load();
        let found = set.rules.get(rule);
        let Some((found, Linked::Allocation(world))) = found.map(|found| (found, &found.linked)) else {
            return Err(self.unknown(rule, "no allocation rule of this name is loaded"));
        };
        found.run(&self.0.meter, input, input.bytes(), |store| world.allocate(store, input))
    }

    /// One rank per location of the input, in its order: lower is better, none abstains. Rules of the
    /// worlds `allocation` and `ranking` can be asked. Lines and stock of the input are not given to
    /// the rule, but count for the limit of its size.
    ///
    /// # Errors
    /// Whatever went wrong; the rule is to be taken as abstaining.
    pub fn rank(&self, rule: &str, input: &AllocationInput) -> Result<Vec<Option<i32>>, Fault> {
        let set = self.0.current.load();
        let found = set.rules.get(rule).map(|found| (found, &found.linked));
        let (meter, bytes) = (&self.0.meter, input.bytes());
        match found {
            Some((found, Linked::Allocation(world))) => {
                found.run(meter, input, bytes, |store| world.rank(store, input))
            }
            Some((found, Linked::Ranking(world))) => found.run(meter, input, bytes, |store| world.rank(store, input)),
            Some((_, Linked::View(_) | Linked::Pricing(_))) | None => {
                Err(self.unknown(rule, "no allocation or ranking rule of this name is loaded"))
            }
        }
    }

    /// What a channel sees of a SKU, within [`Config::deadline`]. None: no rule applies, and the plain
    /// facts are shown.
    pub fn view(&self, input: &ViewInput) -> Option<Result<Presentation, Fault>> {
        let set = self.0.current.load();
        let rule = set.views.of(input.channel.as_ref())?;
        let Linked::View(view) = &rule.linked else { return None };
        Some(rule.run(&self.0.meter, input, input.bytes(), |store| view.view(store, input)))
    }

    /// What a quote's lines cost, within [`Config::deadline`]. None: no rule applies, and the catalogue's
    /// prices hold. A fault says by [`Fault::refuse`] whether they hold then too.
    pub fn price(&self, input: &PricingInput) -> Option<Result<Prices, Fault>> {
        let set = self.0.current.load();
        let rule = set.prices.of(input.channel.as_ref())?;
        let Linked::Pricing(pricing) = &rule.linked else { return None };
        let lines = rule.run(&self.0.meter, input, input.bytes(), |store| pricing.price(store, input));
        Some(lines.map(|lines| Prices { rule: rule.name.clone(), lines }))
    }

    /// `rules_calls_total`, `rules_failures_total`, `rules_call_duration_seconds`.
    ///
    /// # Errors
    /// If the registry has them already.
    pub fn register(&self, registry: &prometheus::Registry) -> prometheus::Result<()> {
        self.0.meter.register(registry)
    }

    fn unknown(&self, name: &str, what: &str) -> Fault {
        self.0.meter.failed(name, &Reason::Unknown);
        Failure::new(Reason::Unknown, what).of(name)
    }
}

impl Set {
    fn of(loaded: Vec<Loaded>, source: &Source, meter: &Meter) -> Result<Self, LoadError> {
        let mut set = Self::default();
        for Loaded { name, file, linked, beside } in loaded {
            let (world, deadline) = match linked {
                Linked::View(_) => (World::View, source.config.deadline),
                Linked::Allocation(_) => (World::Allocation, source.config.batch_deadline),
                Linked::Ranking(_) => (World::Ranking, source.config.batch_deadline),
                Linked::Pricing(_) => (World::Pricing, source.config.deadline),
            };
            let rule = Arc::new(Rule {
                meter: meter.of(&name, world),
                name,
                linked,
                settings: Arc::new(beside.config),
                sandbox: source.sandbox.clone(),
                deadline: Ticks::of(deadline),
                refuse: beside.refuse_on_failure,
                said: Said::new(),
            });
            let by_channel = match world {
                World::View => Some(&mut set.views),
                World::Pricing => Some(&mut set.prices),
                World::Allocation | World::Ranking => None,
            };
            if let Some(by_channel) = by_channel {
                by_channel.add(&rule, beside.channels).map_err(|other| LoadFault::Overlap(other).of(&file))?;
            }
            set.rules.insert(rule.name.clone(), rule);
        }
        Ok(set)
    }

}

impl ByChannel {
    /// The error is the name of the rule that already applies.
    fn add(&mut self, rule: &Arc<Rule>, channels: Option<Vec<ChannelId>>) -> Result<(), String> {
        let Some(channels) = channels else {
            return self.any.replace(rule.clone()).map_or(Ok(()), |other| Err(other.name.clone()));
        };
        for channel in channels {
            if let Some(other) = self.named.insert(channel, rule.clone()).filter(|other| other.name != rule.name) {
                return Err(other.name.clone());
            }
        }
        Ok(())
    }

    fn of(&self, channel: Option<&ChannelId>) -> Option<&Rule> {
        channel.and_then(|channel| self.named.get(channel)).or(self.any.as_ref()).map(Arc::as_ref)
    }
}
