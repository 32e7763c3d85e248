//! The SKUs that callers wait for, each counted once for each caller, however many of its requests wait for it.
//!
//! So ten thousand shoppers behind one address may want the same cold SKU, and nobody takes the places of others by
//! asking for one again and again. Names that turn out to be unknown count as well.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use onhand_wire::{Problem, Sku};

use super::{Caller, shares::ShareLimit};

pub(crate) struct Misses {
    /// The limit for all callers together.
    most: usize,
    share: ShareLimit,
    taken: Mutex<PlacesTaken>,
}

#[derive(Default)]
struct PlacesTaken {
    /// How many SKUs all callers wait for.
    skus: usize,
    /// How many requests of each caller wait for each SKU. `None` is the node itself.
    callers: HashMap<Option<Caller>, HashMap<Sku, usize>>,
}

/// Why a caller may not wait.
pub(crate) enum MissRefused {
    /// All places are taken.
    Crowded,
    /// The caller's own share is used up.
    BeyondShare(Problem),
}

/// The places of one request; they are free again when this is dropped.
pub(crate) struct Places {
    misses: Arc<Misses>,
    caller: Option<Caller>,
    skus: Vec<Sku>,
}

impl Misses {
    pub(crate) fn new(most: usize, share: ShareLimit) -> Arc<Self> {
        Arc::new(Self { most, share, taken: Mutex::default() })
    }

    fn taken(&self) -> MutexGuard<'_, PlacesTaken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many places are taken.
    pub(crate) fn len(&self) -> usize {
        self.taken().skus
    }

    /// Takes places for all of `skus`, or for none of them. The node itself has no share, only the common limit.
    pub(crate) fn wait(self: &Arc<Self>, caller: Option<Caller>, skus: &[Sku]) -> Result<Places, MissRefused> {
        let mut taken = self.taken();
        let (own, all) = taken.add(&caller, skus);
        let beyond = caller.as_ref().filter(|_| self.share.most > 0 && own > self.share.most);
        if beyond.is_none() && all <= self.most {
            drop(taken);
            return Ok(Places { misses: self.clone(), caller, skus: skus.to_vec() });
        }
        // Under the same lock, so that a refused request takes nobody's place, not even for a moment.
        taken.remove(&caller, skus);
        drop(taken);
        let own_fault = |caller: &Caller| MissRefused::BeyondShare(self.share.refused(caller.is_address()));
        Err(beyond.map_or(MissRefused::Crowded, own_fault))
    }
}

impl PlacesTaken {
    /// Returns how many SKUs the caller then waits for, and how many all callers do.
    fn add(&mut self, caller: &Option<Caller>, skus: &[Sku]) -> (usize, usize) {
        let own = self.callers.entry(caller.clone()).or_default();
        let before = own.len();
        for sku in skus {
            *own.entry(sku.clone()).or_default() += 1;
        }
        self.skus += own.len() - before;
        (own.len(), self.skus)
    }

    fn remove(&mut self, caller: &Option<Caller>, skus: &[Sku]) {
        let Some(own) = self.callers.get_mut(caller) else { return };
        let before = own.len();
        for sku in skus {
            let Some(requests) = own.get_mut(sku) else { continue };
            *requests -= 1;
            if *requests == 0 {
                own.remove(sku);
            }
        }
        self.skus -= before - own.len();
        if own.is_empty() {
            self.callers.remove(caller);
        }
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        self.misses.taken().remove(&self.caller, &self.skus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    fn misses(most: usize, share: usize) -> Arc<Misses> {
        Misses::new(most, ShareLimit::new("misses", share, |most| most.to_string(), Arc::new(Metrics::new())))
    }

    fn caller(number: u8) -> Option<Caller> {
        Some(Caller::address([10, 0, 0, number].into()))
    }

    fn skus(names: std::ops::Range<usize>) -> Vec<Sku> {
        names.map(|name| Sku::new(&name.to_string()).unwrap()).collect()
    }

    #[test]
    fn a_sku_counts_once_for_each_caller_whatever_it_asks() {
        let misses = misses(10, 3);
        let first = misses.wait(caller(1), &skus(0..3)).ok().unwrap();
        let again: Vec<Places> = (0..100).map(|_| misses.wait(caller(1), &skus(0..3)).ok().unwrap()).collect();
        let twice = misses.wait(caller(1), &[skus(0..1), skus(0..1)].concat()).ok().unwrap();
        assert_eq!(misses.len(), 3);
        assert!(matches!(misses.wait(caller(1), &skus(2..4)), Err(MissRefused::BeyondShare(_))));
        let other = misses.wait(caller(2), &skus(0..3)).ok().unwrap();
        assert_eq!(misses.len(), 6, "what was refused took nothing");
        drop((again, twice, first));
        assert_eq!(misses.len(), 3);
        drop(other);
        assert!(misses.taken().callers.is_empty(), "who waits for nothing is not remembered");
    }

    #[test]
    fn all_together_have_so_many_places() {
        let misses = misses(4, 3);
        let _one = misses.wait(caller(1), &skus(0..3)).ok().unwrap();
        assert!(matches!(misses.wait(caller(2), &skus(0..2)), Err(MissRefused::Crowded)));
        assert!(
            matches!(misses.wait(caller(2), &skus(0..4)), Err(MissRefused::BeyondShare(_))),
            "that is its own fault"
        );
        let _node = misses.wait(None, &skus(0..1)).ok().unwrap();
        assert!(matches!(misses.wait(None, &skus(1..2)), Err(MissRefused::Crowded)));
        assert_eq!(misses.len(), 4);
    }
}
