//! `make drill-overload`: twice the load that an edge can carry.
//!
//! The edge is limited to a quarter of a core, so that one core can offer it too much. First the drill finds its peak:
//! the rate at which it answers most, over as many connections. Then rounds alternate between that rate and twice as
//! much, because a machine's speed changes; the median round is shown. Times run from when a call was due, not from
//! when it could be sent.

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

/// Offer an edge twice what it can carry, and print the result.
#[derive(Parser)]
struct Args {
    /// Seconds of each measurement
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Rounds for each call, 1 or more
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How many times the peak is offered
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
    // The number that it would choose in a container with less than two cores; the limit is applied only later.
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
        let waited_for = load::closed(&url, &call, CALLERS, seconds).await.good_per_s();
        let rate = peak(&url, &call, waited_for, args.connections, seconds).await;
        let mut rounds = Vec::new();
        for _ in 0..args.rounds.max(1) {
            let peak = load::open(&url, &call, rate, args.connections, seconds).await.good_per_s();
            let twice = load::open(&url, &call, rate * args.times, args.connections, seconds).await;
            rounds.push(Round { peak, twice });
        }
        show(&call, rounds);
    }
    Ok(())
}

/// The most that is answered, at rates that rise until no more is answered.
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

struct Round {
    peak: f64,
    twice: Answers,
}

impl Round {
    fn share(&self) -> f64 {
        100.0 * self.twice.good_per_s() / self.peak
    }
}

#[allow(clippy::print_stdout)]
fn show(call: &Call, mut rounds: Vec<Round>) {
    rounds.sort_by(|one, other| one.share().total_cmp(&other.share()));
    let (least, most) = (rounds[0].share(), rounds[rounds.len() - 1].share());
    let round = &rounds[rounds.len() / 2];
    let answers = &round.twice;
    let ms = |histogram: &hdrhistogram::Histogram<u64>, share| histogram.value_at_quantile(share) as f64 / 1000.0;
    println!("\n{}: peak {:.0}/s", call.name, round.peak);
    println!("  offered {:.0}/s, sent {:.0}/s", answers.offered_per_s(), answers.sent_per_s());
    println!(
        "  goodput {:.0}/s, {:.0} % of the peak ({least:.0}–{most:.0} in {} rounds)",
        answers.good_per_s(),
        round.share(),
        rounds.len()
    );
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
