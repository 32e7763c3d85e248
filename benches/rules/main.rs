//! What a rule costs where it is used: holds whose channel has an allocation rule beside holds whose
//! channel has a built-in one, and lookups of a view's channel beside those of a plain one. Rounds
//! alternate; ratios are taken round by round.

#![allow(clippy::print_stdout)] // the figures

use std::path::PathBuf;

use clap::Parser;
use onhand_harness::{Client, Spread, World, cores};
use serde_json::json;

#[derive(Parser)]
#[command(about = "Holds with an allocation rule and lookups with a view, beside those without")]
struct Args {
    /// Alternating rounds, 1 or more
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// SKUs, each at three locations
    #[arg(long, default_value_t = 10_000)]
    skus: usize,
    /// Where `make rules` puts the example rules
    #[arg(long, default_value = "target/plugins")]
    rules: PathBuf,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

const RULE: &str = "nearest-allocation";
const VIEW: &str = "channel-buffer";
/// The channels: without rules, with the allocation rule, with the view.
const PLAIN: &str = "plain";
const RULED: &str = "ruled";
const SHOWN: &str = "shown";
/// The generator's core while lookups are measured.
const GENERATOR: usize = 0;

fn main() {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run(&args));
}

async fn run(args: &Args) {
    eprintln!("starting PostgreSQL, Redis, Kafka, one origin and one edge");
    let rules = tempfile::tempdir().expect("a temporary folder");
    for (rule, settings) in [(RULE, String::new()), (VIEW, format!("channels = [{SHOWN:?}]\n"))] {
        let component = args.rules.join(rule).with_extension("wasm");
        std::fs::copy(component, rules.path().join(rule).with_extension("wasm")).expect("run `make rules` first");
        std::fs::write(rules.path().join(rule).with_extension("toml"), settings).expect("a writable folder");
    }
    // A slow machine's deadlines are not what is measured.
    let world = World::start().edges(1).origins(1).dedicated().rules(rules.path());
    let world = world.env("ONHAND_RULES__BATCH_DEADLINE", "50ms").env("ONHAND_RULES__DEADLINE", "50ms").ready().await;
    world.catalogue(args.skus, 3).await;
    channels(&world).await;
    println!("| | without a rule | with one | with / without (range) |\n|---|---|---|---|");
    lookups(&world, args).await; // first: holds that expire change what is cached
    holds(&world, args, "holds/s of one SKU, 64 callers", 1).await;
    holds(&world, args, &format!("holds/s of {} SKUs, 64 callers", args.skus), args.skus).await;
}

/// And sees that the rule decides.
async fn channels(world: &World) {
    let admin: Client = world.origin(0).client(&world.tokens.admin);
    for (channel, allocation) in [(PLAIN, "priority"), (RULED, RULE), (SHOWN, "priority")] {
        let body = json!({"locations": ["l000", "l001", "l002"], "allocation": allocation});
        let made = admin.put(&format!("/inventory/channels/{channel}"), body).await;
        made.expect(201);
        let lines = json!([{"sku": "S000000", "quantity": 1}]);
        let held = admin.post("/v1/reservations", json!({"channel": channel, "lines": lines})).await;
        assert_eq!(held.json()["allocated_by"], allocation, "{}", held.text());
    }
}

async fn holds(world: &World, args: &Args, what: &str, skus: usize) {
    let origin = world.origin(0).pid().expect("the origin runs");
    let (mut rounds, mut spent) = (Vec::new(), Vec::new());
    for round in 0..args.rounds.max(1) {
        let (mut rates, mut times) = ([0.0; 2], [0.0; 2]);
        for (side, channel) in in_turn(round, [PLAIN, RULED]) {
            let before = cores::cpu_time(origin);
            let load = load("hold=1", channel, skus, args.seconds);
            let load = world.bench(&world.origin(0).url(), None, &format!("{load} --pause 50us")).await;
            assert!(load.status("hold", 201) == load.answered(), "not all holds were made");
            rates[side] = load.per_second();
            times[side] = (cores::cpu_time(origin) - before).as_secs_f64() * 1e6 / load.answered();
        }
        rounds.push(rates);
        spent.push(times);
    }
    show(what, &rounds);
    show("µs of the origin's processor time each", &spent);
}

/// Views are kept beside the entry: what is measured is a hit.
async fn lookups(world: &World, args: &Args) {
    let edge = world.edge(0);
    let pid = edge.pid().expect("the edge runs");
    let mut rounds = Vec::new();
    for round in 0..=args.rounds.max(1) {
        let mut times = [0.0; 2];
        for (side, channel) in in_turn(round, [PLAIN, SHOWN]) {
            let before = cores::cpu_time(pid);
            let load =
                world.bench(&edge.url(), Some(GENERATOR), &load("lookup=1", channel, args.skus, args.seconds)).await;
            assert!(load.status("lookup", 200) == load.answered(), "not all lookups were answered 200");
            times[side] = (cores::cpu_time(pid) - before).as_secs_f64() * 1e6 / load.answered();
        }
        if round > 0 {
            rounds.push(times); // the first one filled the cache
        }
    }
    show("µs of processor time a lookup, view kept", &rounds);
}

/// Each begins every other round: the second finds the machine as the first has left it.
fn in_turn(round: usize, channels: [&str; 2]) -> [(usize, &str); 2] {
    let (without, with) = ((0, channels[0]), (1, channels[1]));
    if round.is_multiple_of(2) { [without, with] } else { [with, without] }
}

fn load(mix: &str, channel: &str, skus: usize, seconds: u64) -> String {
    format!("--closed --mix {mix} --channel {channel} --count {skus} --for {seconds}s --warmup 0s --connections 64")
}

fn show(what: &str, rounds: &[[f64; 2]]) {
    let side = |side: usize| Spread::of(rounds.iter().map(|round| round[side])).median;
    let ratio = Spread::of(rounds.iter().map(|[without, with]| with / without));
    let (median, least, most) = (ratio.median, ratio.least, ratio.most);
    println!("| {what} | {:.2} | {:.2} | {median:.2} ({least:.2}–{most:.2}) |", side(0), side(1));
}
