//! `make drill-overload`: twice the load that an edge can carry.
//!
//! The edge is held to a quarter of a core, so that one core can offer it too much. Its peak is
//! measured first: the most that it answers at any rate offered, over as many connections. Then twice
//! as much is offered. Times run from when a call was due, not from when it could be sent.

mod cage;
mod load;

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use onhand_harness::{Error, World};

use crate::load::{Answers, Call};

const SKUS: usize = 200;
const STOCK: i64 = 1_000_000_000;
/// Enough to keep it busy, few enough not to queue.
const CALLERS: usize = 64;

/// Offer an edge twice what it can carry, and say what came of it.
#[derive(Parser)]
struct Args {
    /// Seconds of each measurement
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Times the peak that is offered
    #[arg(long, default_value_t = 2.0)]
    times: f64,
    /// Share of a core that the edge has
    #[arg(long, default_value_t = 0.25)]
    core: f64,
    /// Connections that the callers may use
    #[arg(long, default_value_t = 2000)]
    connections: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match drill(&Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("drill-overload: {error}");
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stdout)] // the figures are the answer
async fn drill(args: &Args) -> Result<(), Error> {
    eprintln!("drill-overload: starting PostgreSQL, Redis, Kafka, an origin and an edge");
    // What it takes by itself where its container has less than two cores; the cage comes only later.
    let world = World::start().dedicated().env("ONHAND_EDGE__THREADS", "1").try_ready().await?;
    world.location("a", 0).await;
    for number in 0..SKUS {
        world.stock(&format!("s{number}"), "a", STOCK).await;
    }
    let pid = world.edge(0).pid().unwrap_or_default();
    let _cage = cage::Cage::hold(pid, args.core)?;
    let seconds = Duration::from_secs(args.seconds);
    println!(
        "an edge on {} of a core; offered {} times its peak over {} connections",
        args.core, args.times, args.connections
    );
    for call in Call::all(&world, SKUS) {
        let url = world.edge(0).url();
        let waited_for = load::closed(&url, &call, CALLERS, seconds / 2).await.good_per_s();
        let peak = peak(&url, &call, waited_for, args.connections, seconds / 3).await;
        println!("\n{}: peak {peak:.0}/s ({waited_for:.0}/s for {CALLERS} callers that wait)", call.name);
        let open = load::open(&url, &call, peak * args.times, args.connections, seconds).await;
        show(&open, peak);
    }
    Ok(())
}

/// The most that is answered, at rates that rise until no more is.
async fn peak(url: &str, call: &Call, about: f64, connections: usize, time: Duration) -> f64 {
    let (mut peak, mut rate) = (0_f64, about * 0.6);
    loop {
        let answered = load::open(url, call, rate, connections, time).await.good_per_s();
        let more = answered > 1.02 * peak;
        peak = peak.max(answered);
        if !more && rate > about {
            return peak;
        }
        rate *= 1.15;
    }
}

#[allow(clippy::print_stdout)]
fn show(answers: &Answers, peak: f64) {
    let ms = |histogram: &hdrhistogram::Histogram<u64>, share| histogram.value_at_quantile(share) as f64 / 1000.0;
    let good = answers.good_per_s();
    println!("  offered {:.0}/s, sent {:.0}/s", answers.offered_per_s(), answers.sent_per_s());
    println!("  goodput {good:.0}/s, {:.0} % of the peak", 100.0 * good / peak);
    println!("  answered 2xx: p50 {:.1} ms, p99 {:.1} ms", ms(&answers.good, 0.5), ms(&answers.good, 0.99));
    println!(
        "  refused 503 or 429: {:.0}/s, p50 {:.1} ms, p99 {:.1} ms",
        answers.refused_per_s(),
        ms(&answers.refused, 0.5),
        ms(&answers.refused, 0.99)
    );
    println!(
        "  other answers: {}; sent late: p50 {:.1} ms, p99 {:.1} ms",
        answers.other,
        ms(&answers.late, 0.5),
        ms(&answers.late, 0.99)
    );
}
