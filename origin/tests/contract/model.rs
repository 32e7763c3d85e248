//! Random calls, batched at random, answered by the code and by the naive model.
//!
//! `ONHAND_SEED` makes a run again; a failure prints the seed of its sequence, and
//! `ONHAND_SEQUENCES=1` runs that sequence alone.

use std::{collections::BTreeMap, time::Duration};

use onhand_harness::random_seed;
use onhand_origin::{
    answer::WriteOutcome,
    command::{Ask, Command},
};
use onhand_wire::{Fact, Timestamp};
use serde_json::Value;

use crate::{
    calls::{Call, Calls},
    memory::Memory,
    naive::{Expected, Model, Row},
    shop::Shop,
};

/// Calls in a sequence, after its opening.
const CALLS: usize = 40;
const MOST_IN_A_BATCH: u32 = 8;
/// Seconds that a hold lives where time passes (some die in each sequence), and where it does not.
const SHORT_LIVES: (u32, u32) = (1, 30);
const LONG_LIVES: (u32, u32) = (3600, 7200);

type Picture = BTreeMap<(String, String), (Row, i64)>;

/// A call, what the model answers, and the rows as the model has them after it.
struct Step {
    call: Call,
    expected: Expected,
    after: Picture,
}

/// One sequence: calls are made and the model answers them before the code sees them.
struct Sequence {
    seed: u64,
    calls: Calls,
    model: Model,
    log: Vec<String>,
}

impl Sequence {
    fn new(seed: u64, lives: (u32, u32), timed: bool) -> Self {
        let mut model = Model::default();
        (model.now, model.timed) = (Timestamp::from_micros(1_700_000_000_000_000), timed);
        Self { seed, calls: Calls::new(seed, lives), model, log: Vec::new() }
    }

    fn opening(&mut self) -> Vec<Step> {
        let calls = self.calls.opening();
        calls.into_iter().map(|call| self.step(call)).collect()
    }

    fn batch(&mut self) -> Vec<Step> {
        let count = 1 + self.calls.below(MOST_IN_A_BATCH);
        (0..count)
            .map(|_| {
                let call = self.calls.next(&self.model);
                self.step(call)
            })
            .collect()
    }

    fn step(&mut self, call: Call) -> Step {
        let expected = self.model.call(&call);
        Step { call, expected, after: self.model.picture() }
    }

    /// Moves on by some seconds, or to the very moment at which a hold ends.
    fn time_passes(&mut self) {
        let now = self.model.now;
        let next = self.model.bookings.iter().map(|booking| booking.deadline).filter(|deadline| *deadline > now).min();
        self.model.now = match (self.calls.below(6), next) {
            (0, Some(deadline)) => deadline,
            (1, _) => now.plus(Duration::from_micros(1 + u64::from(self.calls.below(15_000_000)))),
            _ => now,
        };
        self.log.push(format!("now {}", self.model.now));
    }

    fn check(&mut self, steps: &[Step], outcomes: &[WriteOutcome]) {
        for (step, outcome) in steps.iter().zip(outcomes) {
            let (status, body, replayed) = match outcome {
                Ok(answer) => (answer.status, serde_json::from_str(&answer.body).unwrap(), answer.replayed),
                Err(problem) => (problem.status(), Value::Object(problem.body()), false),
            };
            let Expected { status: wanted, body: has, replayed: again } = &step.expected;
            self.log.push(format!("{} [{}]\n   -> {status} {body}", step.call.text, step.call.ask.key));
            if (status, replayed) != (*wanted, *again) || !contains(&body, has) {
                self.fail(&format!("the model answers {wanted} {has}, replayed: {again}"));
            }
            if let Ok(answer) = outcome {
                for fact in answer.stocks.iter().flat_map(|stock| &stock.facts).filter(|fact| !fact.deleted) {
                    self.check_fact(step, fact);
                }
            }
        }
    }

    /// A fact that came with an answer, at the moment of its own command.
    fn check_fact(&self, step: &Step, fact: &Fact) {
        let wanted = step.after.get(&(fact.sku.to_string(), fact.location.to_string()));
        if wanted != Some(&(Row::of(fact), fact.reserved)) {
            self.fail(&format!("after it the model has {wanted:?}, the answer {fact:?}"));
        }
        let held = matches!(step.call.ask.command, Command::Hold(..));
        if held && fact.reserved > fact.on_hand - fact.safety_stock + fact.backorder_limit {
            self.fail(&format!("invariant 1 at the moment of the hold: {fact:?}"));
        }
    }

    /// All rows, dead holds left out.
    fn check_rows(&self, rows: &Picture) {
        let wanted = self.model.picture();
        if *rows != wanted {
            self.fail(&format!("the model's rows (and what is reserved) are\n{wanted:?}, the store's\n{rows:?}"));
        }
    }

