//! The first tier: moka, with one way in.
//!
//! A load that began before a change must not overwrite it, and moka's own `get_with` loses that
//! race. So nothing else in the crate touches the moka cache, and every write to it goes through
//! `and_compute_with`, which runs one closure for a key at a time: a load joins `recent` to what it
//! loaded **inside** the closure, and a change enters `recent` **before** its closure. Whichever
//! comes second sees the other. Threads keep what they read ([`thread_cache`](super::thread_cache)), so each write
//! begins with [`L1::begin_write`], too.
//!
//! Names that are no SKU's have a moka of their own, with a bound and a lifetime of its own: whoever makes
//! names up pushes no stock out. It is written only **inside** the closures of the other one, so that of one
//! SKU one thing at a time is written to both. A SKU is in one of them or in neither; what is created moves over
//! with the change that creates it. Readers look there last: once a SKU has been put into the first,
//! its name is no longer in the second.

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
    /// Of SKUs that are not there, or no longer.
    unknown: Cache<Sku, Arc<Entry>, RandomState>,
    hasher: RandomState,
    /// Changed by whatever writes to moka.
    stamps: Stamps,
    recent: Arc<Recent>,
    /// Entries of an earlier one count for nothing: moka may insert what a closure decided on before
    /// the restart after it has been emptied.
    generation: AtomicU64,
    /// Entries that hold anything of an earlier term are of a lost history.
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

    /// The same for a thread that serves lookups and asks for the same SKUs again and again.
    pub(crate) fn hit(&self, sku: &str) -> Option<Arc<Entry>> {
        let generation = self.generation();
        let held = self.stamps.get(self.hasher.hash_one(sku), sku, || self.moka.get(sku));
        held.or_else(|| self.unknown.get(sku)).filter(|entry| entry.generation == generation)
    }

    /// Whether all that the entry holds is of the history that counts.
    pub(crate) fn counts(&self, entry: &Entry) -> bool {
        entry.oldest_term >= self.good_since()
    }

    pub(crate) fn good_since(&self) -> u16 {
        self.good_since.load(Ordering::Acquire)
    }

    /// Entries of earlier terms stay, for as long as nothing better can be had.
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

    /// The one way in for loaded facts: joined with what came in meanwhile and with what is held.
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
            let generation = self.generation(); // before `recent`, which a restart empties first
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

    /// A record of the feed, already in `recent`. What is not held stays out: it would not be whole.
    pub(crate) fn feed(&self, change: SkuChange) {
        let sku = change.sku().clone();
        self.join_held(&sku, |stock| change.clone().join_into(stock));
        self.subscriptions.publish(&sku, |stock| change.join_into(stock));
    }

    /// Facts that a write answered with, already in `recent`.
    pub(crate) fn written(&self, sku: &Sku, written: Stock) {
        self.join_held(sku, |stock| stock.join(written.clone()));
        self.subscriptions.publish(sku, |stock| stock.join(written));
    }

    fn begin_write(&self, sku: &Sku) -> WriteInProgress<'_> {
        self.stamps.begin_write(self.hasher.hash_one(sku.as_str()))
    }

    /// Also where nothing is held: a thread may keep what moka has evicted.
    fn join_held(&self, sku: &Sku, join: impl FnOnce(&mut Stock) -> bool) {
        let _writing = self.begin_write(sku);
        self.moka.entry(sku.clone()).and_compute_with(|held| {
            let Some(held) = self.held(sku, held) else { return Op::Nop };
            let mut stock = held.stock.clone();
            let changed = join(&mut stock);
            // A late fact of a lost history would make the whole entry one of it.
            stock.forget_before(self.good_since().min(held.oldest_term));
            if changed { self.put(sku, self.entry(sku, stock, held.generation)) } else { Op::Nop }
        });
    }

    /// In either place. For closures of moka's: each is given what moka holds.
    fn held(&self, sku: &Sku, held: Option<moka::Entry<Sku, Arc<Entry>>>) -> Option<Arc<Entry>> {
        held.map(moka::Entry::into_value).or_else(|| self.unknown.get(sku))
    }

    /// Into its place, and out of the other. For closures of moka's, of which one runs at a time for a SKU.
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
        // A name too long to stand in its fact is held once.
        stock.item.iter_mut().for_each(|item| item.sku = sku.clone());
        stock.facts.iter_mut().for_each(|fact| fact.sku = sku.clone());
        stock.facts.shrink_to_fit();
        Arc::new(Entry::new(stock, generation))
    }

    /// Nothing held counts any more, nor what is on its way in. `recent` was emptied before.
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

    /// SKUs, and names that are no SKU's.
    pub(crate) fn len(&self) -> (u64, u64) {
        (self.moka.entry_count(), self.unknown.entry_count())
    }

    /// Drops one entry, as eviction would.
    #[cfg(test)]
    pub(crate) fn evict(&self, sku: &Sku) {
        self.moka.invalidate(sku);
        self.unknown.invalidate(sku);
    }

    /// Once moka has done what it puts off.
    #[cfg(test)]
    pub(crate) fn len_now(&self) -> (u64, u64) {
        self.moka.run_pending_tasks();
        self.unknown.run_pending_tasks();
        self.len()
    }
}

/// What is held of a SKU once a load has come in. The model of the fill race tries this in every order.
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
