//! The SKUs that streams subscribe to: each is held complete for as long as a stream wants it, even if L1 evicts it.
//!
//! Every change is joined here **after** it is in L1. A stream subscribes **before** it loads: of a change and a load,
//! whichever comes second finds the first. So a state that is seeded with a load and joined with the changes since is
//! complete, and each join that changes it is pushed to every subscriber, in order. Each subscriber has a bounded queue
//! of its own, so nobody waits for it.
//!
//! Each SKU has a lock of its own, under which a change is joined and put into its subscribers' queues. The lock of the
//! table is held only to find, add or remove a SKU. So changes of other SKUs, loads, and streams that come and go do
//! not wait while the many subscribers of one SKU get a change. And a subscriber leaves in one step for each SKU,
//! however many others have it.

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

/// A new state of one SKU. A later state has a higher serial.
#[derive(Clone)]
pub(crate) struct Update {
    /// The SKU's index in the subscription.
    pub(crate) index: usize,
    pub(crate) serial: u64,
    pub(crate) entry: Arc<Entry>,
}

#[derive(Default)]
struct Backlog {
    updates: VecDeque<Update>,
    overflowed: bool,
}

/// One stream's end of the queue.
#[derive(Default)]
struct Subscriber {
    backlog: Mutex<Backlog>,
    wake: Notify,
}

impl Subscriber {
    fn backlog(&self) -> MutexGuard<'_, Backlog> {
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether the subscriber may be asleep: if its backlog was not empty, it has already been woken.
    fn push(&self, update: Update) -> bool {
        let mut backlog = self.backlog();
        if backlog.overflowed {
            return false;
        }
        if backlog.updates.len() >= limits::STREAM_BACKLOG {
            *backlog = Backlog { updates: VecDeque::new(), overflowed: true };
            return true;
        }
        backlog.updates.push_back(update);
        backlog.updates.len() == 1
    }
}

/// Tells subscribers apart.
#[derive(Debug, Clone, Copy, Eq)]
struct Id(u64);

/// Written by hand, so that tests can count comparisons: the cost of leaving must not grow with the number of
/// subscribers.
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
struct SubscribedSku {
    /// A seed of an earlier generation is invalid.
    generation: u64,
    /// What has arrived since the first subscription; the complete SKU once `current` is set.
    stock: Stock,
    serial: u64,
    current: Option<(u64, Arc<Entry>)>,
    /// Each with the SKU's index in its subscription.
    subscribers: HashMap<Id, (Arc<Subscriber>, usize)>,
}

impl SubscribedSku {
    /// Makes the stock the current state.
    fn make_current(&mut self) -> (u64, Arc<Entry>) {
        self.serial += 1;
        let current = (self.serial, Arc::new(Entry::alone(self.stock.clone())));
        self.current = Some(current.clone());
        current
    }

    /// Gives a state to every subscriber. Returns those that must be woken.
    fn push_to_all(&self, (serial, entry): &(u64, Arc<Entry>)) -> Vec<Arc<Subscriber>> {
        let update = |index: usize| Update { index, serial: *serial, entry: entry.clone() };
        let asleep = self.subscribers.values().filter(|(subscriber, index)| subscriber.push(update(*index)));
        asleep.map(|(subscriber, _)| subscriber.clone()).collect()
    }
}

type SharedSku = Arc<Mutex<SubscribedSku>>;

/// A SKU in the table; it is removed with its last subscriber.
#[derive(Default)]
struct SkuSlot {
    sku: SharedSku,
    subscribers: usize,
}

#[derive(Default)]
pub(crate) struct Subscriptions {
    generation: AtomicU64,
    /// Facts of earlier terms belong to a lost history.
    good_since: AtomicU16,
    next_id: AtomicU64,
    skus: Mutex<HashMap<Sku, SkuSlot>>,
    waker: Waker,
}

