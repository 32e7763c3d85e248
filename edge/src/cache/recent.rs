//! The latest changes, whichever way they came, so that a load that began earlier cannot undo them.
//!
//! Every fact enters here before it enters L1, under the next local tick. Facts of the feed stay until the limit pushes
//! out the oldest. Loaded facts are needed only until the feed has caught up with them: they are removed once `as_of`
//! has passed their load.
//!
//! `recent` knows how far back it is complete: the tick after which nothing useful was pushed out (a load that began
//! before it is repeated), and for each partition the offset from which every record is held (a read of L2 at a lower
//! offset is ignored).

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use onhand_wire::{Fact, Item, Sku, Stock, Timestamp, explain};

/// A local counter: the order in which facts arrived.
pub(crate) type Tick = u64;

/// One record of the feed about a SKU.
#[derive(Debug, Clone)]
pub(crate) enum SkuChange {
    Fact(Fact),
    Item(Item),
}

impl SkuChange {
    pub(crate) fn sku(&self) -> &Sku {
        match self {
            Self::Fact(fact) => &fact.sku,
            Self::Item(item) => &item.sku,
        }
    }

    fn term(&self) -> u16 {
        match self {
            Self::Fact(fact) => fact.version.term(),
            Self::Item(item) => item.version.term(),
        }
    }

    pub(crate) fn join_into(self, stock: &mut Stock) -> bool {
        match self {
            Self::Fact(fact) => stock.join_fact(fact),
            Self::Item(item) => stock.join_item(item),
        }
    }
}

/// Where loaded facts come from, which says how far `recent` must reach back for them to be valid.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LoadSource {
    /// Read from the origin after this tick.
    Origin { began: Tick },
    /// Read from L2 while the partition's writer was at this offset.
    L2 { partition: i32, offset: i64, as_of: Timestamp },
}

/// `recent` no longer reaches back to where the load began: repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the load began before what is still remembered")]
pub(crate) struct TooOld;

#[derive(Clone)]
struct RecentSku {
    stock: Stock,
    tick: Tick,
    /// The last record of the feed that touched it.
    fed: Option<(i32, i64)>,
    /// If some of it was loaded: the time that `as_of` must pass before that is removed.
    loaded_until: Option<Timestamp>,
}

#[derive(Clone, Default)]
struct RecentSkus {
    tick: Tick,
    held: HashMap<Sku, RecentSku>,
    /// Oldest first.
    order: BTreeMap<Tick, Sku>,
    /// Loaded facts in the order in which they came.
    leaving: VecDeque<(Timestamp, Sku)>,
    complete_since: Tick,
    complete_from: Vec<i64>,
    /// Set when loaded facts were pushed out before the feed had passed them: until it has, reads of L2 are ignored.
    lost_until: Timestamp,
    /// Facts of earlier terms belong to a lost history and are kept out.
    good_since: u16,
}

pub(crate) struct Recent {
    inner: Mutex<RecentSkus>,
    capacity: usize,
}

