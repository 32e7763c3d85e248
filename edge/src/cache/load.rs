//! Turns misses into loads: one in flight for each SKU, and the misses of one moment in one request.
//!
//! While a request is in flight the next misses gather (there is no timer: an idle node asks at once). They are sent in
//! the order in which they came, so a caller that asks for many names does not delay others for long. A caller with a
//! bound or a session joins only a load that has not been sent yet.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use onhand_wire::{Problem, Sku, Timestamp, bulk};
use tokio::sync::{mpsc, oneshot};

use super::{
    LoaderDeps,
    l2::L2Read,
    recent::{LoadSource, TooOld},
};
use crate::{
    admission::{Caller, MissRefused, Misses, ShareLimit},
    entry::Entry,
    freshness::Mode,
    origin::OriginError,
    tier::Tier,
};

/// Requests in flight at once: a slow one does not hold up everyone.
const REQUESTS_IN_FLIGHT: usize = 4;
/// How often a load is repeated because `recent` no longer reached back.
const TRIES: usize = 3;

/// A SKU loaded into L1.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) entry: Arc<Entry>,
    pub(crate) tier: Tier,
    /// The load has every change that was acknowledged before this time; only the origin can say so.
    pub(crate) at: Option<Timestamp>,
    /// Whether it belongs to a lost history, because there is nothing better; it is then shown as stale.
    pub(crate) superseded: bool,
}

/// A load that failed.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum LoadError {
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// More came in during each try than `recent` holds.
    #[error("too much changes at once for a load to finish")]
    Outrun,
    #[error("too much waits to be loaded")]
    Crowded,
    /// The caller's share is used up.
    #[error("the caller waits for its whole share: {}", _0.detail)]
    BeyondShare(Problem),
    #[error("shutting down")]
    Stopped,
}

impl From<MissRefused> for LoadError {
    fn from(refused: MissRefused) -> Self {
        match refused {
            MissRefused::Crowded => Self::Crowded,
            MissRefused::BeyondShare(problem) => Self::BeyondShare(problem),
        }
    }
}

pub(crate) type LoadOutcome = Result<Loaded, LoadError>;
type Waiters = Vec<oneshot::Sender<LoadOutcome>>;

struct LoadRequest {
    skus: Vec<(Sku, oneshot::Sender<LoadOutcome>)>,
    /// Whether it must come from the origin, by a load that is sent after this.
    fresh: bool,
}

/// A cheap handle to the loader.
#[derive(Clone)]
pub(crate) struct Loader {
    wanted: mpsc::UnboundedSender<LoadRequest>,
    /// Has a place for each SKU that a caller waits for.
    misses: Arc<Misses>,
}

impl Loader {
    /// `places`: how many SKUs callers may wait for; `per_caller`: how many of these one caller may.
    pub(crate) fn start(deps: Arc<LoaderDeps>, places: usize, per_caller: usize) -> Self {
        let (sender, wanted) = mpsc::unbounded_channel();
        let right =
            |most| format!("one caller may wait for {most} SKUs that are not in the cache; ask for fewer at once");
        let misses = Misses::new(places, ShareLimit::new("misses", per_caller, right, deps.metrics.clone()));
        tokio::spawn(run(deps, wanted));
        Self { wanted: sender, misses }
    }

    /// The number of SKUs that callers wait for.
    pub(crate) fn waiting(&self) -> usize {
        self.misses.len()
    }

    /// Loads each of `skus`, in the given order. All of them count for the caller, whether the origin knows them or
    /// not.
    pub(crate) async fn load(&self, skus: Vec<Sku>, fresh: bool, caller: Option<Caller>) -> Vec<LoadOutcome> {
        let _waiting = match self.misses.wait(caller, &skus) {
            Ok(waiting) => waiting,
            Err(refused) => {
                let error = LoadError::from(refused);
                return skus.iter().map(|_| Err(error.clone())).collect();
            }
        };
        let (skus, answers): (Vec<_>, Vec<_>) = skus
            .into_iter()
            .map(|sku| {
                let (sender, answer) = oneshot::channel();
                ((sku, sender), answer)
            })
            .unzip();
        if self.wanted.send(LoadRequest { skus, fresh }).is_err() {
            return answers.iter().map(|_| Err(LoadError::Stopped)).collect();
        }
        let mut outcomes = Vec::with_capacity(answers.len());
        for answer in answers {
            outcomes.push(answer.await.unwrap_or(Err(LoadError::Stopped)));
        }
        outcomes
    }
}

