//! The least store that `answer_all` can work over: what it says to write is kept, nothing more.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use onhand_origin::{
    answer::{WriteOutcome, answer_all},
    command::Ask,
    record::{OpenAllocation, ReservationRecord, StockRow},
    state::{BatchState, Kept, Topology},
};
use onhand_rules::Rules;
use onhand_wire::{Item, LocationId, Sku, Timestamp};
use uuid::Uuid;

pub(crate) struct Memory {
    topology: Arc<Topology>,
    items: HashMap<Sku, Item>,
    pub(crate) stock: HashMap<Sku, BTreeMap<LocationId, StockRow>>,
    records: HashMap<Uuid, ReservationRecord>,
    open: Vec<OpenAllocation>,
    kept: HashMap<(String, String), Kept>,
    /// On hand and reserved by the ledger alone.
    ledger: HashMap<(Sku, LocationId), (i64, i64)>,
    rules: Rules,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self {
            topology: Arc::default(),
            items: HashMap::new(),
            stock: HashMap::new(),
            records: HashMap::new(),
            open: Vec::new(),
            kept: HashMap::new(),
            ledger: HashMap::new(),
            rules: Rules::none(),
        }
    }

    /// One batch. It reads only what a store would: its own SKUs, reservations and keys.
    pub(crate) fn batch(&mut self, now: Timestamp, asks: &[&Ask]) -> Vec<WriteOutcome> {
        let mut state = BatchState { now, term: 1, topology: self.topology.clone(), ..BatchState::default() };
        let mut skus: BTreeSet<Sku> = asks.iter().flat_map(|ask| ask.command.skus()).collect();
        for id in asks.iter().filter_map(|ask| ask.command.reservation()) {
            if let Some(record) = self.records.get(&id) {
                skus.extend(record.skus().cloned());
                state.reservations.insert(id, record.clone());
            }
        }
        let only = |sku: &&Sku| skus.contains(*sku);
        state.items =
            self.items.iter().filter(|(sku, _)| only(sku)).map(|(sku, item)| (sku.clone(), item.clone())).collect();
        state.stock =
            self.stock.iter().filter(|(sku, _)| only(sku)).map(|(sku, rows)| (sku.clone(), rows.clone())).collect();
        let dead = self.open.iter().filter(|open| only(&&open.sku) && dead_at(open, now));
        state.dead = dead.cloned().collect();
        for ask in asks {
            let key = ask.kept_under();
            state.kept.extend(self.kept.get(&key).map(|kept| (key, kept.clone())));
        }
        let outcomes = answer_all(&mut state, asks, &self.rules);
        self.write(state);
        outcomes
    }

    fn write(&mut self, state: BatchState) {
        let BatchState { topology, mut items, mut stock, mut reservations, changes, .. } = state;
        self.topology = topology;
        self.items.extend(changes.items.iter().map(|sku| items.remove_entry(sku).expect("noted as changed")));
        for (sku, location) in &changes.stock {
            let row = stock.get_mut(sku).and_then(|rows| rows.remove(location)).expect("noted as changed");
            self.stock.entry(sku.clone()).or_default().insert(location.clone(), row);
        }
        for line in changes.ledger {
            let level = self.ledger.entry((line.sku, line.location)).or_default();
            assert_eq!(*level, line.before, "the ledger goes on where it was");
            *level = line.after;
        }
        let key = |open: &OpenAllocation| (open.reservation, open.line, open.location.clone());
        let released: BTreeSet<_> = changes.released.iter().map(key).collect();
        self.open.retain(|open| !released.contains(&key(open)));
        for id in changes.new_reservations.iter().chain(&changes.reservations) {
            let record = reservations.remove(id).expect("noted as changed");
            self.open.retain(|open| open.reservation != *id);
            self.open.extend(record.open());
            self.records.insert(*id, record);
        }
        self.kept.extend(changes.kept);
    }

    /// Invariant 1 of every row, and that the ledger adds up to it; what is reserved of each row that
    /// is not deleted, less dead holds that no batch has come by yet.
    pub(crate) fn rows(&self, now: Timestamp) -> BTreeMap<(String, String), (StockRow, i64)> {
        let mut rows = BTreeMap::new();
        for (sku, held) in &self.stock {
            for (location, row) in held {
                let here = || self.open.iter().filter(|open| open.sku == *sku && open.location == *location);
                let open: i64 = here().map(|open| open.quantity).sum();
                assert!(row.on_hand >= 0, "{sku} at {location}: {row:?}");
                assert_eq!(row.reserved, open, "{sku} at {location}: reserved is the sum of open allocations");
                let told = self.ledger[&(sku.clone(), location.clone())];
                assert_eq!(told, (row.on_hand, row.reserved), "{sku} at {location}: the ledger adds up");
                let dead: i64 = here().filter(|open| dead_at(open, now)).map(|open| open.quantity).sum();
                if !row.deleted {
                    rows.insert((sku.to_string(), location.to_string()), (row.clone(), open - dead));
                }
            }
        }
        rows
    }
}

fn dead_at(open: &OpenAllocation, now: Timestamp) -> bool {
    open.expires_at.is_some_and(|deadline| deadline <= now)
}
