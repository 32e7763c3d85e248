//! `make drill-hostile`: what rules that misbehave cost their own callers, and everybody else.
//!
//! Each rule has a channel of its own. One caller makes call after call on that channel; a neighbour makes a call every
//! two milliseconds on a channel without rules. An honest rule comes first, for comparison.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use clap::Parser;
use hdrhistogram::Histogram;
use onhand_harness::{Cheap, Error, Node, World, cores::resident};
use serde_json::json;

const SKUS: usize = 200;

/// Call rules that misbehave on real servers, and print how long their callers and others wait.
#[derive(Parser)]
struct Args {
    /// Calls to each rule
    #[arg(long, default_value_t = 500)]
    calls: usize,
    /// Folder of the built rules
    #[arg(long, default_value = "target/plugins")]
    rules: PathBuf,
}

/// A kind of call that involves a rule.
struct Kind {
    name: &'static str,
    component: &'static str,
    behaviours: &'static [&'static str],
    /// The default of `[rules]`, in milliseconds.
    deadline: u8,
}

const KINDS: [Kind; 3] = [
    Kind {
        name: "hold",
        component: "hostile",
        deadline: 2,
        behaviours: &["honest", "loop", "log_flood", "stack", "trap", "grow", "huge", "unknown_location", "too_much"],
    },
    Kind {
        name: "quote",
        component: "hostile-pricing",
        deadline: 5,
        behaviours: &["honest", "loop", "stack", "trap", "grow", "huge", "negative_price", "other_currency"],
    },
    Kind {
        name: "lookup",
        component: "hostile-view",
        deadline: 5,
        behaviours: &["honest", "loop", "stack", "trap", "grow", "huge_label", "unknown_location"],
    },
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match drill(&Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("drill-hostile: {error}");
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stdout)] // the figures are the answer
async fn drill(args: &Args) -> Result<(), Error> {
    let rules = std::env::temp_dir().join(format!("onhand-hostile-{}", std::process::id()));
    place_rules(&args.rules, &rules).map_err(|error| Error::Refused(format!("cannot place the rules: {error}")))?;
    eprintln!("drill-hostile: starting PostgreSQL, Redis, Kafka, an origin and an edge");
    let world = World::start().dedicated().rules(&rules).env("ONHAND_RULES__MAX_FAILURE_RATE", "1");
    let world = world.try_ready().await?;
    seed(&world).await;
    println!(
        "| call (deadline) | rule | failed for | its callers: p50 / p99 / max ms | a neighbour's | memory before / after MiB |"
    );
    println!("|---|---|---|---|---|---|");
    for kind in &KINDS {
        for behaviour in kind.behaviours {
            println!("{}", measure(&world, kind, behaviour, args.calls).await);
        }
    }
    drop(world);
    std::fs::remove_dir_all(&rules).map_err(|error| Error::Refused(format!("cannot remove the rules: {error}")))
}

fn place_rules(built: &Path, into: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(into)?;
    for kind in &KINDS {
        for behaviour in kind.behaviours {
            let rule = rule(kind, behaviour);
            std::fs::copy(built.join(format!("{}.wasm", kind.component)), into.join(format!("{rule}.wasm")))?;
            let channels = if kind.name == "hold" { String::new() } else { format!("channels = [{rule:?}]\n") };
            std::fs::write(into.join(format!("{rule}.toml")), format!("{channels}config.behaviour = {behaviour:?}\n"))?;
        }
    }
    Ok(())
}

fn rule(kind: &Kind, behaviour: &str) -> String {
    format!("{}-{}", kind.name, behaviour.replace('_', "-"))
}

async fn seed(world: &World) {
    world.location("a", 0).await;
    for number in 0..SKUS {
        world.stock(&format!("s{number}"), "a", 1_000_000_000).await;
    }
    let admin = world.origin(0).client(&world.tokens.admin);
    let price = json!({"name": "thing", "price": {"amount": 200, "currency": "GBP"}});
    for number in 0..SKUS {
        admin.put(&format!("/inventory/products/s{number}"), price.clone()).await.expect(200);
    }
    world.channel("plain", &["a"]).await;
    for kind in &KINDS {
        for behaviour in kind.behaviours {
            let rule = rule(kind, behaviour);
            let strategy = if kind.name == "hold" { rule.as_str() } else { "priority" };
            let body = json!({"locations": ["a"], "allocation": strategy});
            admin.put(&format!("/inventory/channels/{rule}"), body).await.expect(201);
        }
    }
}

