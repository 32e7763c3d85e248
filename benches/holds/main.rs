//! Holds beside the transaction that a shop would write by hand, in one go on one machine.
//!
//! Both decide one line of one unit, both are durable when they answer (`fsync` and
//! `synchronous_commit` on), both leave a hold and a message for whoever follows changes. The
//! hand-written one is driven by pgbench over PostgreSQL's socket; Onhand over HTTP, with its
//! token, idempotency key, ledger and feed to a real Kafka. Rounds alternate, so that what the
//! machine does otherwise meets both.

#![allow(clippy::print_stdout)] // the figures

mod caller;
mod peer;
mod report;
mod seed;

use std::time::Duration;

use clap::Parser;
use onhand_harness::World;

use self::{caller::Load, peer::Peer, report::Report};

#[derive(Parser)]
#[command(about = "Holds over HTTP beside a hand-written PostgreSQL transaction")]
struct Args {
    /// Alternating rounds of each case, 1 or more
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of each round
    #[arg(long, default_value_t = 6)]
    seconds: u64,
    /// Seconds of load on each side before anything is measured
    #[arg(long, default_value_t = 10)]
    warm_up: u64,
    /// Callers at a time, several with commas
    #[arg(long, value_delimiter = ',', default_values_t = [16, 64])]
    callers: Vec<usize>,
    /// SKUs of the uniform cases
    #[arg(long, default_value_t = 10_000)]
    skus: usize,
    /// Only `hot` or `uniform`
    #[arg(long)]
    only: Option<String>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// What one side did in one round.
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

fn main() {
    let args = Args::parse();
    // One thread for all callers: they must not take the servers' cores.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run(&args));
}

async fn run(args: &Args) {
    eprintln!("starting PostgreSQL, Kafka and one origin");
    let world = World::start().edges(0).origins(1).dedicated().ready().await;
    seed::stock(&world, args.skus).await;
    let peer = Peer::new(&world, args.skus).await;
    // The broker's and the server's own warming up belongs to nobody's figures.
    let warm = Load { callers: 32, skus: args.skus, seconds: args.warm_up };
    if args.warm_up > 0 {
        caller::run(&world, &warm).await;
        peer.run(&warm).await;
    }
    let mut report = Report::default();
    for shape in ["hot", "uniform"] {
        if args.only.as_ref().is_some_and(|only| only != shape) {
            continue;
        }
        for callers in &args.callers {
            let skus = if shape == "hot" { 1 } else { args.skus };
            let load = Load { callers: *callers, skus, seconds: args.seconds };
            for round in 1..=args.rounds {
                let by_hand = peer.run(&load).await;
                let onhand = caller::run(&world, &load).await;
                eprintln!(
                    "{shape}, {callers} callers, round {round}: by hand {:.0}/s, onhand {:.0}/s",
                    by_hand.per_second, onhand.per_second
                );
                report.add(shape, *callers, by_hand, onhand);
            }
        }
    }
    report.print();
    seed::verify(&world).await;
}
