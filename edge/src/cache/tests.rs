//! L1 and `recent` together: races, bounds, and random interleavings against a model, and every interleaving
//! within small bounds.

mod interleavings;
mod model;
mod races;

use std::sync::Arc;

use onhand_wire::{Fact, Item, LocationId, Sku, Stock, Timestamp, Version};

use super::{
    Intake,
    l1::L1,
    recent::{LoadSource, Recent, SkuChange},
};
use crate::config::CacheConfig;

fn sku(name: &str) -> Sku {
    Sku::new(name).unwrap()
}

fn fact(name: &str, seq: u64) -> Fact {
    Fact {
        sku: sku(name),
        location: LocationId::new("eu-1").unwrap(),
        on_hand: seq as i64,
        reserved: 0,
        safety_stock: 0,
        backorder_limit: 0,
        low_stock_at: 0,
        restock_at: None,
        version: Version::new(1, seq),
        changed_at: Timestamp::default(),
        deleted: false,
    }
}

fn item(name: &str) -> Item {
    Item {
        sku: sku(name),
        name: name.to_owned(),
        brand: None,
        attributes: Default::default(),
        price: None,
        active: true,
        version: Version::new(1, 1),
        changed_at: Timestamp::default(),
        deleted: false,
    }
}

/// A known SKU at one location, at this version; with 0 it does not exist yet.
fn stock(name: &str, seq: u64) -> Stock {
    if seq == 0 { Stock::default() } else { Stock { item: Some(item(name)), facts: vec![fact(name, seq)] } }
}

/// The version that is shown; 0 means that there is no such SKU.
fn version(stock: &Stock) -> u64 {
    if stock.known() { stock.fact("eu-1").map_or(0, |fact| fact.version.seq()) } else { 0 }
}

fn at(micros: u64) -> Timestamp {
    Timestamp::from_micros(micros as i64)
}

struct Tiers {
    l1: Arc<L1>,
    recent: Arc<Recent>,
    intake: Intake,
}

impl Tiers {
    fn new(recent: usize, partitions: usize) -> Self {
        let recent = Arc::new(Recent::new(recent));
        let config = CacheConfig { entries: 1000, ..CacheConfig::default() };
        let l1 = Arc::new(L1::new(&config, recent.clone()));
        let intake = Intake { l1: l1.clone(), recent: recent.clone() };
        intake.restart(&vec![0; partitions]);
        Self { l1, recent, intake }
    }

    fn feed(&self, offset: i64, name: &str, seq: u64) {
        self.intake.apply(0, offset, SkuChange::Fact(fact(name, seq)));
    }

    /// Creates the item, with its first version.
    fn create(&self, offset: i64, name: &str) {
        self.intake.apply(0, offset, SkuChange::Item(item(name)));
        self.feed(offset, name, 1);
    }

    fn held(&self, name: &str) -> Option<u64> {
        Some(version(&self.l1.hit(name)?.stock))
    }

    fn began(&self) -> LoadSource {
        LoadSource::Origin { began: self.recent.tick() }
    }

    fn fill(&self, name: &str, seq: u64, source: LoadSource, until: u64) -> Option<u64> {
        let entry = self.l1.fill(&sku(name), stock(name, seq), source, at(until)).ok()?;
        Some(version(&entry.stock))
    }
}
