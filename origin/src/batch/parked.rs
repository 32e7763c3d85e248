//! Commands whose rows somebody else holds: they wait here, not in everybody's way.
//!
//! A row that is locked by hand, or by a job that went wrong, stays locked for longer than a batch
//! may wait. The commands that need it are parked until it is free or their time is up, and so
//! are those that come for it meanwhile; all others go on.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use super::Waiting;
use crate::{
    key::NamedReservation,
    store::{Store, StoreError},
};
use onhand_wire::{Code, Problem, Sku};

/// How often this looks whether the rows are free.
pub(super) const LOOK: Duration = Duration::from_millis(50);
/// A command is answered so long before its deadline, so that its caller hears why.
const LATE: Duration = Duration::from_millis(200);

#[derive(Default)]
pub(super) struct Parked {
    waiting: Vec<(Waiting, BTreeSet<Sku>)>,
    /// What was held by others when last looked at.
    locked: BTreeSet<Sku>,
}

/// What each command names; a verb's SKUs are its reservation's.
struct Skus(BTreeMap<NamedReservation, BTreeSet<Sku>>);

impl Skus {
    async fn read(store: &Arc<dyn Store>, commands: &[Waiting]) -> Result<Self, StoreError> {
        let verbs: Vec<NamedReservation> = commands.iter().filter_map(|waiting| waiting.ask.reservation()).collect();
        if verbs.is_empty() {
            return Ok(Self(BTreeMap::new()));
        }
        store.skus_of(&verbs).await.map(Self)
    }

    fn by(&self, waiting: &Waiting) -> BTreeSet<Sku> {
        let mut skus: BTreeSet<Sku> = waiting.ask.command.skus().into_iter().collect();
        if let Some(verb) = waiting.ask.reservation() {
            skus.extend(self.0.get(&verb).into_iter().flatten().cloned());
        }
        skus
    }
}

impl Parked {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// A batch ran into rows that stayed locked: parks what needs them, and gives the rest back; all of it where
    /// the database cannot be asked.
    pub(super) async fn park_locked(
        &mut self,
        store: &Arc<dyn Store>,
        batch: Vec<Waiting>,
    ) -> Result<Vec<Waiting>, Vec<Waiting>> {
        let Ok(named) = Skus::read(store, &batch).await else { return Err(batch) };
        let skus = batch.iter().flat_map(|waiting| named.by(waiting)).collect();
        let Ok(locked) = store.locked(&skus).await else { return Err(batch) };
        self.locked.extend(locked);
        Ok(self.divide(batch, &named))
    }

    /// Before a batch: what became free comes along, and what needs a locked row waits.
    pub(super) async fn exchange(&mut self, store: &Arc<dyn Store>, gathered: Vec<Waiting>) -> Vec<Waiting> {
        self.give_up_late();
        let skus = self.waiting.iter().flat_map(|(_, skus)| skus.iter().cloned()).collect();
        let (Ok(locked), Ok(named)) = (store.locked(&skus).await, Skus::read(store, &gathered).await) else {
            return gathered; // the batch itself will find out
        };
        self.locked = locked;
        let mut batch = self.divide(gathered, &named);
        for (waiting, skus) in std::mem::take(&mut self.waiting) {
            if skus.is_disjoint(&self.locked) { batch.push(waiting) } else { self.waiting.push((waiting, skus)) }
        }
        batch
    }

    fn give_up_late(&mut self) {
        let late = Instant::now() + LATE;
        for (waiting, _) in self.waiting.extract_if(.., |(waiting, _)| waiting.deadline <= late) {
            drop(waiting.reply.send(Err(still_locked())));
        }
    }

    fn divide(&mut self, batch: Vec<Waiting>, named: &Skus) -> Vec<Waiting> {
        let mut free = Vec::with_capacity(batch.len());
        for waiting in batch {
            let skus = named.by(&waiting);
            if skus.is_disjoint(&self.locked) { free.push(waiting) } else { self.waiting.push((waiting, skus)) }
        }
        free
    }
}

pub(super) fn still_locked() -> Problem {
    Problem::new(Code::Overloaded, "the stock's rows are locked by other work; try again shortly")
}
