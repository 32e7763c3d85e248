//! A call into the sandbox beside the same function called natively.
//!
//! `make rules`, then `cargo bench --workspace --bench call`.

use std::{env, fs, hint::black_box, path::PathBuf};

use criterion::{Criterion, criterion_group, criterion_main};
use onhand_http::setting::Span;
use onhand_rule as sdk;
use onhand_rule::{Allocation, View};
use onhand_rules::{AllocationInput, AskedLine, Candidate, Config, Offer, Rules, ViewInput, ViewLocation};
use onhand_wire::{LocationId, Sku, Timestamp, request::Destination};

/// As in the command: a call takes and gives back some dozens of pieces of memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn rules(rule: &str) -> Rules {
    let target = env::var_os("ONHAND_TARGET")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target")), PathBuf::from);
    let dir = tempfile::tempdir().expect("a temporary folder");
    fs::copy(target.join(format!("plugins/{rule}.wasm")), dir.path().join(format!("{rule}.wasm")))
        .expect("run `make rules` first");
    let dir = dir.path().to_str().expect("a plain path").to_owned();
    let patient = Span::s(5);
    let config = Config { dir, allow_unsigned: true, deadline: patient, batch_deadline: patient, ..Config::default() };
    Rules::load(&config).expect("a component")
}

fn location(n: usize) -> LocationId {
    LocationId::new(&format!("eu-{n}")).expect("an id")
}

fn sku(n: usize) -> Sku {
    Sku::new(&format!("2242{n}")).expect("a SKU")
}

fn view_input(locations: usize) -> ViewInput {
    let at =
        |n| ViewLocation { location: location(n), available: 40, backorderable: 0, low_stock_at: 5, pickup: false };
    ViewInput { channel: None, sku: sku(3), name: None, locations: (0..locations).map(at).collect() }
}

/// What the guest gets of a [`view_input`].
fn native_stock(locations: usize) -> sdk::view::Stock {
    let at = |n| sdk::view::LocationStock {
        location: format!("eu-{n}"),
        available: 40,
        backorderable: 0,
        low_stock_at: 5,
        pickup: false,
    };
    sdk::view::Stock { sku: "22423".into(), locations: (0..locations).map(at).collect() }
}

fn view(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("view");
    let plain = rules("plain");
    let buffer = rules("channel-buffer");
    for locations in [3, 50] {
        let input = view_input(locations);
        group.bench_function(format!("plain/sandbox/{locations}"), |bench| {
            bench.iter(|| plain.view(black_box(&input)).expect("a rule").expect("an answer"));
        });
        group.bench_function(format!("channel-buffer/sandbox/{locations}"), |bench| {
            bench.iter(|| buffer.view(black_box(&input)).expect("a rule").expect("an answer"));
        });
        let config = sdk::Config::from([]);
        group.bench_function(format!("channel-buffer/native/{locations}"), |bench| {
            bench.iter(|| {
                let request = sdk::view::Request { channel: None, name: None };
                channel_buffer::ChannelBuffer::view(&config, request, black_box(native_stock(locations)))
            });
        });
    }
}

fn allocation_input(lines: usize, locations: usize) -> AllocationInput {
    let candidate = |n: usize| Candidate {
        location: location(n),
        region: None,
        priority: 0,
        lat: Some(40.0 + n as f64),
        lon: Some(n as f64),
        pickup: n.is_multiple_of(3),
    };
    let offer =
        |line| move |n| Offer { sku: sku(line), location: location(n), available: 5 + n as i64, backorderable: 0 };
    AllocationInput {
        at: Timestamp::from_micros(1_700_000_000_000_000),
        channel: None,
        destination: Some(Destination { country: "GB".into(), postcode: None, lat: Some(51.5), lon: Some(0.0) }),
        lines: (0..lines).map(|n| AskedLine { line: n as u32, sku: sku(n), quantity: 12 }).collect(),
        locations: (0..locations).map(candidate).collect(),
        stock: (0..lines).flat_map(|line| (0..locations).map(offer(line))).collect(),
    }
}

type Native = (Vec<sdk::allocation::AskedLine>, Vec<sdk::allocation::Location>, Vec<sdk::allocation::SkuStock>);

/// What the guest gets of an [`allocation_input`].
fn native(input: &AllocationInput) -> Native {
    use sdk::allocation::{AskedLine, Location, Offer, SkuStock};
    let coordinates = |at: &Candidate| Some(sdk::Coordinates { lat: at.lat?, lon: at.lon? });
    let location = |at: &Candidate| Location {
        id: at.location.to_string(),
        region: None,
        priority: 0,
        coordinates: coordinates(at),
        pickup: at.pickup,
    };
    let line = |line: &onhand_rules::AskedLine| AskedLine { line: line.line, sku: line.sku.to_string(), quantity: 12 };
    let offers = |stock: &[onhand_rules::Offer]| {
        let offer = |(location, offer): (u32, &onhand_rules::Offer)| Offer {
            location,
            available: offer.available as u32,
            backorderable: 0,
        };
        SkuStock { sku: stock[0].sku.to_string(), offers: (0..).zip(stock).map(offer).collect() }
    };
    (
        input.lines.iter().map(line).collect(),
        input.locations.iter().map(location).collect(),
        input.stock.chunks(input.locations.len()).map(offers).collect(),
    )
}

fn allocation(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("allocation");
    let trivial = rules("hostile");
    let nearest = rules("nearest-allocation");
    let destination = sdk::Destination {
        country: "GB".into(),
        postcode: None,
        coordinates: Some(sdk::Coordinates { lat: 51.5, lon: 0.0 }),
    };
    let config = sdk::Config::from([]);
    for (lines, locations) in [(1, 3), (5, 20), (100, 50)] {
        let input = allocation_input(lines, locations);
        let size = format!("{lines}x{locations}");
        group.bench_function(format!("rank-trivial/sandbox/{size}"), |bench| {
            bench.iter(|| trivial.rank("hostile", black_box(&input)).expect("an answer"));
        });
        group.bench_function(format!("nearest/sandbox/{size}"), |bench| {
            bench.iter(|| nearest.allocate("nearest-allocation", black_box(&input)).expect("an answer"));
        });
        group.bench_function(format!("nearest/native/{size}"), |bench| {
            bench.iter(|| {
                let (lines, locations, stock) = native(black_box(&input));
                let request = sdk::allocation::Request { at: 0, channel: None, destination: Some(destination.clone()) };
                nearest_allocation::NearestAllocation::allocate(&config, request, lines, locations, stock)
            });
        });
    }
}

criterion_group!(benches, view, allocation);
criterion_main!(benches);
