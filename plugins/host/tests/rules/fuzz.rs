//! Whatever the bytes, loading a component ends with a rule or a refusal, and calling it with an answer or a
//! fault. Components that run are changed at random; ONHAND_FUZZ_SECONDS says for how long, and
//! ONHAND_FUZZ_SEED repeats a run. A fuzzer that learns is in plugins/fuzz.

use std::{
    env,
    time::{Duration, Instant},
};

use onhand_rules::{Config, RuleInput, Trial, World};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::support::*;

fn setting(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} = {text:?} is no number")))
}

fn input(world: World) -> RuleInput {
    match world {
        World::View => RuleInput::View(view_input(&[("eu-1", 9)])),
        World::Allocation => RuleInput::Allocation(ten_asked()),
        World::Ranking => RuleInput::Ranking(ten_asked()),
        World::Pricing => RuleInput::Pricing(pricing_input(&[(10, Some(1000))])),
    }
}

/// Bytes flipped, parts cut out, doubled, moved, or taken from another component.
fn change(random: &mut StdRng, bytes: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..random.random_range(1..8) {
        let at = random.random_range(0..bytes.len());
        let long = random.random_range(1..=(bytes.len() - at).min(64));
        match random.random_range(0..6) {
            0 => bytes[at] ^= 1 << random.random_range(0..8),
            1 => bytes[at] = random.random(),
            2 if bytes.len() > 2 * long => drop(bytes.drain(at..at + long)),
            3 => {
                let part = bytes[at..at + long].to_vec();
                bytes.splice(at..at, part);
            }
            4 => {
                let from = random.random_range(0..other.len() - 64);
                bytes.splice(at..at, other[from..from + long].iter().copied());
            }
            _ => bytes[at..at + long].fill(random.random()),
        }
    }
}

#[test]
fn no_component_breaks_the_loader() {
    let (seconds, seed) = (setting("ONHAND_FUZZ_SECONDS").unwrap_or(2), setting("ONHAND_FUZZ_SEED").unwrap_or(7));
    let mut random = StdRng::seed_from_u64(seed);
    let seeds: Vec<Vec<u8>> =
        ["channel-buffer", "hostile", "hostile-ranking", "tiered-pricing"].map(built).into_iter().collect();
    let seeds: Vec<Vec<u8>> = seeds.into_iter().chain([view_of(&module(1, "")), view_with_a_clock("wasi")]).collect();
    let (start, config) = (Instant::now(), Config::default());
    let trials = onhand_rules::Trials::new(&config).unwrap();
    let (mut tried, mut loaded, mut answered) = (0_u64, 0_u64, 0_u64);
    while start.elapsed() < Duration::from_secs(seconds) {
        let (one, other) = (random.random_range(0..seeds.len()), random.random_range(0..seeds.len()));
        let mut bytes = seeds[one].clone();
        change(&mut random, &mut bytes, &seeds[other]);
        tried += 1;
        let Ok(trial) = trials.of("fuzzed", &bytes, "") else { continue };
        loaded += 1;
        let ran = Trial::run(&trial, &input(trial.world()), &Default::default(), Duration::from_millis(20));
        answered += u64::from(ran.answer.is_ok());
    }
    eprintln!("seed {seed}: {tried} tried, {loaded} loaded, {answered} answered in {seconds} s");
    assert!(tried > 0);
}