impl Recent {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { inner: Mutex::default(), capacity: capacity.max(1) }
    }

    fn lock(&self) -> MutexGuard<'_, RecentSkus> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Read this before a load is sent: whatever arrives afterwards has a higher tick.
    pub(crate) fn tick(&self) -> Tick {
        self.lock().tick
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().held.len()
    }

    /// What is held of a SKU, for `explain`.
    pub(crate) fn inspect(&self, sku: &Sku, partition: i32) -> explain::Recent {
        let inner = self.lock();
        let held = inner.held.get(sku);
        let from = usize::try_from(partition).ok().and_then(|index| inner.complete_from.get(index));
        explain::Recent {
            stock: held.map(|held| held.stock.clone()),
            fed: held.and_then(|held| held.fed).filter(|(of, _)| *of == partition).map(|(_, offset)| offset),
            loaded_until: held.and_then(|held| held.loaded_until),
            complete_from: from.copied().unwrap_or(i64::MAX),
        }
    }

    /// A record of the feed. The caller then applies it to L1, and only after that advances its position.
    pub(crate) fn feed(&self, partition: i32, offset: i64, change: SkuChange) {
        let mut inner = self.lock();
        if change.term() < inner.good_since {
            return;
        }
        let sku = change.sku().clone();
        let held = inner.renew(&sku);
        change.join_into(&mut held.stock);
        let before = held.fed.replace((partition, offset));
        if let Some((other, last)) = before.filter(|(other, _)| *other != partition) {
            inner.push_out(other, last); // the SKU moved between partitions
        }
        inner.keep_within(self.capacity);
    }

    /// Facts of a write's answer, complete through `until` by the database's clock.
    pub(crate) fn written(&self, sku: &Sku, stock: Stock, until: Timestamp) {
        let mut inner = self.lock();
        inner.enter_loaded(sku, stock, until);
        inner.keep_within(self.capacity);
    }

    /// For L1's door: judges whether the loaded facts are still valid, enters them, and joins them with what arrived
    /// meanwhile. `until`: a time by the database's clock that is not earlier than their reading.
    pub(crate) fn join_load(
        &self,
        sku: &Sku,
        loaded: Stock,
        source: LoadSource,
        until: Timestamp,
    ) -> Result<Stock, TooOld> {
        let mut inner = self.lock();
        // Without the lost history's facts it would be incomplete.
        if !inner.reaches_back(source) || loaded.oldest_term() < inner.good_since {
            return Err(TooOld);
        }
        if loaded == Stock::default() {
            // An unknown SKU undoes nothing, so it is not entered, and made-up names push out nothing.
            return Ok(inner.held.get(sku).map(|held| held.stock.clone()).unwrap_or_default());
        }
        inner.enter_loaded(sku, loaded, until);
        let whole = inner.held[sku].stock.clone();
        inner.keep_within(self.capacity);
        Ok(whole)
    }

    pub(crate) fn reaches_back(&self, source: LoadSource) -> bool {
        self.lock().reaches_back(source)
    }

    /// `as_of` has advanced: removes the loaded facts that it has passed.
    pub(crate) fn drop_passed(&self, as_of: Timestamp) {
        let mut inner = self.lock();
        while inner.leaving.front().is_some_and(|(until, _)| *until <= as_of) {
            let (_, sku) = inner.leaving.pop_front().expect("there is a front");
            inner.drop_loaded(sku, as_of);
        }
    }

    /// Starts again: nothing before now is remembered, and the feed is read from `positions` on.
    pub(crate) fn clear(&self, positions: &[i64]) {
        self.lock().clear(positions);
    }

    /// Facts of earlier terms are no longer valid; loads under way are repeated.
    pub(crate) fn begin_history(&self, good_since: u16, positions: &[i64]) {
        let mut inner = self.lock();
        inner.good_since = good_since;
        inner.clear(positions);
    }

    /// New partitions are read from here.
    pub(crate) fn reads_from(&self, positions: &[i64]) {
        let mut inner = self.lock();
        let known = inner.complete_from.len();
        inner.complete_from.extend(positions.iter().skip(known));
    }
}

impl RecentSkus {
    fn clear(&mut self, positions: &[i64]) {
        let lost = self.held.values().filter_map(|held| held.loaded_until).max().unwrap_or_default();
        let tick = self.tick + 1;
        *self = Self {
            tick,
            complete_since: tick,
            complete_from: positions.to_vec(),
            lost_until: self.lost_until.max(lost),
            good_since: self.good_since,
            ..Self::default()
        };
    }

    /// The SKU's entry, with the next tick.
    fn renew(&mut self, sku: &Sku) -> &mut RecentSku {
        self.tick += 1;
        let tick = self.tick;
        let held = self.held.entry(sku.clone()).or_insert_with(|| RecentSku {
            stock: Stock::default(),
            tick: 0,
            fed: None,
            loaded_until: None,
        });
        self.order.remove(&held.tick);
        self.order.insert(tick, sku.clone());
        held.tick = tick;
        held
    }

