//! What a batch has locked and read, and what it will write: everything that a decision uses.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use onhand_wire::{
    Channel, ChannelId, Fact, Item, Location, LocationId, Sku, Stock, Timestamp, Version, event::Change, order::Lane,
    request::Maintenance,
};
use uuid::Uuid;

use crate::{
    config::Limits,
    key::{CallKey, Digest},
    record::{OpenAllocation, OrderInLine, OrderOutcome, PaymentChange, ReservationRecord, StockPolicy, StockRow},
    trail,
};

/// Locations and channels, and the stamp under which they were read.
#[derive(Debug, Clone, Default)]
pub struct Topology {
    pub stamp: i64,
    pub locations: BTreeMap<LocationId, Location>,
    pub channels: BTreeMap<ChannelId, Channel>,
    /// The seq of those that are gone: it goes on should they come again.
    pub gone_locations: BTreeMap<LocationId, u64>,
    pub gone_channels: BTreeMap<ChannelId, u64>,
}

impl Topology {
    /// As it is now, there or gone.
    pub fn add_location(&mut self, location: Location) {
        let id = location.location.clone();
        if location.deleted {
            self.locations.remove(&id);
            self.gone_locations.insert(id, location.version.seq());
        } else {
            self.locations.insert(id, location);
        }
    }

    /// As it is now, there or gone.
    pub fn add_channel(&mut self, channel: Channel) {
        let id = channel.channel.clone();
        if channel.deleted {
            self.channels.remove(&id);
            self.gone_channels.insert(id, channel.version.seq());
        } else {
            self.channels.insert(id, channel);
        }
    }

    /// Of a location's next state.
    pub fn next_location_seq(&self, id: &LocationId) -> u64 {
        let held = self.locations.get(id).map(|held| held.version.seq());
        held.max(self.gone_locations.get(id).copied()).unwrap_or_default() + 1
    }

    /// Of a channel's next state.
    pub fn next_channel_seq(&self, id: &ChannelId) -> u64 {
        let held = self.channels.get(id).map(|held| held.version.seq());
        held.max(self.gone_channels.get(id).copied()).unwrap_or_default() + 1
    }

    /// Enabled locations in serving order: the channel's list, else priority, then id.
    pub fn serving(&self, channel: Option<&Channel>) -> Vec<&Location> {
        if let Some(channel) = channel {
            let listed = channel.locations.iter().filter_map(|id| self.locations.get(id));
            return listed.filter(|location| location.enabled).collect();
        }
        let mut all: Vec<_> = self.locations.values().filter(|location| location.enabled).collect();
        all.sort_by(|a, b| (a.priority, &a.location).cmp(&(b.priority, &b.location)));
        all
    }
}

/// The answer that a call's key keeps.
#[derive(Debug, Clone)]
pub struct Kept {
    pub digest: Digest,
    /// In which form it was made ([`crate::key::DIGEST_FORM`]).
    pub form: u8,
    pub status: u16,
    pub body: String,
}

/// What other rows say about a stock row; read only for reconciliation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Book {
    /// What open reservations hold.
    pub open: i64,
    /// On hand and reserved, as the sum of the ledger's changes.
    pub sum: (i64, i64),
    /// On hand and reserved after the ledger's last line.
    pub last: (i64, i64),
    /// The ledger's highest.
    pub seq: u64,
}

/// Who makes a change, and why.
#[derive(Debug, Clone)]
pub struct Why<'a> {
    pub actor: &'a str,
    pub kind: &'static str,
    pub reason: Option<&'a str>,
    pub correlation: &'a str,
    pub reservation: Option<Uuid>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerLine {
    pub actor: String,
    pub kind: &'static str,
    pub reason: Option<String>,
    pub sku: Sku,
    pub location: LocationId,
    /// On hand and reserved.
    pub before: (i64, i64),
    pub after: (i64, i64),
    pub seq: u64,
    pub reservation: Option<Uuid>,
    pub correlation: String,
    /// Only where the line changes it, so that the rows can be rebuilt from the ledger.
    pub policy: Option<StockPolicy>,
}