impl Subscriptions {
    fn skus(&self) -> MutexGuard<'_, HashMap<Sku, SkuSlot>> {
        self.skus.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks one SKU, to change it or to push it; never while the table is locked. The generation is read under the
    /// lock, so that a later caller sees no earlier generation.
    fn lock<'a>(&self, subscribed: &'a SharedSku) -> MutexGuard<'a, SubscribedSku> {
        let mut subscribed = subscribed.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = self.generation.load(Ordering::Acquire);
        if subscribed.generation != generation {
            (subscribed.generation, subscribed.stock, subscribed.current) = (generation, Stock::default(), None);
        }
        subscribed
    }

    /// Subscribes to `skus`, each named once. The caller then loads and seeds them.
    pub(crate) fn subscribe(self: &Arc<Self>, skus: &[Sku]) -> Subscription {
        let (id, subscriber) = (Id(self.next_id.fetch_add(1, Ordering::Relaxed)), Arc::new(Subscriber::default()));
        let enter = |table: &mut HashMap<Sku, SkuSlot>, sku: &Sku| {
            let slot = table.entry(sku.clone()).or_default();
            slot.subscribers += 1;
            slot.sku.clone()
        };
        let subscribed: Vec<SharedSku> = {
            let mut table = self.skus();
            skus.iter().map(|sku| enter(&mut table, sku)).collect()
        };
        for (index, subscribed) in subscribed.iter().enumerate() {
            self.lock(subscribed).subscribers.insert(id, (subscriber.clone(), index));
        }
        Subscription { subscriptions: self.clone(), id, subscriber, skus: skus.to_vec(), subscribed }
    }

    /// Joins a change, which is in L1 by now, to what subscribers see.
    pub(super) fn publish(&self, sku: &Sku, join: impl FnOnce(&mut Stock) -> bool) {
        let Some(subscribed) = self.skus().get(sku).map(|slot| slot.sku.clone()) else { return };
        let mut subscribed = self.lock(&subscribed);
        let changed = join(&mut subscribed.stock);
        subscribed.stock.forget_before(self.good_since.load(Ordering::Acquire));
        if changed && subscribed.current.is_some() {
            let current = subscribed.make_current();
            let asleep = subscribed.push_to_all(&current);
            drop(subscribed);
            self.waker.wake(asleep);
        }
    }

    /// Facts of earlier terms are no longer valid.
    pub(super) fn begin_history(&self, good_since: u16) {
        self.good_since.store(good_since, Ordering::Release);
        self.restart();
    }

    /// Nothing held is valid any more: every subscriber must load and seed again.
    pub(super) fn restart(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        let all: Vec<SharedSku> = self.skus().values().map(|slot| slot.sku.clone()).collect();
        for subscribed in all {
            self.lock(&subscribed).subscribers.values().for_each(|(subscriber, _)| subscriber.wake.notify_one());
        }
    }
}

/// One stream's subscription; it ends when this is dropped.
pub(crate) struct Subscription {
    subscriptions: Arc<Subscriptions>,
    id: Id,
    subscriber: Arc<Subscriber>,
    pub(crate) skus: Vec<Sku>,
    subscribed: Vec<SharedSku>,
}

impl Subscription {
    /// The caller reads this before a load: the load may be seeded only if the generation is still the same.
    pub(crate) fn generation(&self) -> u64 {
        self.subscriptions.generation.load(Ordering::Acquire)
    }

    /// The current state, from the load and from what has arrived since; `None` if it must be loaded again.
    pub(crate) fn seed(&self, index: usize, loaded: &Stock, generation: u64) -> Option<Update> {
        let mut subscribed = self.subscriptions.lock(&self.subscribed[index]);
        if subscribed.generation != generation {
            return None;
        }
        let changed = subscribed.stock.join(loaded.clone());
        subscribed.stock.forget_before(self.subscriptions.good_since.load(Ordering::Acquire));
        let (current, asleep) = match &subscribed.current {
            Some(current) if !changed => (current.clone(), Vec::new()),
            held => {
                let had_one = held.is_some();
                let current = subscribed.make_current();
                let asleep = if had_one { subscribed.push_to_all(&current) } else { Vec::new() };
                (current, asleep)
            }
        };
        drop(subscribed);
        self.subscriptions.waker.wake(asleep);
        Some(Update { index, serial: current.0, entry: current.1 })
    }

    pub(crate) fn next(&self) -> Option<Update> {
        self.subscriber.backlog().updates.pop_front()
    }

    /// How many updates wait.
    pub(crate) fn backlog(&self) -> usize {
        self.subscriber.backlog().updates.len()
    }

    /// Whether more updates came than may wait, so that all were dropped.
    pub(crate) fn overflowed(&self) -> bool {
        self.subscriber.backlog().overflowed
    }

    /// Resolves when an update has come since the last time.
    pub(crate) async fn updated(&self) {
        self.subscriber.wake.notified().await;
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        for subscribed in &self.subscribed {
            self.subscriptions.lock(subscribed).subscribers.remove(&self.id);
        }
        let mut table = self.subscriptions.skus();
        let mut leave = |sku: &Sku| {
            let slot = table.get_mut(sku)?;
            slot.subscribers -= 1;
            if slot.subscribers == 0 { table.remove(sku) } else { None }
        };
        let last_of: Vec<SkuSlot> = self.skus.iter().filter_map(&mut leave).collect();
        drop(table);
        drop(last_of); // frees their memory while nobody waits for the lock
    }
}

#[cfg(test)]
mod tests;
