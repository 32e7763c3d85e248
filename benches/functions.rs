//! The functions on the hot paths, alone: deciding a batch, reading a record of the feed, joining,
//! judging a token.
//! `make bench`. The whole path is measured by `onhand replay` (docs/benchmarks.md).

use std::{collections::BTreeMap, hint::black_box};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ed25519_dalek::{
    SigningKey,
    pkcs8::{EncodePrivateKey, EncodePublicKey, spki::der::pem::LineEnding},
};
use onhand_http::auth::{Claims, Expected, Issuer, KeySet, Keys, Scope, Verifier};
use onhand_origin::{
    answer::answer_all,
    command::{Ask, Command},
    key::CallDigest,
    record::StockRow,
    state::{BatchState, Topology},
};
use onhand_rules::Rules;
use onhand_wire::{Fact, Item, Location, LocationId, Sees, Sku, Stock, Timestamp, Version, event::Change, request};
use uuid::Uuid;

const LOCATIONS: usize = 3;

fn sku() -> Sku {
    Sku::new("22423").unwrap()
}

fn place(index: usize) -> LocationId {
    LocationId::new(&format!("eu-{index}")).unwrap()
}

fn location(index: usize) -> Location {
    serde_json::from_value(serde_json::json!({"location": place(index), "version": "1.1"})).unwrap()
}

fn state() -> BatchState {
    let item: Item = serde_json::from_value(serde_json::json!({"sku": sku(), "version": "1.1"})).unwrap();
    let locations = (0..LOCATIONS).map(|index| (place(index), location(index))).collect();
    let row = StockRow { on_hand: 1_000_000, seq: 1, ..StockRow::default() };
    let rows: BTreeMap<_, _> = (0..LOCATIONS).map(|index| (place(index), row.clone())).collect();
    BatchState {
        term: 1,
        topology: Topology { locations, ..Topology::default() }.into(),
        items: [(sku(), item)].into(),
        stock: [(sku(), rows)].into(),
        ..BatchState::default()
    }
}

fn hold(number: usize) -> Ask {
    let body = br#"{"lines":[{"sku":"22423","quantity":1}]}"#;
    let command = Command::Hold(Uuid::from_u128(number as u128 + 1), request::read(body).unwrap());
    let digest = CallDigest::of("POST", "/v1/reservations", body);
    Ask {
        command,
        actor: "bench".into(),
        owner: None,
        sees: Sees::All,
        key: number.to_string(),
        digest,
        correlation: String::new(),
    }
}

fn decide(criterion: &mut Criterion) {
    let rules = Rules::none();
    let mut group = criterion.benchmark_group("decide holds of one hot SKU at 3 locations");
    for size in [1, 64, 512] {
        let asks: Vec<Ask> = (0..size).map(hold).collect();
        let asks: Vec<&Ask> = asks.iter().collect();
        group.throughput(Throughput::Elements(size as u64));
        group.bench_with_input(BenchmarkId::from_parameter(size), &asks, |bencher, asks| {
            bencher.iter_batched_ref(state, |state| black_box(answer_all(state, asks, &rules)), BatchSize::SmallInput);
        });
    }
}

fn fact(index: usize, seq: u64) -> Fact {
    let row = StockRow { on_hand: 55, reserved: 5, seq, changed_at: Timestamp::from_micros(1), ..StockRow::default() };
    row.fact(&sku(), &place(index), 1)
}

fn feed(criterion: &mut Criterion) {
    let bytes = Change::Fact(fact(0, 1)).encode();
    criterion.bench_function("decode a fact", |bencher| bencher.iter(|| Change::decode(black_box(&bytes)).unwrap()));
    let change = Change::Fact(fact(0, 1));
    criterion.bench_function("encode a fact", |bencher| bencher.iter(|| black_box(&change).encode()));
    let mut stock = Stock::default();
    for index in 0..LOCATIONS {
        stock.join_fact(fact(index, 1));
    }
    let newer = fact(1, 2);
    assert!(newer.version > Version::new(1, 1));
    criterion.bench_function("join a newer fact", |bencher| {
        bencher.iter_batched_ref(
            || (stock.clone(), newer.clone()),
            |(stock, newer)| stock.join_fact(newer.clone()),
            BatchSize::SmallInput,
        );
    });
}

/// What every write pays at the edge and at the origin.
fn tokens(criterion: &mut Criterion) {
    let key = SigningKey::from_bytes(&[7; 32]);
    let issuer = Issuer::from_pem(key.to_pkcs8_pem(LineEnding::LF).unwrap().as_bytes()).unwrap();
    let claims = Claims::new("bench", Scope::Storefront, u64::from(u32::MAX));
    let header = format!("Bearer {}", issuer.issue(&claims));
    let public = key.verifying_key().to_public_key_pem(LineEnding::LF).unwrap();
    let verifier = |room| {
        let keys = Keys { file: Some(KeySet::from_pem(public.as_bytes()).unwrap()), ..Keys::default() };
        Verifier::remembering(room, keys, &Expected::default())
    };
    let mut group = criterion.benchmark_group("judge a token");
    for (name, verifier) in [("verified each time", verifier(0)), ("remembered", verifier(10_000))] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| verifier.judge(Some(black_box(header.as_bytes())), Scope::Storefront).unwrap());
        });
    }
}

criterion_group!(functions, decide, feed, tokens);
criterion_main!(functions);
