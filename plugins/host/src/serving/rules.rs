//! The handle that edge and origin hold: the rules in force, and how they are called.

use std::{io, path::Path, sync::Arc};

use arc_swap::Guard;
use onhand_wire::{ChannelId, release::Release};

use crate::{
    config::Config,
    registry::{
        check::CheckedRelease,
        follow::{self, Announcements, Origin},
        loader::Loader,
        pushed::PushedRules,
        report::{RulesReport, report},
        slot::{RuleSet, Slot},
        watch,
    },
    release::fault::{LoadError, LoadFault},
    rule::running::{CallOutcome, Rule},
    world::{
        World,
        allocation::{AllocationInput, Plan},
        call::{RuleAnswer, RuleCall},
        captured::{CapturedCall, CapturedFault},
        fault::{Failure, Fault, Reason},
        pricing::{Prices, PricingInput},
        view::{Presentation, ViewInput},
    },
};

/// The rules in force; a clone is another handle to the same rules.
#[derive(Clone)]
pub struct Rules {
    loader: Arc<Loader>,
    /// The rules that this handle keeps, whatever is swapped meanwhile.
    pinned: Option<Arc<RuleSet>>,
}

impl Rules {
    /// No rules, and nothing that runs.
    pub fn none() -> Self {
        Self { loader: Arc::new(Loader::new(None)), pinned: None }
    }

    /// Prepares every release of `config.dir`, which may take long, then checks the folder every `config.poll`. Pushed
    /// releases that were kept (`config.cache_dir`) are prepared as well.
    ///
    /// # Errors
    /// The first file of the folder with a fault. A node should rather not start than run with half of its
    /// rules.
    pub fn load(config: &Config) -> Result<Self, LoadError> {
        if config.dir.is_empty() && config.topic.is_empty() {
            return Ok(Self::none());
        }
        let dir = Path::new(&config.dir);
        let loader = Arc::new(Loader::new(Some(config.clone())));
        if !config.dir.is_empty() || !config.trusted_keys.is_empty() {
            loader.preparer(config).map_err(|fault| fault.of(dir))?;
        }
        let memory = config.marks_dir().is_none() && !config.trusted_keys.is_empty();
        if memory {
            tracing::warn!(
                "rules.state_dir is not set, nor cache_dir or dir: which releases were in use is forgotten when this node \
                 ends, and only the origin keeps an older one from being used again"
            );
        }
        let seen = watch::stamp(dir);
        loader.look(&PushedRules::default(), true).map_err(first)?;
        if !config.topic.is_empty() {
            loader.restore(config);
        }
        if !config.dir.is_empty() && !config.poll.0.is_zero() {
            watch::start(&loader, dir, config.poll.0, seen).map_err(|error| LoadFault::Sandbox(error).of(dir))?;
        }
        Ok(Self { loader, pinned: None })
    }

    /// Reads the folder again and swaps. Running calls go on with the release that they began with.
    ///
    /// # Errors
    /// The first file with a fault; its rule keeps its present release, and the others change.
    pub fn reload(&self) -> Result<(), LoadError> {
        self.loader.reload().map_err(first)
    }

    /// Follows announcements, and asks the origin what is in force. Ends with the rules.
    ///
    /// # Errors
    /// If the thread can't be started.
    pub fn follow(&self, from: Announcements, origin: impl Origin) -> io::Result<()> {
        follow::start(&self.loader, from, origin)
    }

    /// The topic on which releases are announced, if there is one.
    pub fn topic(&self) -> Option<&str> {
        self.loader.config.as_ref().map(|config| config.topic.as_str()).filter(|topic| !topic.is_empty())
    }

    /// What this node would say about a release if it were announced: it checks signature, sizes, compilation, world
    /// and fixtures. This may take long, and changes nothing. `next`: whether it is to run beside the one in use.
    ///
    /// # Errors
    /// Why it would be refused.
    pub fn check(&self, rule: &str, next: bool, release: Release) -> Result<CheckedRelease, LoadFault> {
        self.loader.check(rule, next, release)
    }

    /// What this node would say about a rule's withdrawal, after which no release of it is in use. Changes nothing.
    /// Returns the sequence of its signature; `None` if signatures are not judged.
    ///
    /// # Errors
    /// Why it would be refused.
    pub fn check_withdrawal(&self, rule: &str, signature: Option<&str>) -> Result<Option<u64>, LoadFault> {
        self.loader.check_withdrawal(rule, signature)
    }

