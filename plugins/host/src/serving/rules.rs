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

/// The rules in force; a clone is another handle on the same ones.
#[derive(Clone)]
pub struct Rules {
    loader: Arc<Loader>,
    /// The rules that this handle keeps to, whatever is swapped meanwhile.
    pinned: Option<Arc<RuleSet>>,
}

impl Rules {
    /// No rules, and nothing that runs.
    pub fn none() -> Self {
        Self { loader: Arc::new(Loader::new(None)), pinned: None }
    }

    /// Prepares every release of `config.dir`, which takes as long as that takes, then looks at the folder
    /// every `config.poll`. PushedRules releases that were kept (`config.cache_dir`) are prepared as well.
    ///
    /// # Errors
    /// The first file of the folder at fault. A start is better refused than made with half the rules.
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

    /// Reads the folder again and swaps. Calls that run go on with the release they began with.
    ///
    /// # Errors
    /// The first file at fault; its rule keeps the release that it has, the others change.
    pub fn reload(&self) -> Result<(), LoadError> {
        self.loader.reload().map_err(first)
    }

    /// Follows what is announced, and asks the origin what that is. Ends with the rules.
    ///
    /// # Errors
    /// If the thread can't be started.
    pub fn follow(&self, from: Announcements, origin: impl Origin) -> io::Result<()> {
        follow::start(&self.loader, from, origin)
    }

    /// Where releases are announced; none if they are not.
    pub fn topic(&self) -> Option<&str> {
        self.loader.config.as_ref().map(|config| config.topic.as_str()).filter(|topic| !topic.is_empty())
    }

    /// What this node would say of a release, were it announced: signature, sizes, compilation, world and
    /// fixtures. Takes as long as that takes, and changes nothing. `next`: it is to run beside the one in use.
    ///
    /// # Errors
    /// Why it would be refused.
    pub fn check(&self, rule: &str, next: bool, release: Release) -> Result<CheckedRelease, LoadFault> {
        self.loader.check(rule, next, release)
    }

    /// What this node would say of a rule's withdrawal, after which nothing of it is in use; nothing changes. Answers
    /// the sequence of its signature; none if that is not judged.
    ///
    /// # Errors
    /// Why it would be refused.
    pub fn check_withdrawal(&self, rule: &str, signature: Option<&str>) -> Result<Option<u64>, LoadFault> {
        self.loader.check_withdrawal(rule, signature)
    }

    /// Whether nothing unsigned is used here.
    pub fn wants_signatures(&self) -> bool {
        self.loader.config.as_ref().is_some_and(Config::wants_signatures)
    }

    /// A handle that keeps to the rules as they are now: an answer that is made of several calls is made by
    /// one set of releases.
    pub fn pinned(&self) -> Self {
        Self { loader: self.loader.clone(), pinned: Some(Guard::into_inner(self.set())) }
    }

    fn set(&self) -> Guard<Arc<RuleSet>> {
        match &self.pinned {
            Some(set) => Guard::from_inner(set.clone()),
            None => self.loader.in_force.current.load(),
        }
    }

    /// Rises at each swap: what was rendered under another release no longer counts.
    pub fn release(&self) -> u64 {
        self.set().release
    }

    /// Every rule, by name.
    pub fn names(&self) -> Vec<(String, World)> {
        self.set().slots.values().map(|slot| (slot.name.clone(), slot.world)).collect()
    }

    /// The world of the rule of this name; none if it isn't loaded.
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

    /// Shares the lines out by a rule, within [`Config::batch_deadline`]. The plan is checked: known
    /// lines, offered locations, never more than was asked or is there.
    ///
    /// # Errors
    /// Whatever went wrong; the built-in strategy is to be used.
    pub fn allocate(&self, rule: &str, input: &AllocationInput) -> Result<Plan, Fault> {
        self.allocate_traced(rule, input, false).0
    }

    /// As [`Rules::allocate`], if `traced` with the call as it was, so that it can be kept with the plan,
    /// explained and replayed. None: no release was asked.
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

    /// One rank per location of the input, in its order: lower is better, none abstains. Rules of the
    /// worlds `allocation` and `ranking` can be asked. Lines and stock of the input are not given to
    /// the rule, but count for the limit of its size.
    ///
    /// # Errors
    /// Whatever went wrong; the rule is to be taken as abstaining.
    pub fn rank(&self, rule: &str, input: &AllocationInput) -> Result<Vec<Option<i32>>, Fault> {
        self.rank_traced(rule, input, false).0
    }

    /// As [`Rules::rank`], if `traced` with the call as it was.
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

    /// The rule that decides what a channel sees; none if it sees the plain facts.
    pub fn view_name(&self, channel: Option<&ChannelId>) -> Option<String> {
        self.set().views.of(channel).map(|slot| slot.name.clone())
    }

    /// What a channel sees of a SKU, within [`Config::deadline`]. None: no rule applies, and the plain
    /// facts are shown.
    pub fn view(&self, input: &ViewInput) -> Option<Result<Presentation, Fault>> {
        let set = self.set();
        let slot = set.views.of(input.channel.as_ref())?;
        Some(match self.call_if_any(slot, RuleCall::View(input))? {
            Ok(RuleAnswer::View(presentation)) => Ok(presentation),
            Ok(_) => Err(self.unknown(&slot.name, "it answered for another world")),
            Err(fault) => Err(fault),
        })
    }

    /// What a quote's lines cost, within [`Config::deadline`]. None: no rule applies, and the catalogue's
    /// prices hold. A fault says by [`Fault::refuse`] whether they hold then too.
    pub fn price(&self, input: &PricingInput) -> Option<Result<Prices, Fault>> {
        let set = self.set();
        let slot = set.prices.of(input.channel.as_ref())?;
        Some(match self.call_if_any(slot, RuleCall::Pricing(input))? {
            Ok(RuleAnswer::Pricing(lines)) => Ok(Prices { rule: slot.name.clone(), lines }),
            Ok(_) => Err(self.unknown(&slot.name, "it answered for another world")),
            Err(fault) => Err(fault),
        })
    }

    /// None where no release is in use and failing would refuse nobody.
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

    /// What runs where, since when, how often and how long.
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
