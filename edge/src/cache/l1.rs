//! L1: moka, with one door.
//!
//! A load that began before a change must not overwrite it, and moka's own `get_with` loses that
//! race. So nothing else in the crate touches the moka cache, and every write to it goes through
//! `and_compute_with`, which runs one closure for a key at a time: a load joins `recent` to what it loaded **inside**
//! the closure, and a change enters `recent` **before** its closure. Whichever comes second sees the other. Threads
//! keep what they read ([`thread_cache`](super::thread_cache)), so each write also begins with [`L1::begin_write`].
//!
//! Unknown names have a moka of their own, with its own size and lifetime, so made-up names evict no stock. It is
//! written only **inside** the closures of the other one, so writes of one SKU to both happen one at a time. A SKU is
//! in one of them or in neither; the change that creates an item moves it over. Readers check the unknown names last:
//! once a SKU has been put into the first moka, its name is no longer in the second.

use std::{
    hash::BuildHasher,
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicU64, Ordering},
    },
};

use foldhash::quality::RandomState;
use moka::{ops::compute::Op, sync::Cache};
use onhand_wire::{Sku, Stock, Timestamp};

use super::{
    recent::{LoadSource, Recent, SkuChange, TooOld},
    subscriptions::Subscriptions,
    thread_cache::{Stamps, WriteInProgress},
};
use crate::{config::CacheConfig, entry::Entry};

pub(crate) struct L1 {
    moka: Cache<Sku, Arc<Entry>, RandomState>,
    /// SKUs that do not exist, or no longer exist.
    unknown: Cache<Sku, Arc<Entry>, RandomState>,
    hasher: RandomState,
    /// Every write to moka changes a stamp.
    stamps: Stamps,
    recent: Arc<Recent>,
    /// Entries of an earlier generation are invalid: moka may insert what a closure decided before a restart after it
    /// has been emptied.
    generation: AtomicU64,
    /// Entries with anything of an earlier term belong to a lost history.
    good_since: AtomicU16,
    /// Gets every change, after L1 has it.
    subscriptions: Arc<Subscriptions>,
}

impl L1 {
    pub(crate) fn new(config: &CacheConfig, recent: Arc<Recent>) -> Self {
        let hasher = RandomState::default();
        let unknown = Cache::builder().max_capacity(config.unknown_entries).time_to_live(config.unknown_ttl.0);
        Self {
            moka: Cache::builder().max_capacity(config.entries).build_with_hasher(hasher.clone()),
            unknown: unknown.build_with_hasher(hasher.clone()),
            hasher,
            stamps: Stamps::new(),
            recent,
            generation: AtomicU64::new(0),
            good_since: AtomicU16::new(0),
            subscriptions: Arc::default(),
        }
    }

    pub(crate) fn get(&self, sku: &str) -> Option<Arc<Entry>> {
        let generation = self.generation();
        self.moka.get(sku).or_else(|| self.unknown.get(sku)).filter(|entry| entry.generation == generation)
    }

    /// The same for serving threads, which ask for the same SKUs again and again.
    pub(crate) fn hit(&self, sku: &str) -> Option<Arc<Entry>> {
        let generation = self.generation();
        let held = self.stamps.get(self.hasher.hash_one(sku), sku, || self.moka.get(sku));
        held.or_else(|| self.unknown.get(sku)).filter(|entry| entry.generation == generation)
    }

    /// Whether the whole entry belongs to the valid history.
    pub(crate) fn counts(&self, entry: &Entry) -> bool {
        entry.oldest_term >= self.good_since()
    }

    pub(crate) fn good_since(&self) -> u16 {
        self.good_since.load(Ordering::Acquire)
    }

    /// Entries of earlier terms stay for as long as there is nothing better.
    pub(crate) fn begin_history(&self, good_since: u16) {
        self.good_since.store(good_since, Ordering::Release);
        self.subscriptions.begin_history(good_since);
    }

