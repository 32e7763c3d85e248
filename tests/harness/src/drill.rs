//! The drill that `make demo-faults` and the tests share: a replay with faults in the middle.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::process::{Child, Command};

use crate::{Error, World};

const KAFKA_DOWN: Duration = Duration::from_secs(10);

/// Starts `onhand replay` against the world; with faults, paced so that they come in the middle.
pub fn start_replay(world: &World, faults: bool, more: &[String]) -> Result<Child, Error> {
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
    // Standard output and error are the demo's own, because they show the replay's table.
    command.kill_on_drop(true).spawn().map_err(|error| Error::Refused(format!("cannot run onhand replay: {error}")))
}

/// The shared data folder beside the repository, unless something else is set.
fn data() -> Option<PathBuf> {
    if std::env::var_os("ONHAND_DATA").is_some() {
        return None;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/online-retail-40k.csv");
    path.is_file().then_some(path)
}

/// Kills an origin with -9 and starts another; then stops Kafka for ten seconds.
pub async fn faults(world: &World, first: Duration) {
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

/// Prints what the drill does.
pub fn say(what: &str) {
    eprintln!("demo: {what}");
}

/// Rebuilds the rows from the ledger alone in another table and checks that they are the same; then checks the ledger
/// itself, line by line.
#[allow(clippy::print_stdout)] // the demo's answer
pub fn ledger_tells_the_rows(world: &World) -> Result<(), Error> {
    for args in [&["ledger", "rebuild", "--into", "inventory_items_rebuilt"][..], &["ledger", "verify"]] {
        let told = crate::binary::run_with(world.binary(), args, &[("DATABASE_URL", &world.database_url())])?;
        println!("{told}");
    }
    Ok(())
}