/// What must be written; the rows themselves are in the state.
#[derive(Debug, Default)]
pub struct Changes {
    pub items: BTreeSet<Sku>,
    /// Items that had no row before, not even a deleted one.
    pub new_items: BTreeSet<Sku>,
    pub stock: BTreeSet<(Sku, LocationId)>,
    /// Stock rows that were not there before.
    pub new_stock: BTreeSet<(Sku, LocationId)>,
    pub locations: BTreeMap<LocationId, Location>,
    pub channels: BTreeMap<ChannelId, Channel>,
    pub new_reservations: BTreeSet<Uuid>,
    pub reservations: BTreeSet<Uuid>,
    /// Single allocations of expired holds whose other SKUs are not locked here.
    pub released: Vec<OpenAllocation>,
    pub ledger: Vec<LedgerLine>,
    pub trail: Vec<trail::Line>,
    pub kept: BTreeMap<CallKey, Kept>,
    pub orders: BTreeMap<Uuid, OrderOutcome>,
    pub payments: BTreeMap<Uuid, PaymentChange>,
    /// By how much holders' open units change.
    pub open_units: BTreeMap<String, i64>,
    pub maintenance: Option<Maintenance>,
    /// Whether commits wait for a synchronous standby, if that differs from what is stored.
    pub lossless: Option<bool>,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
            && self.stock.is_empty()
            && self.locations.is_empty()
            && self.channels.is_empty()
            && self.reservations.is_empty()
            && self.new_reservations.is_empty()
            && self.released.is_empty()
            && self.kept.is_empty()
            && self.orders.is_empty()
            && self.maintenance.is_none()
            && self.lossless.is_none()
    }
}

/// A batch's changes as the feed publishes them, and the outbox's row that names them.
#[derive(Debug)]
pub struct News {
    pub row: Uuid,
    pub changes: Vec<Change>,
}

/// Everything that the batch's commands may read.
#[derive(Debug, Default)]
pub struct BatchState {
    /// The database's clock, held so that it never falls.
    pub now: Timestamp,
    pub term: u16,
    pub topology: Arc<Topology>,
    /// The message, when under maintenance.
    pub maintenance: Option<String>,
    /// Rows of `products`, deleted ones too: their seq survives.
    pub items: HashMap<Sku, Item>,
    pub stock: HashMap<Sku, BTreeMap<LocationId, StockRow>>,
    pub reservations: HashMap<Uuid, ReservationRecord>,
    /// Allocations past their deadline on the batch's SKUs.
    pub dead: Vec<OpenAllocation>,
    pub kept: HashMap<CallKey, Kept>,
    /// Those that the batch may decide, locked.
    pub orders: HashMap<Uuid, OrderInLine>,
    /// What waits before them: by lane and first SKU, of orders that are not decided, their place in the line.
    pub in_line: HashMap<(Lane, String), BTreeSet<i64>>,
    pub limits: Limits,
    /// Open units by holder, for holders whose holds are counted; read after they were locked.
    pub open_units: HashMap<String, i64>,
    /// As read under the locks, before this batch's own lines.
    pub books: HashMap<(Sku, LocationId), Book>,
    pub changes: Changes,
    /// The id of the outbox's row, if the batch changes anything that the feed publishes.
    pub outbox: Uuid,
}

impl BatchState {
    pub fn item(&self, sku: &Sku) -> Option<&Item> {
        self.items.get(sku).filter(|item| !item.deleted)
    }

    pub fn row(&self, sku: &Sku, location: &LocationId) -> Option<&StockRow> {
        self.stock.get(sku)?.get(location).filter(|row| !row.deleted)
    }

    pub fn rows(&self, sku: &Sku) -> impl Iterator<Item = (&LocationId, &StockRow)> {
        self.stock.get(sku).into_iter().flatten().filter(|(_, row)| !row.deleted)
    }

    /// Changes one row under its SKU's lock: next seq, ledger line, outbox.
    pub fn change_stock(
        &mut self,
        sku: &Sku,
        location: &LocationId,
        why: &Why<'_>,
        change: impl FnOnce(&mut StockRow),
    ) {
        let rows = self.stock.entry(sku.clone()).or_default();
        if !rows.contains_key(location) {
            self.changes.new_stock.insert((sku.clone(), location.clone()));
        }
        let row = rows.entry(location.clone()).or_default();
        let policy_before = row.policy();
        if row.deleted {
            // Only the seq of the deleted row continues.
            *row = StockRow { seq: row.seq, ..StockRow::default() };
        }
        let before = (row.on_hand, row.reserved);
        change(row);
        row.seq += 1;
        row.changed_at = self.now;
        let line = LedgerLine {
            actor: why.actor.to_owned(),
            kind: why.kind,
            reason: why.reason.map(str::to_owned),
            sku: sku.clone(),
            location: location.clone(),
            before,
            after: (row.on_hand, row.reserved),
            seq: row.seq,
            reservation: why.reservation,
            correlation: why.correlation.to_owned(),
            policy: Some(row.policy()).filter(|policy| *policy != policy_before),
        };
        self.changes.ledger.push(line);
        self.changes.stock.insert((sku.clone(), location.clone()));
    }

