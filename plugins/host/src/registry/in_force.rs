//! The releases in force, and how one set of them replaces another. No call waits for a swap, and running calls go on
//! with the set that they began with.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;

use crate::{
    registry::slot::{RuleSet, Slot, TakenOutRelease},
    release::{fault::LoadFault, marks::Marks, signature::Seal},
    rule::{meter::Meter, running::Rule, statistics::now},
};

pub(crate) struct InForce {
    pub(crate) current: ArcSwap<RuleSet>,
    pub(crate) meter: Meter,
    /// One swap at a time.
    swapping: Mutex<()>,
}

/// The rule at fault, and why it cannot be swapped in.
pub(crate) type SwapFault = (String, LoadFault);

impl InForce {
    pub(crate) fn nothing() -> Self {
        Self { current: ArcSwap::default(), meter: Meter::new(), swapping: Mutex::default() }
    }

    /// Puts these rules in force, once their marks are raised.
    pub(crate) fn swap_to(&self, mut slots: BTreeMap<String, Arc<Slot>>, marks: &Marks) -> Result<(), SwapFault> {
        let _swapping = self.swapping.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.current.load();
        // A release that was taken out while the folder was read stays out.
        for (name, slot) in &mut slots {
            for out in current.slots.get(name).into_iter().flat_map(|slot| &slot.out) {
                if let Some(without) = slot.without(out.clone()) {
                    *slot = Arc::new(without);
                }
            }
        }
        let set = RuleSet::of(current.release + 1, slots)?;
        raise_marks(&set, marks)?;
        self.swap(set);
        Ok(())
    }

    fn swap(&self, set: RuleSet) {
        let running = set.slots.values().flat_map(|slot| slot.running().map(|(_, stage)| (slot.name.as_str(), stage)));
        self.meter.running(running);
        self.current.store(Arc::new(set));
    }

    /// Takes a release that fails too often out of use.
    pub(crate) fn take_out(&self, rule: &Arc<Rule>) {
        let _swapping = self.swapping.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.current.load_full();
        let release = &rule.release;
        let out =
            TakenOutRelease { identity: release.identity.clone(), component: release.component.clone(), at: now() };
        // Another call may have taken it out already.
        let Some(slot) = current.slots.get(&rule.name).and_then(|slot| slot.without(out)) else { return };
        let back = slot.full.as_ref().map(|rule| rule.release.component.as_str());
        let (name, component) = (&rule.name, &release.component);
        tracing::error!(rule = name, component, back, "a release failed too often and is taken out");
        self.meter.taken_out(name);
        self.swap(current.with(slot));
    }
}

/// Releases are marked before they are used, so older signatures are not used again, whatever happens next.
fn raise_marks(set: &RuleSet, marks: &Marks) -> Result<(), SwapFault> {
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
    marks.raise(&used).map_err(fault)
}
