//! A folder of rules, and inputs to call them with.

use std::{env, fs, path::PathBuf};

use onhand_http::setting::Span;
use onhand_rules::{
    AllocationInput, AskedLine, Candidate, Config, Customer, Offer, PricingInput, PricingLine, Rules, ViewInput,
    ViewLocation, componentize,
};
use onhand_wire::{ChannelId, LocationId, Money, Sku, Timestamp};
use tempfile::TempDir;
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A component that `plugins/build.sh` has built.
pub(crate) fn built(rule: &str) -> Vec<u8> {
    let target = env::var_os("ONHAND_TARGET")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target")), PathBuf::from);
    let file = target.join("plugins").join(format!("{rule}.wasm"));
    fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}; run `make rules` first", file.display()))
}

/// A component of the `view` world from the text of a core module.
pub(crate) fn view_of(module: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/rules/since-v0.1");
    let (package, _) = resolve.push_dir(wit).unwrap();
    let world = resolve.select_world(&[package], Some("view")).unwrap();
    let mut module = wat::parse_str(module).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    componentize(&module).unwrap()
}

/// A view whose label has twenty million bytes.
pub(crate) fn view_of_twenty_megabytes() -> Vec<u8> {
    let answer = "(i32.store (i32.const 140) (i32.const 1)) (i32.store (i32.const 148) (i32.const 20000000))";
    view_of(&module(400, "").replace("unreachable", &format!("{answer} (i32.const 128)")))
}

/// A view that succeeds only where WASI's wall clock tells the time that a view has: none, the zeroth second.
pub(crate) fn view_with_a_clock(import: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let clock = "interface wall-clock { record datetime { seconds: u64, nanoseconds: u32 } now: func() -> datetime; }";
    resolve.push_str("clock.wit", &format!("package {import}:clocks@0.2.0; {clock}")).unwrap();
    resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/rules/since-v0.1")).unwrap();
    let guest = format!(
        "package test:guest; world guest {{ import {import}:clocks/wall-clock@0.2.0; export onhand:rules/view-rule@0.1.0; }}"
    );
    let package = resolve.push_str("guest.wit", &guest).unwrap();
    let world = resolve.select_world(&[package], Some("guest")).unwrap();
    let ten = "(param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)";
    let text = format!(
        r#"(module
            (import "{import}:clocks/wall-clock@0.2.0" "now" (func $now (param i32)))
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            (func (export "onhand:rules/view-rule@0.1.0#view") {ten} (result i32)
                (i64.store (i32.const 64) (i64.const 1))
                (call $now (i32.const 64))
                (if (i64.ne (i64.load (i32.const 64)) (i64.const 0)) (then unreachable))
                (i32.const 128)))"#
    );
    let mut module = wat::parse_str(text).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    componentize(&module).unwrap()
}

/// A core module that a view could be made of, but for `rest`.
pub(crate) fn module(pages: u32, rest: &str) -> String {
    let ten = "(param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)";
    format!(
        r#"(module
            (memory (export "memory") {pages})
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 16))
            (func (export "onhand:rules/view-rule@0.1.0#view") {ten} (result i32) unreachable)
            {rest})"#
    )
}

pub(crate) struct Folder {
    dir: TempDir,
    pub(crate) config: Config,
}

impl Folder {
    /// Deadlines so long that a busy machine changes nothing; tests of the deadline set their own.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = Config {
            dir: dir.path().to_str().unwrap().to_owned(),
            deadline: Span::s(20),
            batch_deadline: Span::s(20),
            // Tests look again by themselves, and judge by themselves.
            poll: Span::s(0),
            allow_unsigned: true,
            max_failure_rate: 1.0,
            ..Config::default()
        };
        Self { dir, config }
    }

    pub(crate) fn add(self, name: &str, component: &[u8], beside: &str) -> Self {
        self.put(&format!("{name}.wasm"), component);
        self.put(&format!("{name}.toml"), beside.as_bytes());
        self
    }

    /// Whole or not at all: whoever watches never sees half a file.
    pub(crate) fn put(&self, file: &str, bytes: &[u8]) {
        let file = self.dir.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let part = file.with_extension("part");
        fs::write(&part, bytes).unwrap();
        fs::rename(part, file).unwrap();
    }

    pub(crate) fn load(&self) -> Rules {
        Rules::load(&self.config).unwrap()
    }

    /// What loading says.
    pub(crate) fn refused(&self) -> String {
        Rules::load(&self.config).err().expect("loaded").to_string()
    }
}