    /// Whether this node uses only signed releases.
    pub fn wants_signatures(&self) -> bool {
        self.loader.config.as_ref().is_some_and(Config::wants_signatures)
    }

    /// A handle that keeps the present rules, so that one set of releases makes an answer that takes several calls.
    pub fn pinned(&self) -> Self {
        Self { loader: self.loader.clone(), pinned: Some(Guard::into_inner(self.set())) }
    }

    fn set(&self) -> Guard<Arc<RuleSet>> {
        match &self.pinned {
            Some(set) => Guard::from_inner(set.clone()),
            None => self.loader.in_force.current.load(),
        }
    }

    /// Rises with each swap: bodies that were rendered under another number are no longer valid.
    pub fn release(&self) -> u64 {
        self.set().release
    }

    /// Every rule, by name.
    pub fn names(&self) -> Vec<(String, World)> {
        self.set().slots.values().map(|slot| (slot.name.clone(), slot.world)).collect()
    }

    /// The world of the rule of this name; `None` if it isn't loaded.
    pub fn world(&self, name: &str) -> Option<World> {
        self.set().slots.get(name).map(|slot| slot.world)
    }

    pub fn has_allocation(&self, name: &str) -> bool {
        self.world(name) == Some(World::Allocation)
    }

    /// Whether any lookup might be shown differently from the plain facts.
    pub fn has_view(&self) -> bool {
        !self.set().views.is_empty()
    }

    /// Whether a quote must not fall back on the catalogue's prices.
    pub fn must_price(&self, channel: Option<&ChannelId>) -> bool {
        self.set().prices.of(channel).is_some_and(|slot| slot.refuse)
    }

    /// Asks a rule to allocate the lines, within [`Config::batch_deadline`]. The plan is checked: it may have only
    /// known lines and offered locations, and never more than was asked for or is there.
    ///
    /// # Errors
    /// What went wrong; the built-in strategy must be used.
    pub fn allocate(&self, rule: &str, input: &AllocationInput) -> Result<Plan, Fault> {
        self.allocate_traced(rule, input, false).0
    }

    /// Like [`Rules::allocate`]. If `traced`, it also returns the call, which can be kept with the plan, explained and
    /// replayed. `None` if no release was asked.
    pub fn allocate_traced(
        &self,
        rule: &str,
        input: &AllocationInput,
        traced: bool,
    ) -> (Result<Plan, Fault>, Option<CapturedCall>) {
        let set = self.set();
        let Some(slot) = set.slots.get(rule).filter(|slot| slot.world == World::Allocation) else {
            return (Err(self.unknown(rule, "no allocation rule of this name is loaded")), None);
        };
        let (answer, call) = self.call_traced(slot, RuleCall::Allocation(input), traced);
        (self.plan(slot, answer), call)
    }

    fn plan(&self, slot: &Slot, answer: Result<RuleAnswer, Fault>) -> Result<Plan, Fault> {
        match answer? {
            RuleAnswer::Allocation(plan) => Ok(plan),
            _ => Err(self.unknown(&slot.name, "it answered for another world")),
        }
    }

    /// One rank for each location of the input, in its order: lower is better, and `None` abstains. Rules of the worlds
    /// `allocation` and `ranking` can be asked. Lines and stock of the input are not passed to the rule, but count
    /// towards the limit of its size.
    ///
    /// # Errors
    /// What went wrong; the rule counts as abstaining.
    pub fn rank(&self, rule: &str, input: &AllocationInput) -> Result<Vec<Option<i32>>, Fault> {
        self.rank_traced(rule, input, false).0
    }

    /// Like [`Rules::rank`]. If `traced`, it also returns the call.
    pub fn rank_traced(
        &self,
        rule: &str,
        input: &AllocationInput,
        traced: bool,
    ) -> (Result<Vec<Option<i32>>, Fault>, Option<CapturedCall>) {
        let set = self.set();
        let Some(slot) = set.slots.get(rule).filter(|slot| slot.world.by_name()) else {
            return (Err(self.unknown(rule, "no allocation or ranking rule of this name is loaded")), None);
        };
        let (answer, call) = self.call_traced(slot, RuleCall::Ranking(input), traced);
        (self.ranks(slot, answer), call)
    }

