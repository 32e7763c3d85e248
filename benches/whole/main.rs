//! Reads and writes at once, with every server and the generator on the same cores.
//!
//! Every connection asks again once it has its answer. A timetable beyond what is carried would tell only
//! how long its queue had become: 36,000/s are about four times what two cores carry. Each case has
//! servers of its own.

#![allow(clippy::print_stdout)] // the figures

use clap::Parser;
use onhand_harness::{World, catalogue_sku};

#[derive(Parser)]
#[command(about = "Lookups and holds together on the whole machine, as SKUs and locations grow")]
struct Args {
    /// Lookups for each hold
    #[arg(long, default_value_t = 5)]
    lookups: u32,
    /// Seconds that are measured, after five of warming up
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// SKUs × locations, several with commas
    #[arg(long, value_delimiter = ',', default_values_t = ["10000x3", "100000x3", "1000000x3", "10000x30", "10000x300"].map(str::to_owned))]
    cases: Vec<String>,
    /// Connections
    #[arg(long, default_value_t = 128)]
    connections: u32,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    println!("| SKUs × locations | lookups/s carried | p50 / p99 ms | holds/s carried | p50 / p99 ms |");
    println!("|---|---|---|---|---|");
    for case in &args.cases {
        let (skus, locations) = case.split_once('x').unwrap_or_else(|| panic!("--cases: {case} is not like 10000x3"));
        let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("--cases: {text} is not a number"));
        runtime.block_on(run(&args, number(skus), number(locations)));
    }
}

/// What is measured is an edge that has run for a while, not one that has just been started.
async fn fill_the_cache(world: &World, skus: usize, locations: usize) {
    let edge = world.edge(0).anonymous();
    let at_once = (10_000 / locations).clamp(1, 500);
    for first in (0..skus).step_by(at_once) {
        let some: Vec<_> = (first..skus.min(first + at_once)).map(|number| catalogue_sku(number as u64)).collect();
        let reply = edge.post("/v1/availability/query", serde_json::json!({ "skus": some })).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
}

async fn run(args: &Args, skus: usize, locations: usize) {
    eprintln!("{skus} SKUs × {locations} locations: starting and filling the servers");
    let world = World::start().edges(1).origins(1).dedicated().ready().await;
    world.catalogue(skus, locations).await;
    fill_the_cache(&world, skus, locations).await;
    let seconds = args.seconds;
    let load = format!(
        "--mix lookup={},hold=1 --closed --count {skus} --for {seconds}s --warmup 5s --connections {} --pause 50us",
        args.lookups, args.connections
    );
    let load = world.bench(&world.edge(0).url(), None, &load).await;
    let carried = |kind, status| load.status(kind, status) / seconds as f64;
    let ms = |kind, share| load.micros(kind, share) / 1000.0;
    println!(
        "| {skus} × {locations} | {:.0} | {:.1} / {:.1} | {:.0} | {:.1} / {:.1} |",
        carried("lookup", 200),
        ms("lookup", "p50"),
        ms("lookup", "p99"),
        carried("hold", 201),
        ms("hold", "p50"),
        ms("hold", "p99"),
    );
}
