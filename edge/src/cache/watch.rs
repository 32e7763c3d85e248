//! SKUs that streams watch: held whole for as long as anybody watches them, whatever L1 evicts.
//!
//! Every change is joined here **after** it is in L1. A stream begins to watch **before** it loads:
//! whichever of a change and a load comes second brings the other along. So what is seeded with a
//! load and joined with what came since is whole, and each join that changes it is told to every
//! reader, in order. A reader is told by a bounded queue of its own: nobody waits for it.
//!
//! Each watched SKU has a lock of its own, under which a change is joined and put into its readers'
//! queues. The lock of the list is held only to find, add or remove an entry. So while one SKU's many readers are
//! told, changes of other SKUs, loads, and streams that come and go do not wait; and a reader leaves in one
//! step for each SKU, however many others watch it.

mod wake;

use std::{
    collections::{HashMap, VecDeque},
    hash::{Hash, Hasher},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU16, AtomicU64, Ordering},
    },
};

use onhand_wire::{Sku, Stock, limits};
use tokio::sync::Notify;

use self::wake::Waker;
use crate::entry::Entry;

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

    /// Whether the reader may be asleep: one that has something waiting was woken for that.
    fn tell(&self, told: Told) -> bool {
        let mut waiting = self.waiting();
        if waiting.overrun {
            return false;
        }
        if waiting.told.len() >= limits::STREAM_BACKLOG {
            *waiting = Waiting { told: VecDeque::new(), overrun: true };
            return true;
        }
        waiting.told.push_back(told);
        waiting.told.len() == 1
    }
}

/// Tells readers apart.
#[derive(Debug, Clone, Copy, Eq)]
struct Id(u64);

/// By hand, so that tests can count: what leaving costs must not grow with the number of readers.
impl PartialEq for Id {
    fn eq(&self, other: &Self) -> bool {
        #[cfg(test)]
        tests::COMPARED.set(tests::COMPARED.get() + 1);
        self.0 == other.0
    }
}

impl Hash for Id {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.hash(hasher);
    }
}

#[derive(Default)]
struct Watched {
    /// What was seeded in an earlier one counts for nothing.
    generation: u64,
    /// What came in since it is watched; all of the SKU once `now` is there.
    stock: Stock,
    serial: u64,
    now: Option<(u64, Arc<Entry>)>,
    /// With the SKU's place in what each of them watches.
    readers: HashMap<Id, (Arc<Reader>, usize)>,
}

impl Watched {
    /// Makes the stock the present state.
    fn renew(&mut self) -> (u64, Arc<Entry>) {
        self.serial += 1;
        let now = (self.serial, Arc::new(Entry::alone(self.stock.clone())));
        self.now = Some(now.clone());
        now
    }

    /// Who is to be woken for it.
    fn tell(&self, (serial, entry): &(u64, Arc<Entry>)) -> Vec<Arc<Reader>> {
        let told = |index: usize| Told { index, serial: *serial, entry: entry.clone() };
        let asleep = self.readers.values().filter(|(reader, index)| reader.tell(told(*index)));
        asleep.map(|(reader, _)| reader.clone()).collect()
    }
}

type Shared = Arc<Mutex<Watched>>;

/// A place in the list; it leaves with its last reader.
#[derive(Default)]
struct Slot {
    watched: Shared,
    readers: usize,
}

#[derive(Default)]
pub(crate) struct Watches {
    generation: AtomicU64,
    /// Facts of earlier terms are of a lost history.
    good_since: AtomicU16,
    readers: AtomicU64,
    skus: Mutex<HashMap<Sku, Slot>>,
    waker: Waker,
}

