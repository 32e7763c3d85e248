//! Memory of a fact: the edge's resident memory with an empty L1 and with a full one.
//!
//! Filled by queries that name locations, whose answers are not kept beside the facts; then by ones
//! whose answers are.

#![allow(clippy::print_stdout)] // the figures

use clap::Parser;
use onhand_harness::{Cheap, World, catalogue_sku, cores};

#[derive(Parser)]
#[command(about = "Memory of a fact in L1")]
struct Args {
    /// SKUs held; `edge.cache.entries` is as much
    #[arg(long, default_value_t = 1_000_000)]
    skus: usize,
    /// Locations of each
    #[arg(long, default_value_t = 3)]
    locations: usize,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// Of one query: the contract's most.
const BATCH: usize = 500;

fn main() {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run(&args));
}

async fn run(args: &Args) {
    eprintln!("starting the servers, and filling the database");
    // A little more room than SKUs: moka evicts before it is full to the last. No L2, which would only slow the filling.
    let room = (args.skus + args.skus / 10).to_string();
    let world = World::start()
        .edges(1)
        .origins(1)
        .dedicated()
        .env("ONHAND_EDGE__CACHE__ENTRIES", &room)
        .env("ONHAND_EDGE__REDIS__URL", "")
        .ready()
        .await;
    world.catalogue(args.skus, args.locations).await;
    ask(&world, 0..BATCH, args.locations, true).await; // what is made at the first request
    let pid = world.edge(0).pid().expect("the edge runs");
    let empty = cores::resident(pid);
    ask(&world, 0..args.skus, args.locations, true).await;
    let filled = settled(&world, args.skus).await;
    ask(&world, 0..args.skus, args.locations, false).await;
    let rendered = settled(&world, args.skus).await;
    let each = |(bytes, held): (u64, f64)| bytes.saturating_sub(empty) as f64 / (held * args.locations as f64);
    println!("{} SKUs × {} locations; resident with an empty L1: {} MiB", args.skus, args.locations, empty >> 20);
    println!("| | resident MiB | bytes a fact |\n|---|---|---|");
    println!("| facts | {} | {:.0} |", filled.0 >> 20, each(filled));
    println!("| facts, each SKU's answer kept beside them | {} | {:.0} |", rendered.0 >> 20, each(rendered));
}

/// Resident memory, and SKUs in L1, when what was loaded lately has been let go: it is kept until the
/// feed has passed it.
async fn settled(world: &World, skus: usize) -> (u64, f64) {
    let mut waited = 0;
    while world.edge(0).metric("edge_recent_entries").await.unwrap_or_default() > skus as f64 / 100.0 {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        waited += 1;
        assert!(waited < 300, "what was loaded is not let go");
    }
    let held = world.edge(0).metric("edge_l1_entries").await.unwrap_or_default();
    eprintln!("{held} SKUs in L1");
    assert!(held >= skus as f64 * 0.9, "L1 holds {held} of {skus} SKUs");
    (cores::resident(world.edge(0).pid().expect("the edge runs")), held)
}

/// Asks for each SKU; with `named` locations answers are not kept.
async fn ask(world: &World, skus: std::ops::Range<usize>, locations: usize, named: bool) {
    let mut edge = Cheap::connect(&world.edge(0).url(), "").await;
    let all: Vec<_> = (0..locations).map(|number| format!(r#""l{number:03}""#)).collect();
    let member = if named { format!(r#","locations":[{}]"#, all.join(",")) } else { String::new() };
    for first in skus.clone().step_by(BATCH) {
        let names: Vec<_> = (first..(first + BATCH).min(skus.end)).map(|sku| catalogue_sku(sku as u64)).collect();
        let body = format!(r#"{{"skus":["{}"]{member}}}"#, names.join(r#"",""#));
        let (status, answer) = edge.call("POST", "/v1/availability/query", "", &body).await;
        assert!(status == 200, "{status}: {}", String::from_utf8_lossy(answer));
    }
}
