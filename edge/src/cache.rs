//! L1, then L2, then the origin; and the intake of changes.

mod thread_cache;
pub(crate) mod l1;
pub(crate) mod recent;
pub(crate) mod l2;
pub(crate) mod load;
pub(crate) mod subscriptions;
mod inspect;
pub(crate) mod warm;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use onhand_wire::{Sku, Stock, Timestamp, Version, session::Session};

use l1::L1;
use l2::L2;
use load::Loader;
pub(crate) use load::{LoadError, Loaded};
use recent::{Recent, SkuChange};
use subscriptions::Subscription;

use crate::{
    admission::Caller, config::Config, entry::Entry, freshness::Freshness, metrics::Metrics, origin::Origin, tier::Tier,
};

/// What loads need.
pub(crate) struct LoaderDeps {
    pub(crate) l1: Arc<L1>,
    pub(crate) recent: Arc<Recent>,
    pub(crate) l2: Option<Arc<L2>>,
    pub(crate) origin: Arc<Origin>,
    pub(crate) freshness: Arc<Freshness>,
    pub(crate) metrics: Arc<Metrics>,
}

/// What a caller needs beyond any cached entry.
#[derive(Default)]
pub(crate) struct Need {
    /// Whether the cache is older than the caller's bound, so that the origin must be asked.
    pub(crate) origin: bool,
    pub(crate) session: Option<Session>,
    /// The node's `as_of`, read before any entry.
    pub(crate) as_of: Timestamp,
}

impl Need {
    /// The time that locations and channels must reflect, if the feed has not reached it.
    pub(crate) fn topology_at(&self) -> Option<Timestamp> {
        self.session.as_ref().filter(|session| session.all && self.as_of < session.at).map(|session| session.at)
    }

    /// Whether the session's floors are reached, by the entry or because `as_of` has passed the session's time. Floors
    /// of a lost history are void.
    fn met_by(&self, sku: &str, stock: &Stock, good_since: u16) -> bool {
        let Some(session) = self.session.as_ref().filter(|session| self.as_of < session.at) else { return true };
        let counts = |version: Version| version.term() >= good_since;
        let mut floors = session.floors.iter().filter(|floor| floor.sku.as_str() == sku && counts(floor.version));
        !session.all
            && floors.all(|floor| {
                let held = match &floor.location {
                    Some(location) => stock.fact(location.as_str()).map(|fact| fact.version),
                    None => stock.item.as_ref().map(|item| item.version),
                };
                held >= Some(floor.version)
            })
    }
}

pub(crate) struct Cache {
    l1: Arc<L1>,
    recent: Arc<Recent>,
    l2: Option<Arc<L2>>,
    loader: Loader,
    unknown_ttl: Duration,
}

impl Cache {
    pub(crate) fn start(config: &Config, deps: LoaderDeps) -> Self {
        let (l1, recent, l2) = (deps.l1.clone(), deps.recent.clone(), deps.l2.clone());
        let loader = Loader::start(Arc::new(deps), config.limits.misses, config.limits.misses_per_caller);
        Self { l1, recent, l2, loader, unknown_ttl: config.cache.unknown_ttl.0 }
    }

    /// L1's entry if it meets the need; else whether only the origin can.
    pub(crate) fn hit(&self, sku: &str, need: &Need) -> Result<Loaded, bool> {
        self.held(sku, need).map(|entry| Loaded { entry, tier: Tier::L1, at: None, superseded: false })
    }

    /// Asks L2, then the origin; if `fresh`, only the origin, by a load that is sent after this. It counts against the
    /// share of `caller`; `None` is the node itself.
    pub(crate) async fn load(&self, sku: Sku, fresh: bool, caller: Option<Caller>) -> Result<Loaded, LoadError> {
        let loaded = self.loader.load(vec![sku], fresh, caller).await;
        loaded.into_iter().next().unwrap_or(Err(LoadError::Stopped))
    }

    /// All of them, in the order of `skus`, or why one can't be loaded. `caller` is called only if something must be
    /// loaded.
    pub(crate) async fn all(
        &self,
        skus: &[Sku],
        need: &Need,
        caller: impl FnOnce() -> Caller,
    ) -> Result<Vec<Loaded>, LoadError> {
        // Usually L1 has all of them, and only the answer is built.
        match skus.iter().map(|sku| self.hit(sku.as_str(), need)).collect() {
            Ok(hits) => Ok(hits),
            Err(_must_load) => self.find_all(skus, need, Some(caller())).await.into_iter().collect(),
        }
    }

