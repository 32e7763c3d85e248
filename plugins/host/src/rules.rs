//! The handle that edge and origin hold: the rules in force, and how they are called.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::{ArcSwap, Guard};
use onhand_wire::ChannelId;

use crate::{
    AllocationInput, Answer, Captured, CapturedFault, Config, Fault, LoadError, LoadFault, Plan, Presentation, Prices,
    PricingInput, Reason, ViewInput, World,
    call::Asked,
    fault::Failure,
    load,
    meter::Meter,
    placing::{Placed, place},
    record::now,
    release::Source,
    report::{Report, report},
    rule::{Called, Rule},
    shadow::Shadows,
    slot::{Out, Set, Slot},
    watch,
};

/// The rules in force; a clone is another handle on the same ones.
#[derive(Clone)]
pub struct Rules {
    shared: Arc<Shared>,
    /// What this handle keeps to, whatever is swapped meanwhile.
    pinned: Option<Arc<Set>>,
}

pub(crate) struct Shared {
    current: ArcSwap<Set>,
    meter: Meter,
    /// None without a folder: no engine, no clock.
    source: Option<Source>,
    shadows: Option<Shadows>,
    /// One look at the folder at a time, which may take long.
    loading: Mutex<()>,
    /// One swap at a time, which takes no time.
    changing: Mutex<()>,
    /// What the last look at the folder could not use.
    refused: Mutex<Vec<String>>,
}

impl Rules {
    /// No rules, and nothing that runs.
    pub fn none() -> Self {
        Self::of(None, None)
    }

    fn of(source: Option<Source>, shadows: Option<Shadows>) -> Self {
        let current = ArcSwap::default();
        let shared = Shared {
            current,
            meter: Meter::new(),
            source,
            shadows,
            loading: Mutex::default(),
            changing: Mutex::default(),
            refused: Mutex::default(),
        };
        Self { shared: Arc::new(shared), pinned: None }
    }

    /// Prepares every release of `config.dir`, which takes as long as that takes, then looks at the folder
    /// every `config.poll`.
    ///
    /// # Errors
    /// The first file at fault. A start is better refused than made with half the rules.
    pub fn load(config: &Config) -> Result<Self, LoadError> {
        if config.dir.is_empty() {
            return Ok(Self::none());
        }
        let dir = Path::new(&config.dir);
        let source = Source::of(config).map_err(|fault| fault.of(dir))?;
        let shadows = Shadows::start().map_err(|error| LoadFault::Sandbox(error).of(dir))?;
        let rules = Self::of(Some(source), Some(shadows));
        let seen = watch::stamp(dir);
        rules.reload()?;
        if !config.poll.0.is_zero() {
            watch::start(&rules.shared, dir, config.poll.0, seen).map_err(|error| LoadFault::Sandbox(error).of(dir))?;
        }
        Ok(rules)
    }

    /// Reads the folder again and swaps. Calls that run go on with the release they began with.
    ///
    /// # Errors
    /// The first file at fault; its rule keeps the release that it has, the others change.
    pub fn reload(&self) -> Result<(), LoadError> {
        self.shared.reload()
    }

    /// A handle that keeps to the rules as they are now: an answer that is made of several calls is made by
    /// one set of releases.
    pub fn pinned(&self) -> Self {
        Self { shared: self.shared.clone(), pinned: Some(Guard::into_inner(self.set())) }
    }

