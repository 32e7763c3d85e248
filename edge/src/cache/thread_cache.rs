//! A cache in front of moka for each thread: entries that the thread read lately.
//!
//! Finding an entry in moka, and noting there that it was read, costs two fifths of a query of a hundred SKUs. A thread
//! keeps what it read together with the stamp that the SKU had before. Every write to moka changes that stamp, once
//! before and once after. An entry that was kept under another stamp is not used, so a thread shows what moka would
//! have shown (docs/adr/0031).

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::entry::Entry;

/// How many entries a thread keeps, and how many stamps the SKUs share: a power of two. An entry's slot takes 24 bytes,
/// a stamp 8.
const SLOTS: usize = 1 << 15;
/// One in this many reads asks moka anyway, because moka evicts what is not read.
const ASK_MOKA_EVERY: u64 = 32;
/// A stamp counts writes in progress in its lower bits, and finished writes in its upper bits.
const WRITTEN: u64 = 1 << 16;

/// The stamps of the SKUs of one L1.
pub(super) struct Stamps {
    /// Identifies the L1, because a thread may serve several nodes.
    l1: u64,
    stamps: Box<[AtomicU64]>,
}

/// While it lives, no thread uses or keeps entries of the SKUs that share the stamp.
pub(super) struct WriteInProgress<'a>(&'a AtomicU64);

impl Drop for WriteInProgress<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(WRITTEN - 1, Ordering::AcqRel);
    }
}

impl Stamps {
    pub(super) fn new() -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let l1 = MADE.fetch_add(1, Ordering::Relaxed);
        Self { l1, stamps: (0..SLOTS).map(|_| AtomicU64::new(0)).collect() }
    }

    /// The caller holds it while it writes the SKU of this hash.
    pub(super) fn begin_write(&self, hash: u64) -> WriteInProgress<'_> {
        let stamp = &self.stamps[slot(hash)];
        stamp.fetch_add(1, Ordering::AcqRel);
        WriteInProgress(stamp)
    }

    /// Call this after moka was emptied: no entry that a thread keeps is used any more.
    pub(super) fn forget_all(&self) {
        for stamp in &self.stamps {
            stamp.fetch_add(WRITTEN, Ordering::AcqRel);
        }
    }

    /// The stamp; `None` while a write is in progress.
    fn unless_writing(&self, hash: u64) -> Option<u64> {
        let stamp = self.stamps[slot(hash)].load(Ordering::Acquire);
        stamp.is_multiple_of(WRITTEN).then_some(stamp)
    }

    /// The entry that this thread keeps, else the one from `moka`. The stamp is read before moka is asked.
    pub(super) fn get(&self, hash: u64, sku: &str, moka: impl FnOnce() -> Option<Arc<Entry>>) -> Option<Arc<Entry>> {
        let Some(stamp) = self.unless_writing(hash) else { return moka() };
        THREAD_CACHE.with_borrow_mut(|cache| {
            cache.belong_to(self.l1);
            cache.reads += 1;
            let slot = &mut cache.slots[slot(hash)];
            match slot {
                Some(held) if held.matches(hash, stamp, sku) && !cache.reads.is_multiple_of(ASK_MOKA_EVERY) => {
                    Some(held.entry.clone())
                }
                _ => {
                    let entry = moka()?;
                    if entry.is_of(sku) {
                        *slot = Some(CachedEntry { hash, stamp, entry: entry.clone() });
                    }
                    Some(entry)
                }
            }
        })
    }
}

fn slot(hash: u64) -> usize {
    hash as usize % SLOTS
}

struct CachedEntry {
    hash: u64,
    stamp: u64,
    entry: Arc<Entry>,
}

impl CachedEntry {
    fn matches(&self, hash: u64, stamp: u64, sku: &str) -> bool {
        self.hash == hash && self.stamp == stamp && self.entry.is_of(sku)
    }
}

/// The entries that one thread keeps of one L1.
struct ThreadCache {
    l1: Option<u64>,
    slots: Vec<Option<CachedEntry>>,
    reads: u64,
}

thread_local! {
    static THREAD_CACHE: RefCell<ThreadCache> = const { RefCell::new(ThreadCache { l1: None, slots: Vec::new(), reads: 0 }) };
}

impl ThreadCache {
    fn belong_to(&mut self, l1: u64) {
        if self.l1 != Some(l1) {
            self.l1 = Some(l1);
            self.slots.clear();
            self.slots.resize_with(SLOTS, || None);
        }
    }
}

#[cfg(test)]
mod tests {
    use onhand_wire::{Item, Stock};

    use super::*;

    fn entry(sku: &str) -> Arc<Entry> {
        let json = format!(r#"{{"sku":"{sku}","name":"","active":true,"version":"1.1"}}"#);
        let item: Item = serde_json::from_str(&json).unwrap();
        Arc::new(Entry::alone(Stock { item: Some(item), facts: Vec::new() }))
    }

    /// How often moka is asked in this many reads.
    fn asked(stamps: &Stamps, hash: u64, entry: &Arc<Entry>, sku: &str, reads: usize) -> usize {
        let mut asked = 0;
        for _ in 0..reads {
            let read = stamps.get(hash, sku, || {
                asked += 1;
                Some(entry.clone())
            });
            assert!(Arc::ptr_eq(&read.unwrap(), entry));
        }
        asked
    }

    #[test]
    fn moka_is_asked_first_and_now_and_then() {
        let (stamps, a) = (Stamps::new(), entry("a"));
        assert_eq!(asked(&stamps, 1, &a, "a", ASK_MOKA_EVERY as usize * 10), 11);
    }

    #[test]
    fn what_was_written_is_asked_for_again_and_not_remembered_meanwhile() {
        let (stamps, a, b) = (Stamps::new(), entry("a"), entry("a"));
        asked(&stamps, 1, &a, "a", 1);
        let writing = stamps.begin_write(1);
        assert_eq!(asked(&stamps, 1, &a, "a", 3), 3, "it may be either");
        assert_eq!(asked(&stamps, 2, &b, "a", 3), 1, "another SKU's stamp");
        drop(writing);
        assert_eq!(asked(&stamps, 1, &b, "a", 3), 1);
        stamps.forget_all();
        assert_eq!(asked(&stamps, 1, &a, "a", 3), 1);
    }

    #[test]
    fn two_skus_of_one_hash_are_told_apart() {
        let (stamps, a, b) = (Stamps::new(), entry("a"), entry("b"));
        for _ in 0..3 {
            assert_eq!(asked(&stamps, 1, &a, "a", 1) + asked(&stamps, 1, &b, "b", 1), 2);
        }
    }

    #[test]
    fn a_thread_that_serves_another_node_remembers_nothing_of_this_one() {
        let (one, other, a, b) = (Stamps::new(), Stamps::new(), entry("a"), entry("a"));
        assert_eq!(asked(&one, 1, &a, "a", 3), 1);
        assert_eq!(asked(&other, 1, &b, "a", 3), 1);
    }

    #[test]
    fn an_unknown_sku_is_not_remembered() {
        let (stamps, unknown) = (Stamps::new(), Arc::new(Entry::alone(Stock::default())));
        assert_eq!(asked(&stamps, 1, &unknown, "a", 3), 3);
    }
}
