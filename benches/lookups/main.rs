//! Lookups at an edge beside what else would answer them, in one go on one machine.
//!
//! Each server runs on core 1, the generator (`onhand bench`, or `redis-benchmark`) on core 0. nginx
//! and Varnish stand in front of the edge as their origin, so all give the same bodies. Rounds
//! alternate, so that what the machine does otherwise meets all. What is compared is the servers'
//! processor time a request: the generator's core is the limit of the rate.

#![allow(clippy::print_stdout)] // the figures

mod arrivals;
mod peer;
mod report;

use std::time::Duration;

use clap::Parser;
use onhand_harness::{World, cores};

use self::{
    peer::Server,
    report::{Measured, Report},
};

#[derive(Parser)]
#[command(about = "Lookups at an edge beside nginx, Varnish, bare hyper with moka, and Redis")]
struct Args {
    /// Alternating rounds, 1 or more
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Seconds of each server in each round
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// SKUs, each at three locations; asked for by Zipf's law
    #[arg(long, default_value_t = 10_000)]
    skus: usize,
    /// Connections
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Changes a second while the tail is measured
    #[arg(long, default_value_t = 1000)]
    changes: u32,
    /// Seconds for which the tail is measured; 0: not
    #[arg(long, default_value_t = 20)]
    tail_seconds: u64,
    /// By TLS: the edge's own, and nginx' own in front of it
    #[arg(long)]
    tls: bool,
    /// Only servers whose name begins so, and the edge
    #[arg(long)]
    only: Option<String>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

const GENERATOR: usize = 0;
const SERVERS: usize = 1;
const BATCH: f64 = 100.0;

fn main() {
    let args = Args::parse();
    cores::stay_on(SERVERS); // and with this process all that it starts
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run(&args));
}

async fn run(args: &Args) {
    eprintln!("starting PostgreSQL, Redis, Kafka, one origin, one edge and its peers");
    let world = World::start().edges(1).origins(1).dedicated();
    let world = if args.tls { world.encrypted() } else { world }.ready().await;
    world.catalogue(args.skus, 3).await;
    let servers = peer::start(&world, args).await;
    let mut report = Report::default();
    for server in &servers {
        round(&world, server, args).await; // fills its cache
    }
    for number in 1..=args.rounds {
        let mut told = Vec::new();
        for server in &servers {
            let measured = round(&world, server, args).await;
            told.push(format!("{} {:.2} µs {:.0}/s", server.name, measured.cpu_us, measured.per_second));
            report.add(server.name, measured);
        }
        report.add_query(query(&world, &servers[0], args).await);
        eprintln!("round {number}: {}", told.join(", "));
    }
    report.print();
    if args.tail_seconds > 0 && !args.tls {
        tail(&world, &servers[0], report.edge_peak() / 2.0, args).await;
    }
}

/// As fast as answers come.
async fn round(world: &World, server: &Server, args: &Args) -> Measured {
    let before = cores::cpu_time(server.pid());
    let (answered, per_second) = if server.redis() {
        peer::ask_redis(world, args.skus, args.connections, args.seconds).await
    } else {
        let load = format!(
            "--closed --count {} --for {}s --warmup 0s --connections {}",
            args.skus, args.seconds, args.connections
        );
        let load = world.bench(&server.url, Some(GENERATOR), &load).await;
        assert!(load.status("lookup", 200) == load.answered(), "{}: not all lookups were answered 200", server.name);
        (load.answered(), load.per_second())
    };
    Measured { cpu_us: micros(cores::cpu_time(server.pid()) - before) / answered, per_second }
}

/// Processor time for each SKU of queries, in microseconds.
async fn query(world: &World, edge: &Server, args: &Args) -> f64 {
    let before = cores::cpu_time(edge.pid());
    let load =
        format!("--closed --mix query=1 --count {} --for {}s --warmup 0s --connections 8", args.skus, args.seconds);
    let load = world.bench(&edge.url, Some(GENERATOR), &load).await;
    assert!(load.status("query", 200) == load.answered(), "not all queries were answered 200");
    micros(cores::cpu_time(edge.pid()) - before) / (load.answered() * BATCH)
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Half the peak, on a timetable, while changes arrive.
async fn tail(world: &World, edge: &Server, rate: f64, args: &Args) {
    cores::favour(edge.pid());
    let arriving = arrivals::start(world, args.changes).await;
    let asked = format!(
        "--rate {rate:.0} --count {} --for {}s --warmup 3s --connections {}",
        args.skus, args.tail_seconds, args.connections
    );
    let load = world.bench(&edge.url, Some(GENERATOR), &asked).await;
    let read = arriving.end(world).await;
    println!(
        "\nHalf the peak, {rate:.0} lookups/s for {} s, while {} changes/s were sent and {read:.0} records/s, watermarks \
         among them, were read:",
        args.tail_seconds, args.changes
    );
    println!("| µs | p50 | p99 | p99.9 | max |\n|---|---|---|---|---|");
    let shares = ["p50", "p99", "p999", "max"];
    let row =
        |what: &str, times: [f64; 4]| println!("| {what} | {} |", times.map(|time| format!("{time:.0}")).join(" | "));
    row("lookup, from when it was due", shares.map(|share| load.micros("lookup", share)));
    row("sent late by the generator", shares.map(|share| load.late(share)));
    println!(
        "{:.0}/s were answered. The edge shares its core with PostgreSQL, Kafka and the origin, and comes before them.",
        load.per_second()
    );
}
