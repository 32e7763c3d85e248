//! From a change's acknowledgement to its being visible at an edge, beside raw Kafka.
//!
//! Changes go through the origin at a steady rate. A probe changes a SKU of its own, and asks an
//! edge for it until it shows; at the same time, on the same broker, records go from a producer to
//! a consumer. Both see the same load.

#![allow(clippy::print_stdout)] // the figures

mod kafka;
mod load;
mod probe;

use std::time::Duration;

use clap::Parser;
use hdrhistogram::Histogram;
use onhand_harness::{World, eventually};

#[derive(Parser)]
#[command(about = "From acknowledged to visible at an edge, beside raw Kafka under the same load")]
struct Args {
    /// Changes a second through the origin
    #[arg(long, default_value_t = 1000)]
    rate: u32,
    /// Seconds that are measured
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Seconds of the same load before: a broker that has just started compiles itself, on a core of two
    #[arg(long, default_value_t = 60)]
    warm_up: u64,
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
    tokio::time::sleep(Duration::from_secs(args.warm_up)).await;
    let raw = kafka::start(&world.kafka().brokers(), Duration::from_secs(args.seconds));
    let times = probe::start(&world, Duration::from_secs(args.seconds)).await.expect("the probe ends");
    let raw = raw.await.expect("the raw probe ends");
    let carried = running.end();
    println!("{} changes/s offered, {carried:.0}/s carried, {} probes", args.rate, times.visible.len());
    println!("| | p50 ms | p99 ms | max ms |\n|---|---|---|---|");
    row("raw Kafka: produced to consumed", &raw);
    row("a change: sent to acknowledged", &times.acknowledged);
    row("a change: acknowledged to visible at the edge", &times.visible);
    let ratio = times.visible.value_at_quantile(0.99) as f64 / raw.value_at_quantile(0.99) as f64;
    println!("p99: {ratio:.2} times raw Kafka's");
}

fn row(what: &str, times: &Histogram<u64>) {
    let ms = |micros: u64| micros as f64 / 1000.0;
    let at = |share| ms(times.value_at_quantile(share));
    println!("| {what} | {:.2} | {:.2} | {:.2} |", at(0.5), at(0.99), ms(times.max()));
}
