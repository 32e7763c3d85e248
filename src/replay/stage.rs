//! What all callers of one run share.

use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};

use hdrhistogram::Histogram;
use onhand_checker::Checker;
use onhand_client::{Client, View};

use super::{Error, books::Books, propagation::Sampler, seed::Seeded};

pub(super) struct Stage {
    pub edges: Client,
    /// The edges again, with a token for shipping and returns, which a storefront's token may not do.
    pub warehouse: Client,
    pub origins: Client,
    pub seeded: Seeded,
    pub books: Books,
    /// Judges what lookups show.
    pub checker: Checker,
    pub counts: Counts,
    pub sampler: Sampler,
    /// From sending a hold to its final answer, in microseconds.
    pub hold_times: Mutex<Histogram<u64>>,
}

/// Counts of final answers; each is counted once.
#[derive(Default)]
pub(super) struct Counts {
    pub holds: AtomicU64,
    pub partial: AtomicU64,
    pub refusals: AtomicU64,
    pub confirms: AtomicU64,
    pub ships: AtomicU64,
    pub cancels: AtomicU64,
    pub returns: AtomicU64,
    /// Cancellations whose goods were never held here, or were given back before.
    pub nothing_to_return: AtomicU64,
    pub lookups: AtomicU64,
    pub lookup_failures: AtomicU64,
    pub unexpected: Faults,
}

/// The number, and the first few in words.
#[derive(Default)]
pub(super) struct Faults {
    count: AtomicU64,
    examples: Mutex<Vec<String>>,
}

const EXAMPLES: usize = 5;

impl Faults {
    pub(super) fn add(&self, what: impl FnOnce() -> String) {
        self.count.fetch_add(1, Ordering::Relaxed);
        let mut examples = self.examples.lock().expect("no panic under this lock");
        if examples.len() < EXAMPLES {
            examples.push(what());
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    pub(super) fn examples(&self) -> Vec<String> {
        self.examples.lock().expect("no panic under this lock").clone()
    }
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Microseconds up to ten minutes, to three digits.
pub(super) fn histogram() -> Mutex<Histogram<u64>> {
    Mutex::new(Histogram::new_with_bounds(1, 600_000_000, 3).expect("bounds that make sense"))
}

impl Stage {
    pub(super) fn new(edges: Client, warehouse: Client, origins: Client, seeded: Seeded, sample: u64) -> Self {
        let (books, counts, sampler) = (Books::default(), Counts::default(), Sampler::new(sample));
        let checker = Checker::new((0..edges.nodes()).map(|edge| edges.name(edge)));
        Self { edges, warehouse, origins, seeded, books, checker, counts, sampler, hold_times: histogram() }
    }

    /// What the run's channel is shown.
    pub(super) fn view(&self) -> View {
        View { channel: Some(self.seeded.channel.clone()), ..View::default() }
    }

    /// Records a write without a final answer: the verdict cannot be good.
    pub(super) fn unanswered(&self, error: &Error) {
        self.counts.unexpected.add(|| error.to_string());
    }
}
