//! `make drill-attacks`: what one hostile caller costs everybody else.
//!
//! A shop makes holds and lookups at a steady pace. For each attack, calm rounds alternate with rounds in which an
//! attacker calls at a steady pace too, and the shop's medians of both are compared. The attacker's pace is low, so
//! that the drill shows what the calls do, not the processor time that they take.

#![allow(clippy::print_stdout)] // the table

use std::{
    collections::BTreeMap,
    process::ExitCode,
    sync::{Arc, Mutex},
    time::Duration,
};

use clap::Parser;
use hdrhistogram::Histogram;
use onhand_harness::{Client, World};
use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

/// The shop's median may be this much longer under attack.
const ALLOWED: f64 = 1.2;
/// From one call of the shop to the next.
const PACE: Duration = Duration::from_millis(10);

/// Attack an edge and an origin on real servers, and print what that costs an honest shop.
#[derive(Parser)]
struct Args {
    /// Calm rounds, and rounds under attack, for each attack
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Length of a round, in seconds
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Calls of the attacker in a second; a tenth of that if each names 500 SKUs
    #[arg(long, default_value_t = 50)]
    rate: u64,
}

#[derive(Debug, Clone, Copy)]
enum Attack {
    NoTime,
    LongSubject,
    AnonymousReservation,
    MadeUpNames,
    Streams,
}

const ATTACKS: [(Attack, &str); 5] = [
    (Attack::NoTime, "Onhand-Timeout-Ms of 0 and of 10"),
    (Attack::LongSubject, "a subject of 3 kB"),
    (Attack::AnonymousReservation, "reservation= without a token"),
    (Attack::MadeUpNames, "queries of 500 made-up names"),
    (Attack::Streams, "streams opened and dropped"),
];

struct Attacker {
    edge: Client,
    anonymous: Client,
    long: Client,
}

impl Attacker {
    async fn call(&self, attack: Attack, number: u64) -> Option<u16> {
        let hold = json!({"lines": [{"sku": "hot", "quantity": 1}], "ttl_s": 60});
        let key = format!("attack-{}-{number}", uuid::Uuid::new_v4());
        let post = |client: &Client, path: &str| client.call(reqwest::Method::POST, path).key(&key);
        let call = match attack {
            Attack::NoTime => {
                let ms = if number.is_multiple_of(2) { "0" } else { "10" };
                post(&self.edge, "/v1/reservations").header("onhand-timeout-ms", ms).json(hold)
            }
            Attack::LongSubject => post(&self.long, "/v1/reservations").json(hold),
            Attack::AnonymousReservation => {
                let path = format!("/v1/availability/hot?reservation={}", uuid::Uuid::new_v4());
                self.anonymous.call(reqwest::Method::GET, &path)
            }
            Attack::MadeUpNames => {
                let names: Vec<String> = (0..500).map(|index| format!("none-{number}-{index}")).collect();
                post(&self.anonymous, "/v1/availability/query").json(json!({"skus": names}))
            }
            Attack::Streams => self.anonymous.call(reqwest::Method::GET, "/v1/stream?sku=hot"),
        };
        Some(call.send_and_leave_streams().await.status)
    }
}

/// How long the shop's calls took, in microseconds.
struct Took {
    holds: Histogram<u64>,
    lookups: Histogram<u64>,
    failed: u64,
}

impl Took {
    fn new() -> Self {
        let histogram = || Histogram::new_with_bounds(1, 60_000_000, 3).expect("up to a minute");
        Self { holds: histogram(), lookups: histogram(), failed: 0 }
    }
}

async fn shop(client: &Client, took: &mut Took, length: Duration) {
    let ends = Instant::now() + length;
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while Instant::now() < ends {
        pace.tick().await;
        let began = Instant::now();
        let held =
            client.post("/v1/reservations", json!({"lines": [{"sku": "sold", "quantity": 1}], "ttl_s": 60})).await;
        took.failed += u64::from(held.status != 201);
        took.holds.saturating_record(began.elapsed().as_micros() as u64);
        let began = Instant::now();
        let shown = client.get("/v1/availability/sold").await;
        took.failed += u64::from(shown.status != 200);
        took.lookups.saturating_record(began.elapsed().as_micros() as u64);
    }
}

type Answers = Arc<Mutex<BTreeMap<u16, u64>>>;

async fn attack(attacker: Arc<Attacker>, attack: Attack, rate: u64, answers: Answers) {
    let mut pace = interval(Duration::from_secs(1) / u32::try_from(rate).unwrap_or(u32::MAX));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut calls = JoinSet::new();
    for number in 0.. {
        pace.tick().await;
        while calls.try_join_next().is_some() {}
        let (attacker, answers) = (attacker.clone(), answers.clone());
        calls.spawn(async move {
            if let Some(status) = attacker.call(attack, number).await {
                *answers.lock().expect("nobody panics with it").entry(status).or_default() += 1;
            }
        });
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let world = World::start().ready().await;
    world.location("a", 0).await;
    for sku in ["hot", "sold"] {
        world.stock(sku, "a", 1_000_000).await;
    }
    let edge = world.edge(0);
    let honest = edge.client(&world.tokens.issue("honest", "storefront", "1h"));
    let attacker = Arc::new(Attacker {
        edge: edge.client(&world.tokens.issue("attacker", "storefront", "1h")),
        anonymous: edge.anonymous(),
        long: edge.client(&world.tokens.of_any_subject(&"s".repeat(3000))),
    });
    let length = Duration::from_secs(args.seconds);
    shop(&honest, &mut Took::new(), length).await; // warm
    println!("{:36} {:>22} {:>22}  shop failed, attacker's answers", "attack", "hold p50 ms", "lookup p50 ms");
    let mut good = true;
    for (kind, name) in ATTACKS {
        let (mut calm, mut attacked, answers) = (Took::new(), Took::new(), Answers::default());
        for _ in 0..args.rounds {
            shop(&honest, &mut calm, length).await;
            let rate = if matches!(kind, Attack::MadeUpNames) { args.rate.div_ceil(10) } else { args.rate };
            let attacking = tokio::spawn(attack(attacker.clone(), kind, rate, answers.clone()));
            shop(&honest, &mut attacked, length).await;
            attacking.abort();
        }
        let compared = |calm: &Histogram<u64>, attacked: &Histogram<u64>| {
            let [before, under] = [calm, attacked].map(|took| took.value_at_quantile(0.5) as f64 / 1000.0);
            (under / before, format!("{before:.2} -> {under:.2} ({:.2}x)", under / before))
        };
        let (holds, lookups) = (compared(&calm.holds, &attacked.holds), compared(&calm.lookups, &attacked.lookups));
        let answers = answers.lock().expect("nobody panics with it").clone();
        println!("{name:36} {:>22} {:>22}  {}, {answers:?}", holds.1, lookups.1, attacked.failed);
        good &= holds.0 <= ALLOWED && lookups.0 <= ALLOWED && attacked.failed == 0;
    }
    println!(
        "{}",
        if good {
            "nobody else pays"
        } else {
            "an attack costs others: a median more than a fifth longer, or a failed call"
        }
    );
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