impl Watches {
    fn list(&self) -> MutexGuard<'_, HashMap<Sku, Slot>> {
        self.skus.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be changed or told; never while the list is held. The generation is read under the lock, so that whoever
    /// comes later sees no earlier one.
    fn open<'a>(&self, watched: &'a Shared) -> MutexGuard<'a, Watched> {
        let mut watched = watched.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = self.generation.load(Ordering::Acquire);
        if watched.generation != generation {
            (watched.generation, watched.stock, watched.now) = (generation, Stock::default(), None);
        }
        watched
    }

    /// Begins to watch `skus`, each named once. They are to be loaded and seeded afterwards.
    pub(crate) fn watch(self: &Arc<Self>, skus: &[Sku]) -> Watch {
        let (id, reader) = (Id(self.readers.fetch_add(1, Ordering::Relaxed)), Arc::new(Reader::default()));
        let enter = |list: &mut HashMap<Sku, Slot>, sku: &Sku| {
            let slot = list.entry(sku.clone()).or_default();
            slot.readers += 1;
            slot.watched.clone()
        };
        let watched: Vec<Shared> = {
            let mut list = self.list();
            skus.iter().map(|sku| enter(&mut list, sku)).collect()
        };
        for (index, watched) in watched.iter().enumerate() {
            self.open(watched).readers.insert(id, (reader.clone(), index));
        }
        Watch { watches: self.clone(), id, reader, skus: skus.to_vec(), watched }
    }

    /// What is in L1 by now is joined to what is watched.
    pub(super) fn came(&self, sku: &Sku, join: impl FnOnce(&mut Stock) -> bool) {
        let Some(watched) = self.list().get(sku).map(|slot| slot.watched.clone()) else { return };
        let mut watched = self.open(&watched);
        let changed = join(&mut watched.stock);
        watched.stock.forget_before(self.good_since.load(Ordering::Acquire));
        if changed && watched.now.is_some() {
            let now = watched.renew();
            let asleep = watched.tell(&now);
            drop(watched);
            self.waker.wake(asleep);
        }
    }

    /// What is held of earlier terms counts no more.
    pub(super) fn begin_history(&self, good_since: u16) {
        self.good_since.store(good_since, Ordering::Release);
        self.restart();
    }

    /// Nothing held counts any more: every reader is to load and seed again.
    pub(super) fn restart(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        let all: Vec<Shared> = self.list().values().map(|slot| slot.watched.clone()).collect();
        for watched in all {
            self.open(&watched).readers.values().for_each(|(reader, _)| reader.wake.notify_one());
        }
    }
}

/// What one stream watches; dropped, it watches no more.
pub(crate) struct Watch {
    watches: Arc<Watches>,
    id: Id,
    reader: Arc<Reader>,
    pub(crate) skus: Vec<Sku>,
    watched: Vec<Shared>,
}

impl Watch {
    /// To be read before a load: what is loaded may be seeded only while it is the same.
    pub(crate) fn generation(&self) -> u64 {
        self.watches.generation.load(Ordering::Acquire)
    }

    /// The present state, of what was loaded and what came since; none if it has to be loaded again.
    pub(crate) fn seed(&self, index: usize, loaded: &Stock, generation: u64) -> Option<Told> {
        let mut watched = self.watches.open(&self.watched[index]);
        if watched.generation != generation {
            return None;
        }
        let changed = watched.stock.join(loaded.clone());
        watched.stock.forget_before(self.watches.good_since.load(Ordering::Acquire));
        let (now, asleep) = match &watched.now {
            Some(now) if !changed => (now.clone(), Vec::new()),
            held => {
                let known = held.is_some();
                let now = watched.renew();
                let asleep = if known { watched.tell(&now) } else { Vec::new() };
                (now, asleep)
            }
        };
        drop(watched);
        self.watches.waker.wake(asleep);
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
        for watched in &self.watched {
            self.watches.open(watched).readers.remove(&self.id);
        }
        let mut list = self.watches.list();
        let mut leave = |sku: &Sku| {
            let slot = list.get_mut(sku)?;
            slot.readers -= 1;
            if slot.readers == 0 { list.remove(sku) } else { None }
        };
        let last_of: Vec<Slot> = self.skus.iter().filter_map(&mut leave).collect();
        drop(list);
        drop(last_of); // what they held is given back with nobody waiting
    }
}

#[cfg(test)]
mod tests;