async fn measure(world: &World, kind: &Kind, behaviour: &str, calls: usize) -> String {
    let rule = rule(kind, behaviour);
    let node = if kind.name == "hold" { world.origin(0) } else { world.edge(0) };
    let pid = node.pid().unwrap_or_default();
    let mut own = Caller::of(world, kind.name, &rule).await;
    let mut neighbour = Caller::of(world, kind.name, "plain").await;
    for _ in 0..SKUS {
        own.call().await; // so that everything that is loaded once is loaded
        neighbour.call().await;
    }
    let (failed, before) = (failures(node, &rule).await, resident(pid) >> 20);
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let beside = tokio::spawn(async move {
        let (mut took, mut pace) = (histogram(), tokio::time::interval(Duration::from_millis(2)));
        while !stopped.load(Ordering::Relaxed) {
            pace.tick().await;
            took.saturating_record(neighbour.call().await);
        }
        took
    });
    let mut took = histogram();
    for _ in 0..calls {
        took.saturating_record(own.call().await);
    }
    stop.store(true, Ordering::Relaxed);
    let beside = beside.await.expect("the neighbour was answered");
    let failed =
        failures(node, &rule).await.into_iter().zip(failed).map(|((reason, now), (_, then))| (reason, now - then));
    let failed: Vec<_> =
        failed.filter(|(_, count)| *count > 0.0).map(|(reason, count)| format!("{reason} {count}")).collect();
    let (name, deadline, after) = (kind.name, kind.deadline, resident(pid) >> 20);
    format!(
        "| {name} ({deadline} ms) | {behaviour} | {} | {} | {} | {before} / {after} |",
        failed.join(", "),
        figures(&took),
        figures(&beside)
    )
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("a minute, to three digits")
}

fn figures(micros: &Histogram<u64>) -> String {
    let ms = |share| micros.value_at_quantile(share) as f64 / 1000.0;
    format!("{:.1} / {:.1} / {:.1}", ms(0.5), ms(0.99), ms(1.0))
}

/// Failures by reason, until now.
async fn failures(node: &Node, rule: &str) -> Vec<(&'static str, f64)> {
    let mut counts = Vec::new();
    for reason in ["deadline", "memory", "trap", "too_large", "wrong_answer"] {
        let sample = format!("rules_failures_total{{reason=\"{reason}\",rule=\"{rule}\"}}");
        counts.push((reason, node.metric(&sample).await.unwrap_or_default()));
    }
    counts
}

/// Calls on one channel, for one SKU after the other.
struct Caller {
    connection: Cheap,
    call: &'static str,
    channel: String,
    number: usize,
}

impl Caller {
    async fn of(world: &World, call: &'static str, channel: &str) -> Self {
        let connection = Cheap::connect(&world.edge(0).url(), &world.tokens.storefront).await;
        Self { connection, call, channel: channel.to_owned(), number: 0 }
    }

    /// Makes a call, whose answer must be good whatever the rule did; returns its time in microseconds.
    async fn call(&mut self) -> u64 {
        self.number += 1;
        let (channel, sku) = (&self.channel, format!("s{}", self.number % SKUS));
        let body = json!({"lines": [{"sku": sku, "quantity": 1}], "channel": channel}).to_string();
        let key = format!("Idempotency-Key: {channel}-{}-{}\r\n", self.number, uuid::Uuid::new_v4());
        let began = Instant::now();
        let (status, answer) = match self.call {
            "hold" => self.connection.call("POST", "/v1/reservations", &key, &body).await,
            "quote" => self.connection.call("POST", "/v1/quotes", "", &body).await,
            _ => {
                let path = format!("/v1/availability/{sku}?channel={channel}");
                self.connection.call("GET", &path, "", "").await
            }
        };
        assert!(status == 200 || status == 201, "{status}: {}", String::from_utf8_lossy(answer));
        began.elapsed().as_micros() as u64
    }
}
