//! The two rules, applied to each report as it comes.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use onhand_wire::{LocationId, Sku, Timestamp, Version};

use crate::{
    report::{Figures, Report, Violation},
    staircase::Staircase,
    told::{Answer, Asked, Key, Write},
};

/// How many violations are described; all are counted.
const DESCRIBED: usize = 20;

/// Shared by all writers and readers of a run.
pub struct Checker {
    /// The nodes' names in the report.
    nodes: Vec<String>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Events so far.
    now: u64,
    skus: HashMap<Sku, BTreeMap<LocationId, History>>,
    figures: Figures,
    first: Vec<Violation>,
}

/// What is known of one key.
#[derive(Default)]
struct History {
    /// Times of acknowledgements, and the highest version acknowledged by then.
    acknowledged: Staircase<Timestamp, Version>,
    /// Versions shown; for each, the latest as-of with which it or a lower one was shown, and by which node.
    shown: Staircase<Version, (Timestamp, usize)>,
    /// For each node, the times of its answers, and the highest version that it had shown by then.
    came: BTreeMap<usize, Staircase<u64, Version>>,
}

impl Checker {
    pub fn new(nodes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { nodes: nodes.into_iter().map(Into::into).collect(), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Call this before a lookup is sent.
    pub fn asking(&self) -> Asked {
        let mut state = self.state();
        state.now += 1;
        Asked(state.now)
    }

    /// Records an acknowledged write. It is also compared with answers that came before.
    pub fn acknowledged(&self, write: &Write) {
        let mut state = self.state();
        state.figures.writes += 1;
        let (sku, location) = &write.key;
        let history = state.skus.entry(sku.clone()).or_default().entry(location.clone()).or_default();
        history.acknowledged.insert(write.at, write.version);
        let lower = history.shown.below(write.version);
        if let Some((shown, (as_of, node))) = lower.filter(|(_, (as_of, _))| *as_of > write.at) {
            let (acknowledged, at) = (write.version, write.at);
            let violation = Violation::unearned(&self.nodes[node], &write.key, as_of, shown, acknowledged, at);
            state.add(violation);
        }
    }

    /// Records an answer. Call this at once, before the reader asks anything else.
    pub fn answered(&self, answer: &Answer) {
        let mut state = self.state();
        state.now += 1;
        state.figures.answers += 1;
        state.figures.stale += u64::from(answer.stale);
        for key in state.keys(answer) {
            let shown = answer.shown.get(&key).copied();
            let violations = state.judge(&self.nodes[answer.node], &key, shown, answer);
            violations.into_iter().for_each(|violation| state.add(violation));
        }
    }

    /// Records a violation of one of the caller's own rules.
    pub fn violated(&self, violation: Violation) {
        self.state().add(violation);
    }

    pub fn figures(&self) -> Figures {
        self.state().figures
    }

    pub fn report(&self) -> Report {
        let state = self.state();
        Report { figures: state.figures, first: state.first.clone() }
    }
}

impl State {
    fn add(&mut self, violation: Violation) {
        self.figures.violations += 1;
        if self.first.len() < DESCRIBED {
            self.first.push(violation);
        }
    }

    /// The keys that the answer shows, and those that it should show.
    fn keys(&self, answer: &Answer) -> BTreeSet<Key> {
        let of = |sku: &Sku| {
            let known = self.skus.get(sku).into_iter().flat_map(BTreeMap::keys);
            known.map(|location| (sku.clone(), location.clone())).collect::<Vec<_>>()
        };
        answer.skus.iter().flat_map(of).chain(answer.shown.keys().cloned()).collect()
    }

    fn judge(&mut self, node: &str, key: &Key, shown: Option<Version>, answer: &Answer) -> Vec<Violation> {
        let now = self.now;
        let (sku, location) = key;
        let history = self.skus.entry(sku.clone()).or_default().entry(location.clone()).or_default();
        let version = shown.unwrap_or(Version::ZERO);
        let mut violations = Vec::new();
        let mut compared = 0;
        if let Some((at, floor)) = history.acknowledged.below(answer.as_of) {
            compared += 1;
            if version < floor {
                violations.push(Violation::unearned(node, key, answer.as_of, version, floor, at));
            }
        }
        let came = history.came.entry(answer.node).or_default();
        if let Some((_, before)) = came.below(answer.asked.0) {
            compared += 1;
            if version < before {
                violations.push(Violation::went_back(node, key, answer.as_of, version, before));
            }
        }
        came.insert(now, version);
        history.shown.insert(version, (answer.as_of, answer.node));
        self.figures.compared += compared;
        violations
    }
}
