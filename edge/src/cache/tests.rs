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
    recent::{News, Recent, Source},
};

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

/// A known SKU at one location, at this version.
fn stock(name: &str, seq: u64) -> Stock {
    Stock { item: Some(item(name)), facts: vec![fact(name, seq)] }
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
        let l1 = Arc::new(L1::new(1000, recent.clone()));
        let intake = Intake { l1: l1.clone(), recent: recent.clone() };
        intake.restart(&vec![0; partitions]);
        Self { l1, recent, intake }
    }

    fn feed(&self, offset: i64, name: &str, seq: u64) {
        self.intake.apply(0, offset, News::Fact(fact(name, seq)));
    }

    fn held(&self, name: &str) -> Option<u64> {
        Some(self.l1.hit(name)?.stock.fact("eu-1")?.version.seq())
    }

    fn began(&self) -> Source {
        Source::Origin { began: self.recent.tick() }
    }

    fn fill(&self, name: &str, seq: u64, source: Source, until: u64) -> Option<u64> {
        let entry = self.l1.fill(&sku(name), stock(name, seq), source, at(until)).ok()?;
        Some(entry.stock.fact("eu-1")?.version.seq())
    }
}