    fn ranks(&self, slot: &Slot, answer: Result<RuleAnswer, Fault>) -> Result<Vec<Option<i32>>, Fault> {
        match answer? {
            RuleAnswer::Ranking(ranks) => Ok(ranks),
            _ => Err(self.unknown(&slot.name, "it answered for another world")),
        }
    }

    /// The rule that decides what a channel sees; `None` if it sees the plain facts.
    pub fn view_name(&self, channel: Option<&ChannelId>) -> Option<String> {
        self.set().views.of(channel).map(|slot| slot.name.clone())
    }

    /// What a channel sees of a SKU, within [`Config::deadline`]. `None` if no rule applies and the plain facts are
    /// shown.
    pub fn view(&self, input: &ViewInput) -> Option<Result<Presentation, Fault>> {
        let set = self.set();
        let slot = set.views.of(input.channel.as_ref())?;
        Some(match self.call_if_any(slot, RuleCall::View(input))? {
            Ok(RuleAnswer::View(presentation)) => Ok(presentation),
            Ok(_) => Err(self.unknown(&slot.name, "it answered for another world")),
            Err(fault) => Err(fault),
        })
    }

    /// What a quote's lines cost, within [`Config::deadline`]. `None` if no rule applies and the catalogue's prices are
    /// used. If a fault has [`Fault::refuse`], they must not be used instead.
    pub fn price(&self, input: &PricingInput) -> Option<Result<Prices, Fault>> {
        let set = self.set();
        let slot = set.prices.of(input.channel.as_ref())?;
        Some(match self.call_if_any(slot, RuleCall::Pricing(input))? {
            Ok(RuleAnswer::Pricing(lines)) => Ok(Prices { rule: slot.name.clone(), lines }),
            Ok(_) => Err(self.unknown(&slot.name, "it answered for another world")),
            Err(fault) => Err(fault),
        })
    }

    /// `None` if no release is in use and a failure would not refuse the caller.
    fn call_if_any(&self, slot: &Arc<Slot>, asked: RuleCall<'_>) -> Option<Result<RuleAnswer, Fault>> {
        match slot.choose(asked) {
            None if !slot.refuse => None,
            _ => Some(self.call_traced(slot, asked, false).0),
        }
    }

    fn call_traced(
        &self,
        slot: &Arc<Slot>,
        asked: RuleCall<'_>,
        traced: bool,
    ) -> (Result<RuleAnswer, Fault>, Option<CapturedCall>) {
        let Some(rule) = slot.choose(asked) else { return (Err(slot.nobody()), None) };
        let answer = self.call_release(slot, rule, asked);
        if !traced {
            return (answer, None);
        }
        let fault = answer
            .as_ref()
            .err()
            .map(|fault| CapturedFault { reason: fault.reason.to_string(), detail: fault.detail.clone() });
        let call = rule.captured(asked, answer.as_ref().ok(), fault);
        (answer, Some(call))
    }

    fn call_release(&self, slot: &Slot, rule: &Arc<Rule>, asked: RuleCall<'_>) -> Result<RuleAnswer, Fault> {
        let CallOutcome { answer, too_often } = rule.run(asked);
        if let (Some(shadow), Some(shadows)) = (slot.shadow(), self.loader.shadows()) {
            shadows.ask(shadow, asked, answer.as_ref().ok());
        }
        if too_often {
            self.loader.in_force.take_out(rule);
        }
        answer
    }

    /// Which releases run, since when, how often they were called and how long they took.
    pub fn report(&self) -> RulesReport {
        report(&self.set(), self.loader.refused())
    }

    /// `rules_calls_total`, `rules_failures_total`, `rules_call_duration_seconds` and the like.
    ///
    /// # Errors
    /// If the registry has them already.
    pub fn register(&self, registry: &prometheus::Registry) -> prometheus::Result<()> {
        self.loader.in_force.meter.register(registry)
    }

    fn unknown(&self, name: &str, what: &str) -> Fault {
        self.loader.in_force.meter.failed(name, &Reason::Unknown);
        Failure::new(Reason::Unknown, what).of(name)
    }
}

/// The first error; there is at least one.
fn first(errors: Vec<LoadError>) -> LoadError {
    errors.into_iter().next().expect("what failed says why")
}
