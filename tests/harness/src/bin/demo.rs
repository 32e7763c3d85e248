//! The whole path on real servers: two origins, two edges, and the real order stream played through
//! them by `onhand replay`. `make demo`, or `make demo-faults` with faults during the run.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use onhand_harness::{
    Error, World,
    drill::{faults, ledger_tells_the_rows, say, start_replay},
};

/// Play a real order stream against two origins and two edges on real servers.
#[derive(Parser)]
struct Args {
    /// Kill an origin with -9 in the middle and start another; stop Kafka for ten seconds
    #[arg(long)]
    faults: bool,
    /// Seconds from the replay's start to the first fault
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    first_fault_s: u64,
    /// More arguments for `onhand replay`, such as --limit-lines 5000
    #[arg(last = true)]
    replay: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match demo(Args::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn demo(args: Args) -> Result<ExitCode, Error> {
    say("starting PostgreSQL, Redis, Kafka, two origins and two edges");
    let began = Instant::now();
    let world = World::start().edges(2).origins(2).idle_origins(1).dedicated().try_ready().await?;
    say(&format!("all ready after {:.1} s", began.elapsed().as_secs_f64()));

    let mut replay = start_replay(&world, args.faults, &args.replay)?;
    if args.faults {
        tokio::select! {
            // A replay that ends early is judged anyway, and the output says that it saw no fault.
            _ = replay.wait() => say("the replay ended before the faults were over: give it more lines, or --first-fault-s less"),
            () = faults(&world, Duration::from_secs(args.first_fault_s)) => {}
        }
    }
    let status = replay.wait().await.map_err(|error| Error::Refused(format!("lost sight of the replay: {error}")))?;
    if !status.success() {
        eprintln!("{}", world.log_tails(15));
    }
    ledger_tells_the_rows(&world)?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
