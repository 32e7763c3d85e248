use onhand_wire::{ChannelId, Item, Location, RestockAt, Timestamp, Version, bulk::LoadedTopology};

use super::*;
use crate::topology::Topology;

fn id(name: &str) -> LocationId {
    LocationId::new(name).unwrap()
}

fn sku() -> Sku {
    Sku::new("SKU-1").unwrap()
}

fn fact(location: &str, on_hand: i64) -> Fact {
    Fact {
        sku: sku(),
        location: id(location),
        on_hand,
        reserved: 0,
        safety_stock: 0,
        backorder_limit: 0,
        low_stock_at: 0,
        restock_at: None,
        version: Version::new(1, 42),
        changed_at: Timestamp::default(),
        deleted: false,
    }
}

fn stock(facts: Vec<Fact>) -> Stock {
    let item = Item {
        sku: sku(),
        name: "Thing".to_owned(),
        brand: None,
        attributes: Default::default(),
        price: None,
        active: true,
        version: Version::new(1, 1),
        changed_at: Timestamp::default(),
        deleted: false,
    };
    let mut stock = Stock { item: Some(item), facts: Vec::new() };
    facts.into_iter().for_each(|fact| {
        stock.join_fact(fact);
    });
    stock
}

fn location(name: &str, priority: i32, enabled: bool) -> Location {
    Location {
        location: id(name),
        name: name.to_owned(),
        region: None,
        priority,
        lat: None,
        lon: None,
        enabled,
        pickup: false,
        version: Version::new(1, 1),
        changed_at: Timestamp::default(),
        deleted: false,
    }
}

fn channel(locations: &[&str]) -> Channel {
    Channel {
        channel: ChannelId::new("web").unwrap(),
        locations: locations.iter().map(|name| id(name)).collect(),
        allocation: "priority".to_owned(),
        version: Version::new(1, 1),
        changed_at: Timestamp::default(),
        deleted: false,
    }
}

/// eu-2 serves first, then eu-1 and eu-3 by id; eu-4 is disabled.
fn snapshot() -> Arc<Snapshot> {
    let topology = Topology::default();
    let locations = vec![
        location("eu-1", 1, true),
        location("eu-2", 0, true),
        location("eu-3", 1, true),
        location("eu-4", 0, false),
    ];
    let loaded = LoadedTopology { at: Timestamp::default(), term: 1, good_since: 1, locations, channels: Vec::new() };
    topology.join_loaded(loaded);
    topology.snapshot()
}

fn shown_with(stock: &Stock, ask: Ask<'_>) -> Availability {
    availability(&sku(), stock, ask, &snapshot(), &Rules::none()).0
}

fn order(shown: &Availability) -> Vec<&str> {
    shown.locations.iter().map(|location| location.location.as_str()).collect()
}

#[test]
fn locations_come_in_serving_order_and_disabled_ones_do_not_count() {
    let stock = stock(vec![fact("eu-1", 55), fact("eu-2", 30), fact("eu-3", 1), fact("eu-4", 100)]);
    let shown = shown_with(&stock, Ask::default());
    assert_eq!(order(&shown), ["eu-2", "eu-1", "eu-3"]);
    assert_eq!((shown.available, shown.status), (86, Status::InStock));
    assert_eq!(shown.locations[0].version, "1.42");
}

#[test]
fn a_channel_limits_and_orders_and_a_filter_cuts_across() {
    let stock = stock(vec![fact("eu-1", 55), fact("eu-2", 30), fact("eu-3", 1), fact("eu-4", 100)]);
    let web = channel(&["eu-4", "eu-3", "eu-2", "nowhere"]);
    let ask = Ask { channel: Some(&web), ..Ask::default() };
    assert_eq!(order(&shown_with(&stock, ask)), ["eu-3", "eu-2"]);
    let only = [id("eu-2"), id("eu-1")];
    let ask = Ask { locations: Some(&only), ..ask };
    assert_eq!(order(&shown_with(&stock, ask)), ["eu-2"]);
    let ask = Ask { channel: None, ..ask };
    assert_eq!(order(&shown_with(&stock, ask)), ["eu-2", "eu-1"]);
}

#[test]
fn a_sku_without_stock_rows_is_out_of_stock() {
    let shown = shown_with(&stock(vec![Fact { deleted: true, ..fact("eu-1", 5) }]), Ask::default());
    assert_eq!((shown.available, shown.status, shown.locations.len()), (0, Status::OutOfStock, 0));
}

#[test]
fn statuses_and_the_best_of_them() {
    assert_eq!(status(5, 0, 5), Status::LowStock);
    assert_eq!(status(6, 0, 5), Status::InStock);
    assert_eq!(status(1, 0, 0), Status::InStock, "0 means never");
    assert_eq!(status(0, 3, 5), Status::Backorder);
    assert_eq!(status(0, 0, 5), Status::OutOfStock);
    let backorder = Fact { backorder_limit: 3, reserved: 1, ..fact("eu-1", 0) };
    let low = Fact { low_stock_at: 10, ..fact("eu-2", 4) };
    let shown = shown_with(&stock(vec![backorder.clone(), low]), Ask::default());
    assert_eq!(shown.status, Status::LowStock);
    assert_eq!(shown.locations[1].backorderable, 2);
    assert_eq!(shown_with(&stock(vec![backorder]), Ask::default()).status, Status::Backorder);
}

#[test]
fn sellable_counts_backorder_across_locations_and_only_when_asked() {
    let stock = stock(vec![fact("eu-1", 55), Fact { backorder_limit: 3, ..fact("eu-2", 30) }]);
    let sellable = |quantity| shown_with(&stock, Ask { quantity, ..Ask::default() }).sellable;
    assert_eq!([sellable(None), sellable(Some(88)), sellable(Some(89))], [None, Some(true), Some(false)]);
}

#[test]
fn restock_at_is_the_earliest_and_adds_no_status() {
    let due = |location, date| Fact { restock_at: RestockAt::parse(date), ..fact(location, 0) };
    let shown = shown_with(&stock(vec![due("eu-1", "2026-03-01"), due("eu-2", "2026-02-01")]), Ask::default());
    assert_eq!(shown.restock_at.unwrap().as_str(), "2026-02-01");
    assert_eq!(shown.status, Status::OutOfStock);
    assert_eq!(shown.locations[1].restock_at.as_ref().unwrap().as_str(), "2026-03-01");
}

#[test]
fn a_kept_body_counts_only_for_its_channel_and_topology() {
    let entry = Entry::alone(stock(vec![fact("eu-1", 55), fact("eu-2", 30)]));
    let (web, snapshot, rules) = (channel(&["eu-1"]), snapshot(), Rules::none());
    let all = rendered(&entry, Ask::default(), &snapshot, &rules).unwrap();
    let again = rendered(&entry, Ask::default(), &snapshot, &rules).unwrap();
    assert_eq!(all.body.as_ptr(), again.body.as_ptr(), "answered from the same bytes");
    let ask = Ask { channel: Some(&web), ..Ask::default() };
    let shown = rendered(&entry, ask, &snapshot, &rules).unwrap();
    assert_ne!(all.body, shown.body);
    assert_ne!(all.etag, shown.etag);
    let other = Snapshot::default();
    let parsed: Availability = serde_json::from_slice(&rendered(&entry, ask, &other, &rules).unwrap().body).unwrap();
    assert_eq!(parsed.locations, [], "no location is known there");
}
