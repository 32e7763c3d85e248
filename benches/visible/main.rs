//! From a change's acknowledgement to its being visible at an edge, beside raw Kafka.
//!
//! Changes go through the origin at a steady rate. A probe changes a SKU of its own, and asks an
//! edge for it until it shows; at the same time, on the same broker, records go from a producer to
//! a consumer. Both see the same load.

#![allow(clippy::print_stdout)] // the figures

mod kafka;
mod load;

use std::time::{Duration, Instant};

use clap::Parser;
use hdrhistogram::Histogram;
use onhand_harness::{Cheap, World, eventually};

#[derive(Parser)]
#[command(about = "From acknowledged to visible at an edge, beside raw Kafka under the same load")]
struct Args {
    /// Changes a second through the origin
    #[arg(long, default_value_t = 1000)]
    rate: u32,
    /// Seconds that are measured, after five of warming up
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run(&args));
}

async fn run(args: &Args) {
    eprintln!("starting PostgreSQL, Redis, Kafka, one origin and one edge");
    let world = World::start().edges(1).origins(1).dedicated().ready().await;
    world.location("eu-1", 0).await;
    world.stock("probe", "eu-1", 0).await;
    world.catalogue(load::SKUS as usize, 1).await;
    let edge = world.edge(0).anonymous();
    eventually!(edge.get("/v1/availability/probe").await.status == 200);
    let running = load::start(&world, args.rate).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let raw = kafka::start(&world.kafka().brokers(), Duration::from_secs(args.seconds));
    let (acknowledged, visible) = probe(&world, Duration::from_secs(args.seconds)).await;
    let raw = raw.await.expect("the raw probe ends");
    let carried = running.end();
    println!("{} changes/s offered, {carried:.0}/s carried, {} probes", args.rate, visible.len());
    println!("| | p50 ms | p99 ms | max ms |\n|---|---|---|---|");
    row("raw Kafka: produced to consumed", &raw);
    row("a change: sent to acknowledged", &acknowledged);
    row("a change: acknowledged to visible at the edge", &visible);
    let times = visible.value_at_quantile(0.99) as f64 / raw.value_at_quantile(0.99) as f64;
    println!("p99: {times:.2} times raw Kafka's");
}

fn row(what: &str, times: &Histogram<u64>) {
    let ms = |micros: u64| micros as f64 / 1000.0;
    let at = |share| ms(times.value_at_quantile(share));
    println!("| {what} | {:.2} | {:.2} | {:.2} |", at(0.5), at(0.99), ms(times.max()));
}

/// Changes the probe's stock, then asks the edge until it shows.
async fn probe(world: &World, whole: Duration) -> (Histogram<u64>, Histogram<u64>) {
    let mut origin = Cheap::connect(&world.origin(0).url(), &world.tokens.operator).await;
    let mut edge = Cheap::connect(&world.edge(0).url(), &world.tokens.storefront).await;
    let mut acknowledged = Histogram::new(3).expect("three digits");
    let mut visible = Histogram::new(3).expect("three digits");
    let began = Instant::now();
    let mut wanted = 0;
    while began.elapsed() < whole {
        wanted += 1;
        let body = r#"{"location":"eu-1","delta":1,"kind":"found","reason":"probe"}"#;
        let sent = Instant::now();
        let (status, answer) = origin.call("POST", "/inventory/products/probe/adjustments", "", body).await;
        assert!(status == 200, "{status}: {}", String::from_utf8_lossy(answer));
        let told = Instant::now();
        acknowledged.record((told - sent).as_micros() as u64).expect("it grows as it must");
        while available(&mut edge).await < wanted {
            assert!(told.elapsed() < Duration::from_secs(10), "the change never shows");
            // The node must have time for others, too: this is the resolution.
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        visible.record(told.elapsed().as_micros() as u64).expect("it grows as it must");
        tokio::time::sleep(Duration::from_millis(7)).await;
    }
    (acknowledged, visible)
}

async fn available(edge: &mut Cheap) -> i64 {
    let (status, body) = edge.call("GET", "/v1/availability/probe", "", "").await;
    assert!(status == 200, "{status}: {}", String::from_utf8_lossy(body));
    let shown: serde_json::Value = serde_json::from_slice(body).expect("JSON");
    shown["available"].as_i64().expect("a number")
}
