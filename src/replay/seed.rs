//! Locations, a channel, and stock that is too small for all demand.

use std::{collections::HashMap, fmt::Write};

use onhand_checker::Key;
use onhand_client::{Client, Import, Mode};
use onhand_wire::{
    ChannelId, LocationId, Sku,
    request::{PutChannel, PutLocation},
};

use super::{Error, orders::Orders};
use crate::tiers;

/// Where a run's stock is, and each location's share of it in percent.
const LOCATIONS: [(&str, u64); 3] = [("replay-1", 50), ("replay-2", 30), ("replay-3", 20)];
const CHANNEL: &str = "replay";

pub(super) struct Seeded {
    pub channel: ChannelId,
    /// Sorted, so that two runs can be compared.
    pub skus: Vec<Sku>,
    /// On hand and, of earlier runs, reserved when this run began.
    pub rows: HashMap<Key, Row>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub on_hand: i64,
    pub reserved: i64,
}

pub(super) async fn seed(origins: &Client, orders: &Orders, percent: u32) -> Result<Seeded, Error> {
    topology(origins).await?;
    let mut skus: Vec<Sku> = orders.names.keys().cloned().collect();
    skus.sort();
    let reserved = reserved_before(origins, &skus).await?;
    let rows = rows(&skus, &orders.demand(), &reserved, percent);
    import(origins, orders, &skus, &rows).await?;
    Ok(Seeded { channel: channel(), skus, rows })
}

fn location(id: &str) -> LocationId {
    LocationId::new(id).expect("a valid id")
}

fn channel() -> ChannelId {
    ChannelId::new(CHANNEL).expect("a valid id")
}

async fn topology(origins: &Client) -> Result<(), Error> {
    for (priority, (id, _)) in (0..).zip(LOCATIONS) {
        let named = PutLocation::named(format!("Replay {id}"));
        origins.put_location(&location(id), &PutLocation { priority, ..named }).await?;
    }
    let locations = LOCATIONS.map(|(id, _)| location(id)).to_vec();
    origins.put_channel(&channel(), &PutChannel { locations, allocation: "priority".to_owned() }).await?;
    Ok(())
}

/// Holds that an earlier run left open are added on top, so that they take nothing from this run.
async fn reserved_before(origins: &Client, skus: &[Sku]) -> Result<HashMap<Key, i64>, Error> {
    let facts = tiers::load(origins, skus).await?.live;
    Ok(facts.into_iter().map(|(key, fact)| (key, fact.reserved)).collect())
}

fn rows(skus: &[Sku], demand: &HashMap<Sku, u64>, before: &HashMap<Key, i64>, percent: u32) -> HashMap<Key, Row> {
    let mut rows = HashMap::new();
    for sku in skus {
        let wanted = demand.get(sku).copied().unwrap_or_default();
        let stock = (wanted * u64::from(percent)).div_ceil(100);
        for (id, share) in LOCATIONS {
            let key = (sku.clone(), location(id));
            let reserved = before.get(&key).copied().unwrap_or_default();
            let on_hand = i64::try_from(stock * share / 100).unwrap_or(i64::MAX) + reserved;
            rows.insert(key, Row { on_hand, reserved });
        }
    }
    rows
}

async fn import(origins: &Client, orders: &Orders, skus: &[Sku], rows: &HashMap<Key, Row>) -> Result<(), Error> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let in_memory = "writing to memory does not fail";
    csv.write_record(["sku", "location", "quantity", "name"]).expect(in_memory);
    for sku in skus {
        let name = orders.names.get(sku).filter(|name| !name.is_empty()).map_or(sku.as_str(), String::as_str);
        for (id, _) in LOCATIONS {
            let row = rows[&(sku.clone(), location(id))];
            csv.write_record([sku.as_str(), id, &row.on_hand.to_string(), name]).expect(in_memory);
        }
    }
    let import = Import { mode: Mode::Set, create: true, ..Import::default() };
    let imported = origins.import(import, csv.into_inner().expect(in_memory)).await?.value;
    if imported.rejected == 0 && imported.applied > 0 {
        return Ok(());
    }
    let mut detail = format!("{} rows rejected", imported.rejected);
    for error in imported.errors.iter().take(3) {
        let _ = write!(detail, "; line {}: {}: {}", error.row, error.code, error.detail);
    }
    Err(Error::NotImported(detail))
}