/// One SKU of a batch.
#[derive(Default)]
struct Gathered {
    waiters: Waiters,
    fresh: bool,
}

/// What waits to be sent.
#[derive(Default)]
struct Batch {
    skus: HashMap<Sku, Gathered>,
    /// First come, first served.
    order: VecDeque<Sku>,
}

impl Batch {
    fn add(&mut self, sku: Sku, waiter: oneshot::Sender<LoadOutcome>, fresh: bool) {
        let gathered = self.skus.entry(sku).or_insert_with_key(|sku| {
            self.order.push_back(sku.clone());
            Gathered::default()
        });
        gathered.waiters.push(waiter);
        gathered.fresh |= fresh;
    }

    /// Takes out up to one request's worth.
    fn next(&mut self) -> Vec<(Sku, Gathered)> {
        let first = self.order.drain(..self.order.len().min(bulk::LOAD_SKUS));
        first.filter_map(|sku| self.skus.remove_entry(&sku)).collect()
    }
}

async fn run(deps: Arc<LoaderDeps>, mut wanted: mpsc::UnboundedReceiver<LoadRequest>) {
    let mut gathering = Batch::default();
    let mut sent: HashMap<u64, HashMap<Sku, Waiters>> = HashMap::new();
    let mut flights = FuturesUnordered::new();
    let mut number = 0;
    loop {
        while flights.len() < REQUESTS_IN_FLIGHT && !gathering.order.is_empty() {
            let batch = gathering.next();
            let skus = batch.iter().map(|(sku, gathered)| (sku.clone(), gathered.fresh)).collect();
            let waiters = batch.into_iter().map(|(sku, gathered)| (sku, gathered.waiters)).collect();
            number += 1;
            sent.insert(number, waiters);
            let flight = tokio::spawn(load_batch(deps.clone(), skus));
            flights.push(async move { (number, flight.await.unwrap_or_default()) });
        }
        tokio::select! {
            biased;
            Some((number, outcomes)) = flights.next() => answer_waiters(sent.remove(&number).unwrap_or_default(), outcomes),
            more = wanted.recv() => {
                let Some(first) = more else { return };
                gather(first, &mut gathering, &mut sent);
                while let Ok(another) = wanted.try_recv() {
                    gather(another, &mut gathering, &mut sent);
                }
            }
        }
    }
}

fn gather(wanted: LoadRequest, gathering: &mut Batch, sent: &mut HashMap<u64, HashMap<Sku, Waiters>>) {
    for (sku, waiter) in wanted.skus {
        let in_flight = sent.values_mut().find_map(|flight| flight.get_mut(&sku)).filter(|_| !wanted.fresh);
        if let Some(waiters) = in_flight {
            waiters.push(waiter);
            continue;
        }
        gathering.add(sku, waiter, wanted.fresh);
    }
}

/// Answers the waiters. If a request broke off, its waiters notice when their senders are dropped.
fn answer_waiters(mut waiting: HashMap<Sku, Waiters>, outcomes: Vec<(Sku, LoadOutcome)>) {
    for (sku, outcome) in outcomes {
        for waiter in waiting.remove(&sku).unwrap_or_default() {
            let _gone = waiter.send(outcome.clone());
        }
    }
}

/// Loads one batch: from L2 where that is allowed, then the rest from the origin.
async fn load_batch(deps: Arc<LoaderDeps>, skus: Vec<(Sku, bool)>) -> Vec<(Sku, LoadOutcome)> {
    let mut outcomes = Vec::with_capacity(skus.len());
    let (fresh, may): (Vec<_>, Vec<_>) = skus.into_iter().partition(|(_, fresh)| *fresh);
    // Another load may have filled L1 after the caller looked there and before its request came here.
    let landed = |sku: &Sku| deps.l1.get(sku.as_str()).filter(|entry| deps.l1.counts(entry) && entry.stock.known());
    let mut missed = Vec::with_capacity(may.len());
    for (sku, _) in may {
        match landed(&sku) {
            Some(entry) => outcomes.push((sku, Ok(Loaded { entry, tier: Tier::L1, at: None, superseded: false }))),
            None => missed.push(sku),
        }
    }
    let may = missed;
    let mut rest: Vec<Sku> = fresh.into_iter().map(|(sku, _)| sku).collect();
    let found = from_l2(&deps, &may).await;
    for (sku, found) in may.into_iter().zip(found) {
        match found {
            Some(loaded) => outcomes.push((sku, Ok(loaded))),
            None => rest.push(sku),
        }
    }
    for _ in 0..TRIES {
        if rest.is_empty() {
            return outcomes;
        }
        rest = from_origin(&deps, rest, &mut outcomes).await;
    }
    outcomes.extend(rest.into_iter().map(|sku| (sku, Err(LoadError::Outrun))));
    outcomes
}

