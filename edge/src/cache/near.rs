//! Entries that a thread took out of L1 lately, so that it need not ask moka for them again.
//!
//! To find an entry in moka, and to note there that it was read, is two fifths of what a query of a
//! hundred SKUs costs. A thread remembers what it took together with the stamp that the SKU had before;
//! whoever writes to moka changes that stamp, once before and once after. What is remembered under
//! another stamp counts for nothing, so a thread shows what moka would have shown it (docs/adr/0031).

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::entry::Entry;

/// Entries that a thread remembers, and stamps, which SKUs share: a power of two. 24 bytes each, and 8.
const SLOTS: usize = 1 << 15;
/// Of so many reads one asks moka all the same: it evicts what is not read.
const NOTED: u64 = 32;
/// A stamp counts in its lower bits who is writing, in its upper ones who has written.
const WRITTEN: u64 = 1 << 16;

/// Of the SKUs of one L1.
pub(super) struct Stamps {
    /// A thread may serve several nodes.
    of: u64,
    stamps: Box<[AtomicU64]>,
}

/// Somebody writes; until the end nothing remembered of these SKUs counts, and nothing is remembered.
pub(super) struct Writing<'a>(&'a AtomicU64);

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(WRITTEN - 1, Ordering::AcqRel);
    }
}

impl Stamps {
    pub(super) fn new() -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let of = MADE.fetch_add(1, Ordering::Relaxed);
        Self { of, stamps: (0..SLOTS).map(|_| AtomicU64::new(0)).collect() }
    }

    /// To be held while the SKU of this hash is written.
    pub(super) fn writing(&self, hash: u64) -> Writing<'_> {
        let stamp = &self.stamps[slot(hash)];
        stamp.fetch_add(1, Ordering::AcqRel);
        Writing(stamp)
    }

    /// After everything was taken out: nothing that is remembered counts.
    pub(super) fn cleared(&self) {
        for stamp in &self.stamps {
            stamp.fetch_add(WRITTEN, Ordering::AcqRel);
        }
    }

    /// None while somebody writes.
    fn at_rest(&self, hash: u64) -> Option<u64> {
        let stamp = self.stamps[slot(hash)].load(Ordering::Acquire);
        stamp.is_multiple_of(WRITTEN).then_some(stamp)
    }

    /// What this thread remembers, or else what `moka` says. The stamp is read before moka is asked.
    pub(super) fn get(&self, hash: u64, sku: &str, moka: impl FnOnce() -> Option<Arc<Entry>>) -> Option<Arc<Entry>> {
        let Some(stamp) = self.at_rest(hash) else { return moka() };
        NEAR.with_borrow_mut(|near| {
            near.serve(self.of);
            near.reads += 1;
            let slot = &mut near.slots[slot(hash)];
            match slot {
                Some(held) if held.is(hash, stamp, sku) && !near.reads.is_multiple_of(NOTED) => {
                    Some(held.entry.clone())
                }
                _ => {
                    let entry = moka()?;
                    if entry.is_of(sku) {
                        *slot = Some(Remembered { hash, stamp, entry: entry.clone() });
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

struct Remembered {
    hash: u64,
    stamp: u64,
    entry: Arc<Entry>,
}

impl Remembered {
    fn is(&self, hash: u64, stamp: u64, sku: &str) -> bool {
        self.hash == hash && self.stamp == stamp && self.entry.is_of(sku)
    }
}

/// What one thread remembers, of one L1.
struct Thread {
    of: Option<u64>,
    slots: Vec<Option<Remembered>>,
    reads: u64,
}

thread_local! {
    static NEAR: RefCell<Thread> = const { RefCell::new(Thread { of: None, slots: Vec::new(), reads: 0 }) };
}

impl Thread {
    fn serve(&mut self, of: u64) {
        if self.of != Some(of) {
            self.of = Some(of);
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

    /// How often moka is asked in so many reads.
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
        assert_eq!(asked(&stamps, 1, &a, "a", NOTED as usize * 10), 11);
    }

    #[test]
    fn what_was_written_is_asked_for_again_and_not_remembered_meanwhile() {
        let (stamps, a, b) = (Stamps::new(), entry("a"), entry("a"));
        asked(&stamps, 1, &a, "a", 1);
        let writing = stamps.writing(1);
        assert_eq!(asked(&stamps, 1, &a, "a", 3), 3, "it may be either");
        assert_eq!(asked(&stamps, 2, &b, "a", 3), 1, "another SKU's stamp");
        drop(writing);
        assert_eq!(asked(&stamps, 1, &b, "a", 3), 1);
        stamps.cleared();
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
