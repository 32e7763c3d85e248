//! L1, then L2, then the origin; and the way in for what changes.

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

/// What a caller must have, beyond what the cache may hold.
#[derive(Default)]
pub(crate) struct Need {
    /// What is cached is older than the caller's bound.
    pub(crate) origin: bool,
    pub(crate) session: Option<Session>,
    /// The node's `as_of`, read before any entry.
    pub(crate) as_of: Timestamp,
}

impl Need {
    /// What locations and channels must reflect, where the feed has not come that far.
    pub(crate) fn topology_at(&self) -> Option<Timestamp> {
        self.session.as_ref().filter(|session| session.all && self.as_of < session.at).map(|session| session.at)
    }

    /// Whether the session's floors are reached: by the entry, or by the moment after which every
    /// answer reflects them anyway.
    /// Floors of a lost history are void.
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

    /// L1, if it holds the SKU and will do; else whether only the origin will.
    pub(crate) fn hit(&self, sku: &str, need: &Need) -> Result<Loaded, bool> {
        self.held(sku, need).map(|entry| Loaded { entry, tier: Tier::L1, at: None, superseded: false })
    }

    /// L2, then the origin; straight to the origin, and later than now, if `fresh`. It takes of the share of `caller`;
    /// none: the node asks for itself.
    pub(crate) async fn load(&self, sku: Sku, fresh: bool, caller: Option<Caller>) -> Result<Loaded, LoadError> {
        let loaded = self.loader.load(vec![sku], fresh, caller).await;
        loaded.into_iter().next().unwrap_or(Err(LoadError::Stopped))
    }

    /// All of them, in the order asked, or why one can't be had. `caller` is asked for only if something must be loaded.
    pub(crate) async fn all(
        &self,
        skus: &[Sku],
        need: &Need,
        caller: impl FnOnce() -> Caller,
    ) -> Result<Vec<Loaded>, LoadError> {
        // As a rule L1 has every one, and nothing but the answer is built up.
        match skus.iter().map(|sku| self.hit(sku.as_str(), need)).collect() {
            Ok(hits) => Ok(hits),
            Err(_must_load) => self.find_all(skus, need, Some(caller())).await.into_iter().collect(),
        }
    }

    /// Both, for many, in the order asked; the misses go together.
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

    /// What is held of a lost history, while the origin cannot tell what came in its place.
    pub(crate) fn superseded(&self, sku: &str, need: &Need, error: LoadError) -> Result<Loaded, LoadError> {
        let lost = self.l1.get(sku).filter(|entry| !self.l1.counts(entry));
        match lost {
            Some(entry) if !need.origin && matches!(error, LoadError::Origin(_)) => {
                Ok(Loaded { entry, tier: Tier::L1, at: None, superseded: true })
            }
            _ => Err(error),
        }
    }

    /// The entry if it is there and will do; else whether only the origin will.
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

    /// The facts that a write answered with, complete through `until`: joined before its caller hears.
    pub(crate) fn written(&self, stocks: Vec<Stock>, until: Timestamp) {
        for stock in stocks {
            let item = stock.item.as_ref().map(|item| &item.sku);
            let Some(sku) = item.or_else(|| stock.facts.first().map(|fact| &fact.sku)).cloned() else { continue };
            self.recent.written(&sku, stock.clone(), until);
            self.l1.written(&sku, stock);
        }
    }

    /// Forgets both tiers; what lately came in stays, so that the node does not go back. L2 first: what
    /// is loaded in between is of the origin. Whether L2 did; none where there is none.
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

    /// Of L1, of the names that are no SKU's, of `recent`.
    pub(crate) fn sizes(&self) -> (u64, u64, usize) {
        let (known, unknown) = self.l1.len();
        (known, unknown, self.recent.len())
    }

    /// SKUs that callers wait for.
    pub(crate) fn waiting(&self) -> usize {
        self.loader.waiting()
    }
}

/// The feed's way into the cache.
pub(crate) struct Intake {
    pub(crate) l1: Arc<L1>,
    pub(crate) recent: Arc<Recent>,
}

impl Intake {
    /// `recent` first, then L1: whichever of this and a load's closure comes second sees the other.
    pub(crate) fn apply(&self, partition: i32, offset: i64, change: SkuChange) {
        self.recent.feed(partition, offset, change.clone());
        self.l1.feed(change);
    }

    /// What is held of earlier terms counts no more. `recent` first: it keeps them from coming back.
    pub(crate) fn begin_history(&self, good_since: u16, positions: &[i64]) {
        self.recent.begin_history(good_since, positions);
        self.l1.begin_history(good_since);
    }

    /// The log was lost: nothing held counts, and reading goes on at `positions`.
    pub(crate) fn restart(&self, positions: &[i64]) {
        self.recent.clear(positions);
        self.l1.restart();
    }
}
