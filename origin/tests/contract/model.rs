//! Random commands, batched at random; invariant 1 after each commit.

use std::collections::HashMap;

use onhand_origin::command::{Ask, Command};
use onhand_wire::reservation::{Reservation, State};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;
use uuid::Uuid;

use crate::shop::{Shop, reservation, sku};

const SKUS: [&str; 3] = ["x", "y", "z"];
const PLACES: [&str; 2] = ["a", "b"];
const BATCHES: usize = 60;

struct Dice(StdRng);

impl Dice {
    fn below(&mut self, sides: u32) -> u32 {
        self.0.random_range(0..sides)
    }
}

pub(crate) async fn random_commands_keep_the_invariants(shop: Shop) {
    let seed = std::env::var("ONHAND_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| Uuid::new_v4().as_u128() as u64);
    println!("ONHAND_SEED={seed}");
    let mut dice = Dice(StdRng::seed_from_u64(seed));
    for place in PLACES {
        shop.location(place, 1, json!({})).await;
        for name in SKUS {
            shop.count(name, place, i64::from(dice.below(20))).await;
        }
    }
    let mut known: HashMap<Uuid, Reservation> = HashMap::new();
    for _ in 0..BATCHES {
        let asks: Vec<Ask> = (0..=dice.below(8)).map(|_| random(&shop, &mut dice, &known)).collect();
        for (ask, outcome) in asks.iter().zip(shop.batch(&asks).await) {
            let Ok(answer) = outcome else { continue };
            if ask.command.reservation().is_some() || matches!(ask.command, Command::Hold(..)) {
                let reservation = reservation(&answer);
                known.insert(reservation.id, reservation);
            }
        }
        invariant_1(&shop, &known).await;
    }
    shop.agrees().await;
}

fn random(shop: &Shop, dice: &mut Dice, known: &HashMap<Uuid, Reservation>) -> Ask {
    let name = SKUS[dice.below(3) as usize];
    let place = PLACES[dice.below(2) as usize];
    // In id order, which is the order of making: the same seed picks the same ones.
    let mut ids: Vec<Uuid> = known.keys().copied().collect();
    ids.sort();
    let id = ids.get(dice.below(ids.len().max(1) as u32) as usize).copied().unwrap_or_default();
    match dice.below(10) {
        0..=2 => {
            let line = |dice: &mut Dice| json!({"sku": SKUS[dice.below(3) as usize], "quantity": 1 + dice.below(6)});
            let policy = if dice.below(2) == 0 { "all" } else { "partial" };
            shop.hold_ask(json!({"lines": [line(dice), line(dice)], "policy": policy}))
        }
        3 => shop.verb_ask(id, "confirm", json!({"lines": [{"line": 0, "quantity": dice.below(4)}]})),
        4 => shop.verb_ask(id, "cancel", json!({})),
        5 => shop.verb_ask(id, "fulfil", json!({})),
        6 => shop.verb_ask(id, "fulfil", json!({"lines": [{"line": 0, "quantity": 1}]})),
        7 => shop.verb_ask(id, "return", json!({"lines": [{"line": 0, "quantity": 1}]})),
        8 => {
            let body =
                json!({"location": place, "delta": i64::from(dice.below(11)) - 5, "kind": "found", "reason": "r"});
            let command = serde_json::from_value(body.clone()).unwrap();
            shop.ask("/adjust", &body, Command::Adjust(sku(name), command))
        }
        _ => {
            let body = json!({"location": place, "safety_stock": dice.below(3), "backorder_limit": dice.below(4)});
            let command = serde_json::from_value(body.clone()).unwrap();
            shop.ask("/policy", &body, Command::SetPolicy(sku(name), command))
        }
    }
}

/// on_hand ≥ 0, and reserved = the sum of what open reservations still owe, by the answers alone.
async fn invariant_1(shop: &Shop, known: &HashMap<Uuid, Reservation>) {
    for name in SKUS {
        let owed: i64 = known
            .values()
            .flat_map(|held| held.lines.iter().map(move |line| (held.state, line)))
            .filter(|(state, line)| line.sku.as_str() == name && matches!(state, State::Held | State::Confirmed))
            .map(|(_, line)| line.allocations.iter().map(|share| share.quantity).sum::<i64>() - line.fulfilled)
            .sum();
        let facts = shop.facts(name).await;
        assert!(facts.iter().all(|fact| fact.on_hand >= 0 && fact.reserved >= 0), "{facts:?}");
        assert_eq!(facts.iter().map(|fact| fact.reserved).sum::<i64>(), owed, "{name}: {facts:?}");
    }
}