    /// Hits and loads for many SKUs, in the order of `skus`; the misses are loaded together.
    pub(crate) async fn find_all(
        &self,
        skus: &[Sku],
        need: &Need,
        caller: Option<Caller>,
    ) -> Vec<Result<Loaded, LoadError>> {
        let held: Vec<_> = skus.iter().map(|sku| self.held(sku.as_str(), need)).collect();
        let (mut cached, mut fresh) = (Vec::new(), Vec::new());
        for (sku, held) in skus.iter().zip(&held) {
            match held {
                Ok(_) => {}
                Err(false) => cached.push(sku.clone()),
                Err(true) => fresh.push(sku.clone()),
            }
        }
        let load = |skus: Vec<Sku>, fresh, caller| async move {
            if skus.is_empty() { Vec::new() } else { self.loader.load(skus, fresh, caller).await }
        };
        let (cached, fresh) = tokio::join!(load(cached, false, caller.clone()), load(fresh, true, caller));
        let (mut cached, mut fresh) = (cached.into_iter(), fresh.into_iter());
        let stopped = || Err(LoadError::Stopped);
        let one = |held| match held {
            Ok(entry) => Ok(Loaded { entry, tier: Tier::L1, at: None, superseded: false }),
            Err(false) => cached.next().unwrap_or_else(stopped),
            Err(true) => fresh.next().unwrap_or_else(stopped),
        };
        let found: Vec<_> = held.into_iter().map(one).collect();
        let instead = |(sku, found): (&Sku, Result<Loaded, LoadError>)| {
            found.or_else(|error| self.superseded(sku.as_str(), need, error))
        };
        skus.iter().zip(found).map(instead).collect()
    }

    /// Subscribes to changes of `skus`, each named once. The caller loads them afterwards.
    pub(crate) fn subscribe(&self, skus: &[Sku]) -> Subscription {
        self.l1.subscriptions().subscribe(skus)
    }

    /// The entry of a lost history, while the origin cannot say what replaced it.
    pub(crate) fn superseded(&self, sku: &str, need: &Need, error: LoadError) -> Result<Loaded, LoadError> {
        let lost = self.l1.get(sku).filter(|entry| !self.l1.counts(entry));
        match lost {
            Some(entry) if !need.origin && matches!(error, LoadError::Origin(_)) => {
                Ok(Loaded { entry, tier: Tier::L1, at: None, superseded: true })
            }
            _ => Err(error),
        }
    }

    /// The entry if it meets the need; else whether only the origin can.
    fn held(&self, sku: &str, need: &Need) -> Result<Arc<Entry>, bool> {
        if need.origin {
            return Err(true);
        }
        let good_since = self.l1.good_since();
        let Some(entry) = self.l1.hit(sku) else {
            return Err(!need.met_by(sku, &Stock::default(), good_since));
        };
        if !self.l1.counts(&entry) || !need.met_by(sku, &entry.stock, good_since) {
            return Err(true);
        }
        if !entry.stock.known() && entry.found_at.elapsed() >= self.unknown_ttl {
            return Err(false);
        }
        Ok(entry)
    }

    /// Joins the facts of a write's answer, which are complete through `until`, before the caller gets the answer.
    pub(crate) fn written(&self, stocks: Vec<Stock>, until: Timestamp) {
        for stock in stocks {
            let item = stock.item.as_ref().map(|item| &item.sku);
            let Some(sku) = item.or_else(|| stock.facts.first().map(|fact| &fact.sku)).cloned() else { continue };
            self.recent.written(&sku, stock.clone(), until);
            self.l1.written(&sku, stock);
        }
    }

    /// Clears both tiers; `recent` stays, so that the node does not go back. L2 is cleared first, so that what is
    /// loaded in between comes from the origin. Returns whether L2 was cleared; `None` if there is no L2.
    pub(crate) async fn clear(&self) -> Option<bool> {
        let cleared = match &self.l2 {
            Some(l2) => Some(l2.clear().await),
            None => None,
        };
        self.clear_l1();
        cleared
    }

    pub(crate) fn clear_l1(&self) {
        self.l1.clear();
    }

    /// The sizes of L1, of the cache of unknown names, and of `recent`.
    pub(crate) fn sizes(&self) -> (u64, u64, usize) {
        let (known, unknown) = self.l1.len();
        (known, unknown, self.recent.len())
    }

    /// SKUs that callers wait for.
    pub(crate) fn waiting(&self) -> usize {
        self.loader.waiting()
    }
}

/// The feed's access to the cache.
pub(crate) struct Intake {
    pub(crate) l1: Arc<L1>,
    pub(crate) recent: Arc<Recent>,
}

impl Intake {
    /// Enters `recent` first, then L1: whichever of this and a load's closure comes second sees the other.
    pub(crate) fn apply(&self, partition: i32, offset: i64, change: SkuChange) {
        self.recent.feed(partition, offset, change.clone());
        self.l1.feed(change);
    }

    /// Facts of earlier terms are no longer valid. `recent` is told first, because it keeps them from coming back.
    pub(crate) fn begin_history(&self, good_since: u16, positions: &[i64]) {
        self.recent.begin_history(good_since, positions);
        self.l1.begin_history(good_since);
    }

    /// The log was lost: nothing held is valid, and reading goes on at `positions`.
    pub(crate) fn restart(&self, positions: &[i64]) {
        self.recent.clear(positions);
        self.l1.restart();
    }
}