    pub(crate) fn subscriptions(&self) -> &Arc<Subscriptions> {
        &self.subscriptions
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The one door for loaded facts: joins them with what arrived meanwhile and with what is held.
    pub(crate) fn fill(
        &self,
        sku: &Sku,
        loaded: Stock,
        source: LoadSource,
        until: Timestamp,
    ) -> Result<Arc<Entry>, TooOld> {
        let mut outcome = Err(TooOld);
        let writing = self.begin_write(sku);
        self.moka.entry(sku.clone()).and_compute_with(|held| {
            let generation = self.generation(); // read before `recent`, which a restart empties first
            let held = self.held(sku, held).filter(|held| held.generation == generation);
            let before = held.as_ref().map(|held| &held.stock);
            let filled = filled(&self.recent, sku, before, loaded, source, until, || self.good_since());
            let Ok(stock) = filled else { return Op::Nop };
            if let Some(unchanged) = held.filter(|held| held.stock == stock && stock.known()) {
                outcome = Ok(unchanged);
                return Op::Nop;
            }
            let entry = self.entry(sku, stock, generation);
            outcome = Ok(entry.clone());
            self.put(sku, entry)
        });
        drop(writing);
        if let Ok(entry) = &outcome {
            self.subscriptions.publish(sku, |stock| stock.join(entry.stock.clone()));
        }
        outcome
    }

    /// A record of the feed, already in `recent`. A SKU that is not held stays out, because it would be incomplete.
    pub(crate) fn feed(&self, change: SkuChange) {
        let sku = change.sku().clone();
        self.join_held(&sku, |stock| change.clone().join_into(stock));
        self.subscriptions.publish(&sku, |stock| change.join_into(stock));
    }

    /// Facts of a write's answer, already in `recent`.
    pub(crate) fn written(&self, sku: &Sku, written: Stock) {
        self.join_held(sku, |stock| stock.join(written.clone()));
        self.subscriptions.publish(sku, |stock| stock.join(written));
    }

    fn begin_write(&self, sku: &Sku) -> WriteInProgress<'_> {
        self.stamps.begin_write(self.hasher.hash_one(sku.as_str()))
    }

    /// Also if nothing is held, because a thread may keep what moka has evicted.
    fn join_held(&self, sku: &Sku, join: impl FnOnce(&mut Stock) -> bool) {
        let _writing = self.begin_write(sku);
        self.moka.entry(sku.clone()).and_compute_with(|held| {
            let Some(held) = self.held(sku, held) else { return Op::Nop };
            let mut stock = held.stock.clone();
            let changed = join(&mut stock);
            // A late fact of a lost history would make the whole entry belong to it.
            stock.forget_before(self.good_since().min(held.oldest_term));
            if changed { self.put(sku, self.entry(sku, stock, held.generation)) } else { Op::Nop }
        });
    }

    /// The entry in either place. For moka's closures, which get what moka holds.
    fn held(&self, sku: &Sku, held: Option<moka::Entry<Sku, Arc<Entry>>>) -> Option<Arc<Entry>> {
        held.map(moka::Entry::into_value).or_else(|| self.unknown.get(sku))
    }

    /// Puts the entry into its place, and removes it from the other. For moka's closures, of which only one runs at a
    /// time for a SKU.
    fn put(&self, sku: &Sku, entry: Arc<Entry>) -> Op<Arc<Entry>> {
        if entry.stock.known() {
            self.unknown.invalidate(sku);
            Op::Put(entry)
        } else {
            self.unknown.insert(sku.clone(), entry);
            Op::Remove
        }
    }

    fn entry(&self, sku: &Sku, mut stock: Stock, generation: u64) -> Arc<Entry> {
        // A long name, which is not stored in place, is held only once.
        stock.item.iter_mut().for_each(|item| item.sku = sku.clone());
        stock.facts.iter_mut().for_each(|fact| fact.sku = sku.clone());
        stock.facts.shrink_to_fit();
        Arc::new(Entry::new(stock, generation))
    }

    /// Nothing held is valid any more, nor any load under way. `recent` has already been emptied.
    pub(crate) fn restart(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.clear();
        self.subscriptions.restart();
    }

    pub(crate) fn clear(&self) {
        self.moka.invalidate_all();
        self.unknown.invalidate_all();
        self.stamps.forget_all();
    }

    /// The numbers of SKUs and of unknown names.
    pub(crate) fn len(&self) -> (u64, u64) {
        (self.moka.entry_count(), self.unknown.entry_count())
    }

    /// Drops one entry, as eviction would.
    #[cfg(test)]
    pub(crate) fn evict(&self, sku: &Sku) {
        self.moka.invalidate(sku);
        self.unknown.invalidate(sku);
    }

    /// After moka has finished its pending work.
    #[cfg(test)]
    pub(crate) fn len_now(&self) -> (u64, u64) {
        self.moka.run_pending_tasks();
        self.unknown.run_pending_tasks();
        self.len()
    }
}

/// What is held of a SKU after a load. The model of the fill race tries this in every order.
pub(super) fn filled(
    recent: &Recent,
    sku: &Sku,
    held: Option<&Stock>,
    loaded: Stock,
    source: LoadSource,
    until: Timestamp,
    good_since: impl FnOnce() -> u16,
) -> Result<Stock, TooOld> {
    let mut stock = recent.join_load(sku, loaded, source, until)?;
    if let Some(held) = held {
        stock.join(held.clone());
        stock.forget_before(good_since());
    }
    Ok(stock)
}
