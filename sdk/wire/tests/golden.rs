//! Golden files pin the bytes of the change feed: other processes, and older ones, read them.
//! `ONHAND_GOLDEN=write cargo test --workspace --test golden` writes them again; a change of bytes is a change of
//! contract.

use std::{collections::BTreeMap, fmt::Write, path::Path};

use onhand_wire::{
    Channel, ChannelId, Fact, Item, Location, LocationId, Money, RestockAt, Sku, Timestamp, Version,
    event::{Change, Watermark},
    order::OrderRecord,
    quote::Total,
    release::{self, Manifest, Released, Stage},
};

const AT: Timestamp = Timestamp::from_micros(1_700_000_000_123_456);

fn changes() -> Vec<(&'static str, Change)> {
    let sku = Sku::new("DOT COM/1").unwrap();
    let version = Version::new(1, 42);
    let fact = Fact {
        sku: sku.clone(),
        location: LocationId::new("eu-1").unwrap(),
        on_hand: 55,
        reserved: 5,
        safety_stock: 2,
        backorder_limit: 3,
        low_stock_at: 10,
        restock_at: RestockAt::parse("2026-12-01"),
        version,
        changed_at: AT,
        deleted: false,
    };
    let item = Item {
        sku,
        name: "Postage".to_owned(),
        brand: Some("Royal".to_owned()),
        attributes: BTreeMap::from([("colour".to_owned(), "red".to_owned())]),
        price: Some(Money { amount: 1275, currency: "GBP".to_owned() }),
        active: true,
        version,
        changed_at: AT,
        deleted: false,
    };
    let location = Location {
        location: LocationId::new("eu-1").unwrap(),
        name: "Rotterdam".to_owned(),
        region: Some("eu".to_owned()),
        priority: 1,
        lat: Some(51.92),
        lon: Some(4.48),
        enabled: true,
        pickup: false,
        version,
        changed_at: AT,
        deleted: false,
    };
    let channel = Channel {
        channel: ChannelId::new("web").unwrap(),
        locations: vec![LocationId::new("eu-1").unwrap()],
        allocation: "priority".to_owned(),
        version,
        changed_at: AT,
        deleted: false,
    };
    let watermark =
        Watermark { t: AT, s: AT.plus(std::time::Duration::from_millis(2)), term: 1, good_since: 1, partitions: 8 };
    let deleted = Fact { deleted: true, on_hand: 0, restock_at: None, ..fact.clone() };
    vec![
        ("fact", Change::Fact(fact)),
        ("fact-deleted", Change::Fact(deleted)),
        ("item", Change::Item(item)),
        ("location", Change::Location(location)),
        ("channel", Change::Channel(channel)),
        ("watermark", Change::Watermark(watermark)),
    ]
}

/// Sixteen bytes on each line, so that a difference is easy to find.
fn hex(bytes: &[u8]) -> String {
    bytes.chunks(16).fold(String::new(), |mut text, chunk| {
        let line: Vec<String> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(text, "{}", line.join(" ")).unwrap();
        text
    })
}

#[test]
fn the_bytes_are_what_they_were() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for (name, change) in changes() {
        let (file, bytes) = (dir.join(format!("{name}.hex")), change.encode());
        if std::env::var_os("ONHAND_GOLDEN").is_some() {
            std::fs::write(&file, hex(&bytes)).unwrap();
        }
        let pinned = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert_eq!(hex(&bytes), pinned, "{name}");
        assert_eq!(Change::decode(&bytes).unwrap(), change, "{name}");
    }
}

fn order() -> OrderRecord {
    let body = br#"{"lines":[{"sku":"DOT COM/1","quantity":2,"location":"eu-1"}],"channel":"web","order_ref":"o-1",
        "priority":"low","payment_ref":"card-1","decide_within_s":60}"#;
    OrderRecord {
        v: OrderRecord::V,
        id: uuid::Uuid::from_u128(0x7b1c_52d4_8c3a_8f61_9d2e_4f0a_6b7c_8d9e),
        subject: "shop".to_owned(),
        owner: Some("north".to_owned()),
        key: "k-1".to_owned(),
        digest: "0a".repeat(32),
        accepted_at: AT,
        decide_by: AT.plus(std::time::Duration::from_secs(60)),
        amount: Some(Total { amount: 2550, currency: "GBP".to_owned() }),
        correlation: "c-1".to_owned(),
        order: onhand_wire::request::read(body).unwrap(),
    }
}

#[test]
fn an_orders_bytes_are_what_they_were() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/order.hex");
    let bytes = order().encode();
    if std::env::var_os("ONHAND_GOLDEN").is_some() {
        std::fs::write(&file, hex(&bytes)).unwrap();
    }
    assert_eq!(hex(&bytes), std::fs::read_to_string(&file).unwrap());
    assert_eq!(OrderRecord::decode(&bytes).unwrap(), order());
}

fn manifest() -> Manifest {
    let full = Released {
        digest: "0a".repeat(32),
        component: "0b".repeat(32),
        world: "view".to_owned(),
        stage: Stage::Full,
        share: None,
        bytes: 10_240,
        sequence: Some(1_700_000_000_123),
    };
    let next =
        Released { digest: "0c".repeat(32), stage: Stage::Canary, share: Some(12.5), sequence: None, ..full.clone() };
    Manifest {
        rule: "channel-buffer".to_owned(),
        seq: 3,
        change: release::Change::Push,
        at: Timestamp::from_micros(1_700_000_000_123_000),
        actor: "ci".to_owned(),
        correlation: "c-1".to_owned(),
        full: Some(full),
        next: Some(next),
        mark: 1_700_000_000_123,
        withdrawal: None,
    }
}

#[test]
fn a_manifests_bytes_are_what_they_were() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/manifest.json");
    let text = String::from_utf8(manifest().encode()).unwrap() + "\n";
    if std::env::var_os("ONHAND_GOLDEN").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(&file).unwrap());
    assert_eq!(Manifest::decode(text.as_bytes()).unwrap(), manifest());
    let later = text.replace("{\"v\":1", "{\"v\":2,\"from_the_future\":[1]").replace(",\"next\":", ",\"after\":");
    assert_eq!(Manifest::decode(later.as_bytes()).unwrap(), Manifest { next: None, ..manifest() });
}

#[test]
fn readers_ignore_unknown_names_and_default_absent_ones() {
    #[derive(serde::Serialize)]
    struct Later<'a> {
        v: u8,
        kind: &'a str,
        sku: &'a str,
        location: &'a str,
        on_hand: i64,
        version: u64,
        from_the_future: [u8; 3],
    }
    let later =
        Later { v: 2, kind: "fact", sku: "a", location: "b", on_hand: 4, version: 7, from_the_future: [1, 2, 3] };
    let Change::Fact(fact) = Change::decode(&rmp_serde::to_vec_named(&later).unwrap()).unwrap() else {
        panic!("a fact")
    };
    assert_eq!((fact.on_hand, fact.reserved, fact.deleted), (4, 0, false));
    assert!(Change::decode(b"\xc1 nonsense").is_err());
    assert!(Change::decode(&rmp_serde::to_vec_named(&BTreeMap::from([("kind", "dream")])).unwrap()).is_err());
}
