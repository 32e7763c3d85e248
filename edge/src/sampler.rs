//! Where requests leave some of their answers for the self-audit, if one is wanted. Otherwise a request pays one read
//! of a flag that seldom changes.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use onhand_wire::{Sku, Timestamp};
use tokio::sync::mpsc;

use crate::{cache::Loaded, entry::Entry, tier::Tier};

/// An answer, and what it claimed.
pub(crate) struct Sample {
    pub(crate) sku: Sku,
    pub(crate) entry: Arc<Entry>,
    pub(crate) tier: Tier,
    pub(crate) as_of: Timestamp,
}

/// Where requests leave their answers.
pub(crate) struct Sampler {
    wanted: AtomicBool,
    samples: mpsc::Sender<Sample>,
    /// Which of several answers is taken, in turn.
    turn: AtomicUsize,
}

impl Sampler {
    /// Returns the handle and the queue that the audit reads.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Sample>) {
        let (samples, queue) = mpsc::channel(1);
        (Self { wanted: AtomicBool::new(false), samples, turn: AtomicUsize::new(0) }, queue)
    }

    /// Asks for the next answer that is offered.
    pub(crate) fn want_one(&self) {
        self.wanted.store(true, Ordering::Relaxed);
    }

    /// Leaves one of several answers of one request.
    pub(crate) fn offer_one_of(&self, skus: &[Sku], loaded: &[Loaded], as_of: Timestamp) {
        if self.wanted.load(Ordering::Relaxed) && !loaded.is_empty() {
            let one = self.turn.fetch_add(1, Ordering::Relaxed) % loaded.len();
            self.offer(skus[one].as_str(), &loaded[one], as_of);
        }
    }

    /// Leaves an answer that claimed `as_of`, if one is wanted.
    pub(crate) fn offer(&self, sku: &str, loaded: &Loaded, as_of: Timestamp) {
        if !self.wanted.load(Ordering::Relaxed) || loaded.superseded || !self.wanted.swap(false, Ordering::Relaxed) {
            return;
        }
        let Ok(sku) = Sku::new(sku) else { return };
        let _not_waited_for =
            self.samples.try_send(Sample { sku, entry: loaded.entry.clone(), tier: loaded.tier, as_of });
    }
}