    pub fn put_item(&mut self, mut item: Item) {
        let held = self.items.get(&item.sku).map(|held| held.version.seq());
        if held.is_none() {
            self.changes.new_items.insert(item.sku.clone());
        }
        let seq = held.unwrap_or_default();
        item.version = Version::new(self.term, seq + 1);
        item.changed_at = self.now;
        self.changes.items.insert(item.sku.clone());
        self.items.insert(item.sku.clone(), item);
    }

    pub fn put_record(&mut self, record: ReservationRecord) {
        self.count(&record);
        if !self.reservations.contains_key(&record.id) {
            self.changes.new_reservations.insert(record.id);
        } else if !self.changes.new_reservations.contains(&record.id) {
            self.changes.reservations.insert(record.id);
        }
        self.reservations.insert(record.id, record);
    }

    /// Whether an order of the same first SKU comes before it in its lane.
    pub fn waits_behind(&self, row: &OrderInLine) -> bool {
        let first = self.in_line.get(&(row.lane, row.sku.clone())).and_then(BTreeSet::first);
        !row.aside && first.is_some_and(|first| *first < row.seq)
    }

    /// It is decided, and its line moves on.
    pub fn settle_order(&mut self, id: Uuid, outcome: OrderOutcome) {
        if let Some(row) = self.orders.get_mut(&id) {
            row.state = outcome.state;
            if let Some(line) = self.in_line.get_mut(&(row.lane, row.sku.clone())) {
                line.remove(&row.seq);
            }
        }
        self.changes.orders.insert(id, outcome);
    }

    /// While it is paid for, a hold does not end by itself, and is nobody's to change.
    pub fn begin_payment(&mut self, id: Uuid) {
        if let Some(record) = self.reservations.get_mut(&id) {
            (record.expires_at, record.in_payment) = (None, true);
        }
    }

    /// Its payment is settled.
    pub fn end_payment(&mut self, id: Uuid) {
        if let Some(record) = self.reservations.get_mut(&id) {
            record.in_payment = false;
        }
    }

    /// What is counted when it is made is counted to its end, whatever the limit is by then.
    fn count(&mut self, record: &ReservationRecord) {
        let Some(holder) = &record.holder else { return };
        let before = self.reservations.get(&record.id).map_or(0, ReservationRecord::open_units);
        let change = record.open_units() - before;
        if change != 0 {
            *self.changes.open_units.entry(holder.clone()).or_default() += change;
        }
        // Released units are free from the next batch on: they may be past their deadline, and so not counted now.
        if change > 0 {
            *self.open_units.entry(holder.clone()).or_default() += change;
        }
    }

    pub fn put_location(&mut self, location: Location) {
        Arc::make_mut(&mut self.topology).add_location(location.clone());
        self.changes.locations.insert(location.location.clone(), location);
    }

    pub fn put_channel(&mut self, channel: Channel) {
        Arc::make_mut(&mut self.topology).add_channel(channel.clone());
        self.changes.channels.insert(channel.channel.clone(), channel);
    }

    pub fn fact(&self, sku: &Sku, location: &LocationId) -> Option<Fact> {
        Some(self.stock.get(sku)?.get(location)?.fact(sku, location, self.term))
    }

    /// The changed items and facts, for the relay; `None` if the outbox's row names more than those: what a location's or
    /// a channel's row will say is settled by its write.
    pub fn news(&self) -> Option<News> {
        let changes = &self.changes;
        if !changes.locations.is_empty() || !changes.channels.is_empty() {
            return None;
        }
        let items = changes.items.iter().map(|sku| Change::Item(self.items[sku].clone()));
        let facts = changes.stock.iter().filter_map(|(sku, location)| self.fact(sku, location)).map(Change::Fact);
        Some(News { row: self.outbox, changes: items.chain(facts).collect() })
    }

    /// The facts of `keys`, grouped by SKU.
    pub fn stocks<'a>(&self, keys: impl IntoIterator<Item = &'a (Sku, LocationId)>) -> Vec<Stock> {
        group(Vec::new(), keys.into_iter().filter_map(|(sku, location)| self.fact(sku, location)).collect())
    }
}

/// Groups changed facts and items by SKU.
pub fn group(items: Vec<Item>, facts: Vec<Fact>) -> Vec<Stock> {
    let mut by_sku = BTreeMap::<Sku, Stock>::new();
    for item in items {
        by_sku.entry(item.sku.clone()).or_default().join_item(item);
    }
    for fact in facts {
        by_sku.entry(fact.sku.clone()).or_default().join_fact(fact);
    }
    by_sku.into_values().collect()
}