/// One rule alone, under its own name.
pub(crate) fn alone(rule: &str, settings: &str) -> Rules {
    Folder::new().add(rule, &built(rule), &format!("[config]\n{settings}")).load()
}

pub(crate) fn hostile(behaviour: &str) -> Rules {
    alone("hostile", &format!("behaviour = {behaviour:?}"))
}

pub(crate) fn hostile_ranking(behaviour: &str) -> Rules {
    alone("hostile-ranking", &format!("behaviour = {behaviour:?}"))
}

pub(crate) fn hostile_pricing(behaviour: &str) -> Rules {
    alone("hostile-pricing", &format!("behaviour = {behaviour:?}"))
}

pub(crate) fn hostile_view(behaviour: &str) -> Rules {
    alone("hostile-view", &format!("behaviour = {behaviour:?}"))
}

pub(crate) fn sku(name: &str) -> Sku {
    Sku::new(name).unwrap()
}

pub(crate) fn location(name: &str) -> LocationId {
    LocationId::new(name).unwrap()
}

pub(crate) fn channel(name: &str) -> ChannelId {
    ChannelId::new(name).unwrap()
}

/// Locations by name and units available, each with 4 for backorder.
pub(crate) fn view_input(stock: &[(&str, i64)]) -> ViewInput {
    let at = |&(name, available): &(&str, i64)| ViewLocation {
        location: location(name),
        available,
        backorderable: 4,
        low_stock_at: 0,
        pickup: false,
    };
    ViewInput {
        channel: Some(channel("web")),
        sku: sku("22423"),
        name: Some("REGENCY CAKESTAND 3 TIER".to_owned()),
        locations: stock.iter().map(at).collect(),
    }
}

/// Lines of one SKU each: quantity and list price in pence.
pub(crate) fn pricing_input(lines: &[(i64, Option<i64>)]) -> PricingInput {
    let line = |(line, &(quantity, price)): (u32, &(i64, Option<i64>))| PricingLine {
        line,
        sku: sku("22423"),
        name: Some("REGENCY CAKESTAND 3 TIER".to_owned()),
        brand: None,
        attributes: [("material".to_owned(), "china".to_owned())].into(),
        quantity,
        list_price: price.map(|amount| Money { amount, currency: "GBP".to_owned() }),
    };
    PricingInput {
        at: Timestamp::from_micros(1_700_000_000_123_456),
        channel: Some(channel("web")),
        currency: "GBP".to_owned(),
        customer: Some(Customer { id: "c-1".to_owned(), segment: Some("trade".to_owned()) }),
        destination: None,
        lines: (0..).zip(lines).map(line).collect(),
    }
}

/// Lines of one SKU each; locations by name and latitude on the zero meridian; offers as
/// (SKU, location, available, backorderable).
pub(crate) fn allocation_input(
    lines: &[(&str, i64)],
    places: &[(&str, f64)],
    offers: &[(&str, &str, i64, i64)],
) -> AllocationInput {
    let line = |(line, &(name, quantity)): (u32, &(&str, i64))| AskedLine { line, sku: sku(name), quantity };
    let place = |&(name, lat): &(&str, f64)| Candidate {
        location: location(name),
        region: Some("eu".to_owned()),
        priority: 0,
        lat: Some(lat),
        lon: Some(0.0),
        pickup: false,
    };
    let offer = |&(item, at, available, backorderable): &(&str, &str, i64, i64)| Offer {
        sku: sku(item),
        location: location(at),
        available,
        backorderable,
    };
    AllocationInput {
        at: Timestamp::from_micros(1_700_000_000_123_456),
        channel: Some(channel("web")),
        destination: Some(onhand_wire::request::Destination {
            country: "GB".to_owned(),
            postcode: Some("EC1A 1BB".to_owned()),
            lat: Some(51.5),
            lon: Some(0.0),
        }),
        lines: (0..).zip(lines).map(line).collect(),
        locations: places.iter().map(place).collect(),
        stock: offers.iter().map(offer).collect(),
    }
}

/// Ten asked, twenty at the first location, none at the second.
pub(crate) fn ten_asked() -> AllocationInput {
    allocation_input(&[("a", 10)], &[("eu-1", 50.0), ("eu-2", 40.0)], &[("a", "eu-1", 15, 5), ("a", "eu-2", 0, 0)])
}

/// Waits for what another thread does.
pub(crate) fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let start = std::time::Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < std::time::Duration::from_secs(30), "not within 30 s");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