    fn fail(&self, what: &str) -> ! {
        panic!("{}\n{what}\nagain with ONHAND_SEED={} ONHAND_SEQUENCES=1", self.log.join("\n"), self.seed)
    }
}

fn contains(actual: &Value, expected: &Value) -> bool {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => {
            expected.iter().all(|(name, value)| actual.get(name).is_some_and(|actual| contains(actual, value)))
        }
        (Value::Array(actual), Value::Array(expected)) => {
            actual.len() == expected.len()
                && actual.iter().zip(expected).all(|(actual, expected)| contains(actual, expected))
        }
        _ => actual == expected,
    }
}

fn sequences(usual: u64) -> u64 {
    std::env::var("ONHAND_SEQUENCES").ok().map_or(usual, |text| text.parse().expect("ONHAND_SEQUENCES is a number"))
}

/// Decisions alone, with time passing: nothing is read or written but memory.
#[test]
fn decisions_are_the_models() {
    let (seed, sequences) = (random_seed(), sequences(3_000));
    let mut answers = BTreeMap::<String, u64>::new();
    for number in 0..sequences {
        let mut sequence = Sequence::new(seed.wrapping_add(number), SHORT_LIVES, true);
        let mut memory = Memory::new();
        let mut steps = sequence.opening();
        let mut made = 0;
        loop {
            let asks: Vec<&Ask> = steps.iter().map(|step| &step.call.ask).collect();
            let outcomes = memory.batch(sequence.model.now, &asks);
            sequence.check(&steps, &outcomes);
            let rows = memory.rows(sequence.model.now).into_iter();
            sequence.check_rows(&rows.map(|(key, (row, reserved))| (key, (row_of(&row), reserved))).collect());
            steps.iter().for_each(|step| *answers.entry(named(step)).or_default() += 1);
            if made >= CALLS {
                break;
            }
            sequence.time_passes();
            steps = sequence.batch();
            made += steps.len();
        }
    }
    println!("{sequences} sequences; answers: {answers:#?}");
    for rare in COME_UP.iter().filter(|_| sequences >= 500) {
        assert!(answers.contains_key(*rare), "the calls are too tame: no {rare}");
    }
}

/// Answers that must have been seen, so that a change to the calls does not empty the test.
const COME_UP: [&str; 16] = [
    "Hold 201 ",
    "Hold 201  replayed",
    "Hold 409 insufficient_stock replayed",
    "Hold 422 idempotency_key_reused",
    "Extend 409 reservation_state",
    "Confirm 400 invalid_request",
    "Confirm 409 insufficient_stock",
    "Cancel 409 reservation_state",
    "Fulfil 200 ",
    "Fulfil 409 insufficient_stock",
    "Return 200 ",
    "Return 409 insufficient_stock",
    "Expire 200 ",
    "SetStock 409 version_mismatch",
    "Transfer 409 insufficient_stock",
    "DeleteItem 409 in_use",
];

fn row_of(row: &onhand_origin::record::StockRow) -> Row {
    Row { on_hand: row.on_hand, safety_stock: row.safety_stock, backorder_limit: row.backorder_limit }
}

/// Verb and answer, to see that every kind of answer came up.
fn named(step: &Step) -> String {
    let text = format!("{:?}", step.call.ask.command);
    let verb = text.split('(').next().unwrap_or_default();
    let replayed = if step.expected.replayed { " replayed" } else { "" };
    format!("{verb} {} {}{replayed}", step.expected.status, step.expected.body["code"].as_str().unwrap_or_default())
}

/// The same calls through a real store, where time does not matter: each sequence has SKUs of its own.
pub(crate) async fn the_store_decides_as_the_model(shop: Shop) {
    let seed = random_seed();
    let mut before = Model::default();
    for number in 0..sequences(20) {
        let mut sequence = Sequence::new(seed.wrapping_add(number), LONG_LIVES, false);
        sequence.model.inherit(before);
        let mut steps = sequence.opening();
        let mut made = 0;
        loop {
            let asks: Vec<Ask> = steps.iter().map(|step| step.call.ask.clone()).collect();
            let outcomes = shop.batch(&asks).await;
            sequence.check(&steps, &outcomes);
            let mut rows = Picture::new();
            for name in sequence.calls.skus() {
                for fact in shop.facts(name).await.into_iter().filter(|fact| !fact.deleted) {
                    assert!(fact.on_hand >= 0 && fact.reserved >= 0, "{fact:?}");
                    rows.insert((name.clone(), fact.location.to_string()), (Row::of(&fact), fact.reserved));
                }
            }
            sequence.check_rows(&rows);
            if made >= CALLS {
                break;
            }
            steps = sequence.batch();
            made += steps.len();
        }
        before = sequence.model;
    }
    shop.agrees().await;
}
