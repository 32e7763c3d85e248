//! The whole path on real servers: two origins, two edges, and the real order stream played
//! through them by `onhand replay`. `make demo`, or `make demo-faults` with faults on the way.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use onhand_harness::{Error, World};
use tokio::process::{Child, Command};

/// Play a real order stream against two origins and two edges on real servers.
#[derive(Parser)]
struct Args {
    /// Kill an origin with -9 in the middle and start another; stop Kafka for ten seconds
    #[arg(long)]
    faults: bool,
    /// Seconds after the replay's start at which the first fault comes
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    first_fault_s: u64,
    /// What `onhand replay` shall be given besides the addresses, such as --limit-lines 5000
    #[arg(last = true)]
    replay: Vec<String>,
}

const KAFKA_DOWN: Duration = Duration::from_secs(10);

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
            // A replay that ends early is judged all the same, and said to have seen no fault.
            _ = replay.wait() => say("the replay ended before the faults were over: give it more lines, or --first-fault-s less"),
            () = faults(&world, Duration::from_secs(args.first_fault_s)) => {}
        }
    }
    let status = replay.wait().await.map_err(|error| Error::Refused(format!("lost sight of the replay: {error}")))?;
    if !status.success() {
        eprintln!("{}", world.log_tails(15));
    }
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

fn start_replay(world: &World, faults: bool, more: &[String]) -> Result<Child, Error> {
    let mut command = Command::new(world.binary());
    command.arg("replay").args(more).args(["--redis", &world.redis_url()]);
    if faults && !more.iter().any(|arg| arg.starts_with("--lines-per-s")) {
        // Slow enough that every fault begins and ends in the middle of the stream.
        command.args(["--lines-per-s", "1000"]);
    }
    world.edges().iter().for_each(|edge| {
        command.args(["--edge", &edge.url()]);
    });
    world.origins().iter().for_each(|origin| {
        command.args(["--origin", &origin.url()]);
    });
    command.env("ONHAND_TOKEN_ADMIN", &world.tokens.admin).env("ONHAND_TOKEN_STOREFRONT", &world.tokens.storefront);
    if let Some(data) = data() {
        command.env("ONHAND_DATA", data);
    }
    // Standard output and error are the demo's own: the replay's table is what there is to see.
    command.kill_on_drop(true).spawn().map_err(|error| Error::Refused(format!("cannot run onhand replay: {error}")))
}

/// The shared data folder beside the repository, where nothing else is said.
fn data() -> Option<PathBuf> {
    if std::env::var_os("ONHAND_DATA").is_some() {
        return None;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/online-retail-40k.csv");
    path.is_file().then_some(path)
}

/// kill -9 an origin, start another; then take Kafka away for ten seconds.
async fn faults(world: &World, first: Duration) {
    tokio::time::sleep(first).await;
    world.origin(0).kill();
    say("fault: origin-0 killed with -9");
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.origin(2).start().await;
    say("fault: origin-2 started in its place");
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.kafka().kill();
    say("fault: Kafka killed with -9");
    tokio::time::sleep(KAFKA_DOWN).await;
    world.kafka().start().await;
    say("fault: Kafka is back, with the same log, after 10 s and its start");
}

fn say(what: &str) {
    eprintln!("demo: {what}");
}
