//! Random calls, made with the model's reservations in view; the same seed makes the same calls.

use onhand_origin::{
    command::{Ask, Command},
    key::CallDigest,
};
use onhand_wire::{Sees, request::read};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::naive::Model;

mod reservations;
mod stock;

const PLACES: [&str; 3] = ["a", "b", "c"];

/// One call as a caller would make it: two with the same text are the same call.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) ask: Ask,
    pub(crate) text: String,
}

pub(crate) struct Calls {
    dice: StdRng,
    seed: u64,
    skus: [String; 3],
    keys: u64,
    made: Vec<Call>,
    /// Shortest and longest life of a hold, in seconds.
    lives: (u32, u32),
}

fn typed<T: serde::de::DeserializeOwned + onhand_wire::request::Check>(body: &Value) -> T {
    read(body.to_string().as_bytes()).unwrap_or_else(|problem| panic!("{body}: {problem:?}"))
}

impl Calls {
    /// With SKUs of its own, named for the seed. `lives`: of a hold, in seconds.
    pub(crate) fn new(seed: u64, lives: (u32, u32)) -> Self {
        let skus = ["x", "y", "z"].map(|name| format!("{name} {seed}"));
        Self { dice: StdRng::seed_from_u64(seed), seed, skus, keys: 0, made: Vec::new(), lives }
    }

    pub(crate) fn skus(&self) -> &[String] {
        &self.skus
    }

    pub(crate) fn below(&mut self, sides: u32) -> u32 {
        self.dice.random_range(0..sides)
    }

    /// One in `sides`.
    fn rarely(&mut self, sides: u32) -> bool {
        self.below(sides) == 0
    }

    fn of(&mut self, names: &[&'static str]) -> &'static str {
        names[self.below(names.len() as u32) as usize]
    }

    fn life(&mut self) -> u32 {
        self.dice.random_range(self.lives.0..=self.lives.1)
    }

    fn any_sku(&mut self) -> String {
        if self.rarely(80) { "nothing".to_owned() } else { self.skus[self.dice.random_range(0..3)].clone() }
    }

    fn place(&mut self) -> &'static str {
        if self.rarely(80) { "mars" } else { self.of(&PLACES) }
    }

    fn call(&mut self, path: &str, body: &Value, command: Command) -> Call {
        self.keys += 1;
        let ask = Ask {
            command,
            actor: "tester".to_owned(),
            owner: None,
            sees: Sees::All,
            key: format!("{}-{}", self.seed, self.keys),
            digest: CallDigest::of("POST", path, body.to_string().as_bytes()),
            correlation: "c".to_owned(),
        };
        Call { ask, text: format!("{path} {body}") }
    }

    /// What every sequence starts from.
    pub(crate) fn opening(&mut self) -> Vec<Call> {
        let mut calls: Vec<Call> = PLACES.iter().map(|place| self.put_location(place, true)).collect();
        calls.push(self.put_channel());
        for name in self.skus.clone() {
            calls.push(self.put_item(&name));
            for place in PLACES {
                if !self.rarely(4) {
                    let body = json!({"location": place, "quantity": self.below(13), "reason": "count"});
                    calls.push(self.set(&name, &body));
                }
            }
        }
        calls
    }

    pub(crate) fn next(&mut self, model: &Model) -> Call {
        let gone = self.skus.iter().find(|name| !model.items.contains(*name)).cloned();
        let call = match gone {
            Some(gone) if self.rarely(4) => self.put_item(&gone),
            _ => match self.below(40) {
                0..=9 => self.hold(),
                10..=26 => self.verb(model),
                27..=29 => self.again(),
                30..=36 => self.stock(model),
                _ => self.catalogue(),
            },
        };
        self.made.push(call.clone());
        call
    }

    /// A call made before: the same under its key, the same under a new key, or its key for another.
    fn again(&mut self) -> Call {
        let recent = self.made.len().min(12) as u32;
        let back = self.below(recent.max(1)) as usize;
        let Some(earlier) = self.made.iter().rev().nth(back).cloned() else { return self.hold() };
        match self.below(4) {
            0 => self.fresh(earlier),
            1 => {
                let mut other = self.hold();
                other.ask.key = earlier.ask.key;
                if other.ask.key.is_empty() { self.hold() } else { other }
            }
            _ => {
                let key = self.call("", &Value::Null, earlier.ask.command.clone()).ask.key;
                let mut fresh = self.fresh(earlier);
                if !fresh.ask.key.is_empty() {
                    fresh.ask.key = key;
                }
                fresh
            }
        }
    }

    /// A create that comes again brings a new id.
    fn fresh(&mut self, mut call: Call) -> Call {
        if let Command::Hold(id, _) = &mut call.ask.command {
            *id = Uuid::from_u128(self.dice.random());
        }
        call
    }
}