    fn enter_loaded(&mut self, sku: &Sku, mut stock: Stock, until: Timestamp) {
        stock.forget_before(self.good_since);
        let held = self.renew(sku);
        held.stock.join(stock);
        let first = held.loaded_until.is_none();
        held.loaded_until = held.loaded_until.max(Some(until));
        if first {
            self.leaving.push_back((until, sku.clone()));
        }
    }

    fn reaches_back(&self, source: LoadSource) -> bool {
        match source {
            LoadSource::Origin { began } => began >= self.complete_since,
            LoadSource::L2 { partition, offset, as_of } => {
                let from = usize::try_from(partition).ok().and_then(|index| self.complete_from.get(index));
                from.is_some_and(|from| offset >= *from) && as_of >= self.lost_until
            }
        }
    }

    /// Drops the loaded part, which is no longer needed: any load in flight began after these facts were committed, or
    /// else meets them as records of the feed.
    fn drop_loaded(&mut self, sku: Sku, as_of: Timestamp) {
        let Some(held) = self.held.get_mut(&sku) else { return };
        let Some(until) = held.loaded_until else { return };
        if until > as_of {
            self.leaving.push_back((until, sku)); // loaded again meanwhile
            return;
        }
        held.loaded_until = None;
        if held.fed.is_none() {
            self.order.remove(&held.tick);
            self.held.remove(&sku);
        }
    }

    fn keep_within(&mut self, capacity: usize) {
        while self.held.len() > capacity {
            let (tick, sku) = self.order.pop_first().expect("every entry has its place in the order");
            let held = self.held.remove(&sku).expect("the order names only entries");
            self.complete_since = tick;
            if let Some((partition, offset)) = held.fed {
                self.push_out(partition, offset);
            }
            self.lost_until = self.lost_until.max(held.loaded_until.unwrap_or_default());
        }
        if self.leaving.len() > 2 * capacity {
            let held = &self.held; // names of what was pushed out pile up while the feed stalls
            self.leaving.retain(|(_, sku)| held.get(sku).is_some_and(|held| held.loaded_until.is_some()));
        }
    }

    fn push_out(&mut self, partition: i32, offset: i64) {
        let Ok(index) = usize::try_from(partition) else { return };
        if let Some(from) = self.complete_from.get_mut(index) {
            *from = (*from).max(offset + 1);
        }
    }
}

/// For a model that tries every order, where each state has its own copy.
#[cfg(test)]
impl Recent {
    pub(crate) fn fork(&self) -> Self {
        Self { inner: Mutex::new(self.lock().clone()), capacity: self.capacity }
    }

    /// Everything that later steps depend on. Only the order of ticks matters, including those of loads that `began`.
    pub(crate) fn essence(&self, began: &[Tick], hasher: &mut impl std::hash::Hasher) {
        use std::hash::Hash;
        let inner = self.lock();
        let all = inner.held.values().map(|held| held.tick).chain([inner.tick, inner.complete_since]);
        let mut ranks: Vec<Tick> = all.chain(began.iter().copied()).collect();
        ranks.sort_unstable();
        ranks.dedup();
        let rank = |tick: Tick| ranks.binary_search(&tick).ok();
        for (tick, sku) in &inner.order {
            let held = &inner.held[sku];
            held.stock.facts.iter().for_each(|fact| fact.version.hash(hasher));
            (sku, rank(*tick), held.stock.known(), held.fed, held.loaded_until).hash(hasher);
        }
        (&inner.leaving, &inner.complete_from, inner.lost_until).hash(hasher);
        (rank(inner.tick), rank(inner.complete_since)).hash(hasher);
        began.iter().for_each(|tick| rank(*tick).hash(hasher));
    }
}