    fn set(&self) -> Guard<Arc<Set>> {
        match &self.pinned {
            Some(set) => Guard::from_inner(set.clone()),
            None => self.shared.current.load(),
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

    /// Whether any quote might be priced differently from the catalogue.
    /// Whether a quote must not fall back on the catalogue's prices.
    pub fn must_price(&self, channel: Option<&ChannelId>) -> bool {
        self.set().prices.of(channel).is_some_and(|slot| slot.refuse)
    }

    pub fn has_pricing(&self) -> bool {
        !self.set().prices.is_empty()
    }

    /// Shares the lines out by a rule, within [`Config::batch_deadline`]. The plan is checked: known
    /// lines, offered locations, never more than was asked or is there.
    ///
    /// # Errors
    /// Whatever went wrong; the built-in strategy is to be used.
    pub fn allocate(&self, rule: &str, input: &AllocationInput) -> Result<Plan, Fault> {
        let set = self.set();
        let Some(slot) = set.slots.get(rule).filter(|slot| slot.world == World::Allocation) else {
            return Err(self.unknown(rule, "no allocation rule of this name is loaded"));
        };
        self.plan(slot, self.call(slot, Asked::Allocation(input)))
    }

    /// As [`Rules::allocate`], with the call as it was, so that it can be kept with the plan, explained and
    /// replayed. None: no release was asked.
    pub fn allocate_captured(&self, rule: &str, input: &AllocationInput) -> (Result<Plan, Fault>, Option<Captured>) {
        let set = self.set();
        let Some(slot) = set.slots.get(rule).filter(|slot| slot.world == World::Allocation) else {
            return (Err(self.unknown(rule, "no allocation rule of this name is loaded")), None);
        };
        let (answer, call) = self.call_captured(slot, Asked::Allocation(input));
        (self.plan(slot, answer), call)
    }

    fn plan(&self, slot: &Slot, answer: Result<Answer, Fault>) -> Result<Plan, Fault> {
        match answer? {
            Answer::Allocation(plan) => Ok(plan),
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
        let set = self.set();
        let Some(slot) = set.slots.get(rule).filter(|slot| slot.world.by_name()) else {
            return Err(self.unknown(rule, "no allocation or ranking rule of this name is loaded"));
        };
        self.ranks(slot, self.call(slot, Asked::Ranking(input)))
    }

    /// As [`Rules::rank`], with the call as it was.
    pub fn rank_captured(
        &self,
        rule: &str,
        input: &AllocationInput,
    ) -> (Result<Vec<Option<i32>>, Fault>, Option<Captured>) {
        let set = self.set();
        let Some(slot) = set.slots.get(rule).filter(|slot| slot.world.by_name()) else {
            return (Err(self.unknown(rule, "no allocation or ranking rule of this name is loaded")), None);
        };
        let (answer, call) = self.call_captured(slot, Asked::Ranking(input));
        (self.ranks(slot, answer), call)
    }

    fn ranks(&self, slot: &Slot, answer: Result<Answer, Fault>) -> Result<Vec<Option<i32>>, Fault> {
        match answer? {
            Answer::Ranking(ranks) => Ok(ranks),
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
        Some(match self.call_if_any(slot, Asked::View(input))? {
            Ok(Answer::View(presentation)) => Ok(presentation),
            Ok(_) => Err(self.unknown(&slot.name, "it answered for another world")),
            Err(fault) => Err(fault),
        })
    }

    /// What a quote's lines cost, within [`Config::deadline`]. None: no rule applies, and the catalogue's
    /// prices hold. A fault says by [`Fault::refuse`] whether they hold then too.
    pub fn price(&self, input: &PricingInput) -> Option<Result<Prices, Fault>> {
        let set = self.set();
        let slot = set.prices.of(input.channel.as_ref())?;
        Some(match self.call_if_any(slot, Asked::Pricing(input))? {
            Ok(Answer::Pricing(lines)) => Ok(Prices { rule: slot.name.clone(), lines }),
            Ok(_) => Err(self.unknown(&slot.name, "it answered for another world")),
            Err(fault) => Err(fault),
        })
    }

    /// As [`Rules::call`]; none where no release is in use and failing would refuse nobody.
    fn call_if_any(&self, slot: &Arc<Slot>, asked: Asked<'_>) -> Option<Result<Answer, Fault>> {
        match slot.choose(asked) {
            None if !slot.refuse => None,
            _ => Some(self.call(slot, asked)),
        }
    }

    fn call(&self, slot: &Arc<Slot>, asked: Asked<'_>) -> Result<Answer, Fault> {
        let Some(rule) = slot.choose(asked) else { return Err(slot.nobody()) };
        self.call_release(slot, rule, asked)
    }

    fn call_captured(&self, slot: &Arc<Slot>, asked: Asked<'_>) -> (Result<Answer, Fault>, Option<Captured>) {
        let Some(rule) = slot.choose(asked) else { return (Err(slot.nobody()), None) };
        let answer = self.call_release(slot, rule, asked);
        let fault = answer
            .as_ref()
            .err()
            .map(|fault| CapturedFault { reason: fault.reason.to_string(), detail: fault.detail.clone() });
        let call = rule.captured(asked, answer.as_ref().ok(), fault);
        (answer, Some(call))
    }

    fn call_release(&self, slot: &Slot, rule: &Arc<Rule>, asked: Asked<'_>) -> Result<Answer, Fault> {
        let Called { answer, too_often } = rule.run(asked);
        if let (Some(shadow), Some(shadows)) = (slot.shadow(), &self.shared.shadows) {
            shadows.ask(&self.shared, shadow, asked, answer.as_ref().ok());
        }
        if too_often {
            self.shared.take_out(rule);
        }
        answer
    }

    /// What runs where, since when, how often and how long.
    pub fn report(&self) -> Report {
        let refused = self.shared.refused.lock().unwrap_or_else(PoisonError::into_inner).clone();
        report(&self.set(), refused)
    }

    /// `rules_calls_total`, `rules_failures_total`, `rules_call_duration_seconds` and the like.
    ///
    /// # Errors
    /// If the registry has them already.
    pub fn register(&self, registry: &prometheus::Registry) -> prometheus::Result<()> {
        self.shared.meter.register(registry)
    }

    fn unknown(&self, name: &str, what: &str) -> Fault {
        self.shared.meter.failed(name, &Reason::Unknown);
        Failure::new(Reason::Unknown, what).of(name)
    }
}

impl Shared {
    pub(crate) fn reload(&self) -> Result<(), LoadError> {
        let Some(source) = &self.source else { return Ok(()) };
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.current.load_full();
        let found = load::folder(&source.config)?;
        let files: Vec<_> = found.iter().map(|found| (found.name.clone(), found.file.clone())).collect();
        let Placed { slots, changed, errors } = place(source, &self.meter, &current, found);
        errors.iter().for_each(|_| self.meter.load_failed());
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = errors.iter().map(ToString::to_string).collect();
        // At the start nothing is used unless all of it can be.
        let (starts, first) = (current.release == 0, errors.into_iter().next());
        if if starts { first.is_none() } else { changed } {
            self.swap_to(slots).map_err(|(name, fault)| {
                let file = files.into_iter().find(|(found, _)| *found == name).map(|(_, file)| file);
                let error = fault.of(&file.unwrap_or_default());
                self.meter.load_failed();
                self.refused.lock().unwrap_or_else(PoisonError::into_inner).push(error.to_string());
                error
            })?;
        }
        first.map_or(Ok(()), Err)
    }

    fn swap_to(&self, mut slots: BTreeMap<String, Arc<Slot>>) -> Result<(), (String, LoadFault)> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
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
        self.swap(set);
        Ok(())
    }

    fn swap(&self, set: Set) {
        let running = set.slots.values().flat_map(|slot| slot.running().map(|(_, stage)| (slot.name.as_str(), stage)));
        self.meter.running(running);
        self.current.store(Arc::new(set));
    }

    /// A release that fails too often loses its traffic.
    pub(crate) fn take_out(&self, rule: &Arc<Rule>) {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
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
