//! SKUs that streams watch: held whole for as long as anybody watches them, whatever L1 evicts.
//!
//! Every change is joined here **after** it is in L1. A stream begins to watch **before** it loads:
//! whichever of a change and a load comes second brings the other along. So what is seeded with a
//! load and joined with what came since is whole, and each join that changes it is told to every
//! reader, in order. A reader is told by a bounded queue of its own: nobody waits for it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use onhand_wire::{Sku, Stock, limits};
use tokio::sync::Notify;

use super::l1::Entry;

/// One state of a watched SKU. Of one SKU, a later state has a higher serial.
#[derive(Clone)]
pub(crate) struct Told {
    /// The SKU's place in what the reader watches.
    pub(crate) index: usize,
    pub(crate) serial: u64,
    pub(crate) entry: Arc<Entry>,
}

#[derive(Default)]
struct Waiting {
    told: VecDeque<Told>,
    overrun: bool,
}

/// One stream's end of the queue.
#[derive(Default)]
struct Reader {
    waiting: Mutex<Waiting>,
    wake: Notify,
}

impl Reader {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, told: Told) {
        let mut waiting = self.waiting();
        if waiting.told.len() >= limits::STREAM_BACKLOG {
            *waiting = Waiting { told: VecDeque::new(), overrun: true };
        } else if !waiting.overrun {
            waiting.told.push_back(told);
        }
        drop(waiting);
        self.wake.notify_one();
    }
}

struct Watched {
    /// What came in since it is watched; all of the SKU once `now` is there.
    stock: Stock,
    now: Option<(u64, Arc<Entry>)>,
    readers: Vec<(Arc<Reader>, usize)>,
}

impl Watched {
    /// Makes the stock the present state.
    fn renew(&mut self, serial: &mut u64) -> (u64, Arc<Entry>) {
        *serial += 1;
        let now = (*serial, Arc::new(Entry::alone(self.stock.clone())));
        self.now = Some(now.clone());
        now
    }

    fn tell(&self, (serial, entry): &(u64, Arc<Entry>)) {
        for (reader, index) in &self.readers {
            reader.tell(Told { index: *index, serial: *serial, entry: entry.clone() });
        }
    }
}

#[derive(Default)]
struct Inner {
    /// What was seeded in an earlier one counts for nothing.
    generation: u64,
    /// Facts of earlier terms are of a lost history.
    good_since: u16,
    serial: u64,
    skus: HashMap<Sku, Watched>,
}

#[derive(Default)]
pub(crate) struct Watches(Mutex<Inner>);

impl Watches {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to watch `skus`, each named once. They are to be loaded and seeded afterwards.
    pub(crate) fn watch(self: &Arc<Self>, skus: &[Sku]) -> Watch {
        let reader = Arc::new(Reader::default());
        let mut inner = self.lock();
        for (index, sku) in skus.iter().enumerate() {
            let new = || Watched { stock: Stock::default(), now: None, readers: Vec::new() };
            inner.skus.entry(sku.clone()).or_insert_with(new).readers.push((reader.clone(), index));
        }
        drop(inner);
        Watch { watches: self.clone(), reader, skus: skus.to_vec() }
    }

    /// What is in L1 by now is joined to what is watched.
    pub(super) fn came(&self, sku: &Sku, join: impl FnOnce(&mut Stock) -> bool) {
        let mut inner = self.lock();
        let Inner { good_since, serial, skus, .. } = &mut *inner;
        let Some(watched) = skus.get_mut(sku) else { return };
        let changed = join(&mut watched.stock);
        watched.stock.forget_before(*good_since);
        if changed && watched.now.is_some() {
            let now = watched.renew(serial);
            watched.tell(&now);
        }
    }

    /// What is held of earlier terms counts no more.
    pub(super) fn begin_history(&self, good_since: u16) {
        self.lock().good_since = good_since;
        self.restart();
    }

    /// Nothing held counts any more: every reader is to load and seed again.
    pub(super) fn restart(&self) {
        let mut inner = self.lock();
        inner.generation += 1;
        for watched in inner.skus.values_mut() {
            (watched.stock, watched.now) = (Stock::default(), None);
            watched.readers.iter().for_each(|(reader, _)| reader.wake.notify_one());
        }
    }
}

/// What one stream watches; dropped, it watches no more.
pub(crate) struct Watch {
    watches: Arc<Watches>,
    reader: Arc<Reader>,
    pub(crate) skus: Vec<Sku>,
}

impl Watch {
    /// To be read before a load: what is loaded may be seeded only while it is the same.
    pub(crate) fn generation(&self) -> u64 {
        self.watches.lock().generation
    }

    /// The present state, of what was loaded and what came since; none if it has to be loaded again.
    pub(crate) fn seed(&self, index: usize, loaded: &Stock, generation: u64) -> Option<Told> {
        let mut inner = self.watches.lock();
        let Inner { generation: present, good_since, serial, skus } = &mut *inner;
        let watched = skus.get_mut(&self.skus[index]).filter(|_| *present == generation)?;
        let changed = watched.stock.join(loaded.clone());
        watched.stock.forget_before(*good_since);
        let now = match &watched.now {
            Some(now) if !changed => now.clone(),
            held => {
                let known = held.is_some();
                let now = watched.renew(serial);
                if known {
                    watched.tell(&now);
                }
                now
            }
        };
        Some(Told { index, serial: now.0, entry: now.1 })
    }

    pub(crate) fn next(&self) -> Option<Told> {
        self.reader.waiting().told.pop_front()
    }

    /// How many changes wait.
    pub(crate) fn behind(&self) -> usize {
        self.reader.waiting().told.len()
    }

    /// More changes came than may wait: some were dropped.
    pub(crate) fn overrun(&self) -> bool {
        self.reader.waiting().overrun
    }

    /// Resolves when something has come since the last time.
    pub(crate) async fn woken(&self) {
        self.reader.wake.notified().await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut inner = self.watches.lock();
        for sku in &self.skus {
            let Some(watched) = inner.skus.get_mut(sku) else { continue };
            watched.readers.retain(|(reader, _)| !Arc::ptr_eq(reader, &self.reader));
            if watched.readers.is_empty() {
                inner.skus.remove(sku);
            }
        }
    }
}

#[cfg(test)]
mod tests;