/// While the feed lags and the origin is reachable, misses go to the origin.
async fn from_l2(deps: &LoaderDeps, skus: &[Sku]) -> Vec<Option<Loaded>> {
    let none = || skus.iter().map(|_| None).collect();
    let Some(l2) = deps.l2.as_ref().filter(|_| !skus.is_empty()) else { return none() };
    if deps.freshness.mode(Instant::now(), deps.origin.reachable()) == Mode::CatchingUp {
        return none();
    }
    let Some(as_of) = deps.freshness.as_of() else { return none() };
    let reads = l2.read(skus, as_of.t).await;
    let until = deps.freshness.database_clock(Instant::now());
    let fill = |sku: &Sku, read: L2Read| {
        let entry = deps.l1.fill(sku, read.stock, read.source, until).ok()?;
        Some(Loaded { entry, tier: Tier::L2, at: None, superseded: false })
    };
    skus.iter().zip(reads).map(|(sku, read)| fill(sku, read?)).collect()
}

/// Returns what has to be loaded again.
async fn from_origin(deps: &LoaderDeps, skus: Vec<Sku>, outcomes: &mut Vec<(Sku, LoadOutcome)>) -> Vec<Sku> {
    let began = deps.recent.tick();
    let sent = Instant::now();
    deps.metrics.origin_load(skus.len());
    let loaded = match deps.origin.facts(&skus).await {
        Ok(loaded) => loaded,
        Err(error) => {
            outcomes.extend(skus.into_iter().map(|sku| (sku, Err(LoadError::Origin(error.clone())))));
            return Vec::new();
        }
    };
    let until = read_before(loaded.at, sent);
    let mut again = Vec::new();
    for (sku, stock) in skus.into_iter().zip(loaded.stocks) {
        match deps.l1.fill(&sku, stock, LoadSource::Origin { began }, until) {
            Ok(entry) => {
                if let Some(l2) = deps.l2.as_ref().filter(|_| entry.stock.known()) {
                    l2.fill(&sku);
                }
                outcomes.push((sku, Ok(Loaded { entry, tier: Tier::Origin, at: Some(loaded.at), superseded: false })));
            }
            Err(TooOld) => again.push(sku),
        }
    }
    again
}

/// A time that is not earlier than the load's snapshot: `at` was read after the request was sent and before the
/// snapshot was taken, and the snapshot was taken before the answer came.
pub(crate) fn read_before(at: Timestamp, sent: Instant) -> Timestamp {
    at.plus(sent.elapsed() + Duration::from_millis(10))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without an order, a SKU could wait for as long as somebody keeps asking for others.
    #[test]
    fn what_was_asked_for_first_goes_first() {
        let sku = |number: usize| Sku::new(&format!("sku-{number}")).unwrap();
        let mut batch = Batch::default();
        let add = |batch: &mut Batch, numbers: std::ops::Range<usize>| {
            numbers.for_each(|number| batch.add(sku(number), oneshot::channel().0, false));
        };
        add(&mut batch, 0..bulk::LOAD_SKUS + 1);
        add(&mut batch, 0..1); // asked again: it keeps its place
        let first: Vec<Sku> = batch.next().into_iter().map(|(sku, _)| sku).collect();
        assert_eq!(first, (0..bulk::LOAD_SKUS).map(sku).collect::<Vec<_>>());
        add(&mut batch, 2000..2000 + 2 * bulk::LOAD_SKUS);
        assert_eq!(batch.next()[0].0, sku(bulk::LOAD_SKUS), "those who came later wait behind it");
        assert_eq!((batch.order.len(), batch.skus.len()), (bulk::LOAD_SKUS + 1, bulk::LOAD_SKUS + 1));
    }
}
