//! Holds and verbs, mostly ones that the reservation's state allows.

use onhand_origin::{command::Command, key::CallDigest};
use onhand_wire::reservation::State;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Call, Calls, Rng, typed};
use crate::naive::Model;

const VERBS: [&str; 4] = ["confirm", "fulfil", "cancel", "return"];

impl Calls {
    pub(super) fn hold(&mut self) -> Call {
        let count = 1 + self.below(3);
        let lines: Vec<Value> = (0..count).map(|_| self.hold_line()).collect();
        let mut body = json!({"lines": lines, "ttl_s": self.life()});
        if self.rarely(2) {
            body["policy"] = self.of(&["all", "partial"]).into();
        }
        if self.rarely(3) {
            body["channel"] = if self.rarely(30) { "nowhere" } else { "web" }.into();
        }
        let id = Uuid::from_u128(self.dice.random());
        self.call("/v1/reservations", &body, Command::Hold(id, typed(&body)))
    }

    fn hold_line(&mut self) -> Value {
        let mut line = json!({"sku": self.any_sku(), "quantity": 1 + self.below(9)});
        if self.rarely(4) {
            line["location"] = self.place().into();
        }
        line
    }

    pub(super) fn verb(&mut self, model: &Model) -> Call {
        // Mostly a late one: an early one is likely to be closed already.
        let recent = model.bookings.iter().rev().take(if self.rarely(4) { 50 } else { 5 }).count() as u32;
        if recent == 0 {
            return self.hold();
        }
        if self.rarely(60) {
            let nobody = Uuid::from_u128(self.dice.random());
            return self.verb_on(nobody, "cancel", &json!({}));
        }
        let booking = &model.bookings[model.bookings.len() - 1 - self.below(recent) as usize];
        let lines = booking.lines.len() as u32;
        match self.below(12) {
            0 => {
                let body = json!({"ttl_s": self.life()});
                self.verb_on(booking.id, "extend", &body)
            }
            1 => self.verb_on(booking.id, "expire", &json!({})),
            _ => {
                let apt: &[&'static str] = match model.state(booking) {
                    _ if self.rarely(4) => &VERBS,
                    State::Held => &["confirm", "confirm", "confirm", "cancel"],
                    State::Confirmed => &["fulfil", "fulfil", "fulfil", "return", "return", "cancel"],
                    State::Fulfilled => &["return", "fulfil"],
                    State::Cancelled | State::Expired => &VERBS,
                };
                let verb = self.of(apt);
                let body = self.verb_body(verb, lines);
                self.verb_on(booking.id, verb, &body)
            }
        }
    }

    fn verb_body(&mut self, verb: &str, lines: u32) -> Value {
        match verb {
            "cancel" if self.rarely(2) => json!({"reason": self.of(&["late", "lost"])}),
            "confirm" if !self.rarely(2) => {
                let mut named: Vec<Value> = Vec::new();
                for line in 0..lines {
                    if !self.rarely(3) {
                        named.push(json!({"line": line, "quantity": self.below(8)}));
                    }
                }
                if named.is_empty() {
                    named.push(json!({"line": lines, "quantity": 1}));
                }
                json!({"lines": named})
            }
            "fulfil" if !self.rarely(3) => {
                let count = 1 + self.below(2);
                json!({"lines": (0..count).map(|_| self.fulfil_line(lines)).collect::<Vec<_>>()})
            }
            "return" => {
                let count = 1 + self.below(2);
                let named: Vec<Value> = (0..count).map(|_| self.line_quantity(lines, 3)).collect();
                let mut body = json!({"lines": named});
                if self.rarely(2) {
                    body["location"] = self.place().into();
                }
                body
            }
            _ => json!({}),
        }
    }

    fn line_quantity(&mut self, lines: u32, most: u32) -> Value {
        let line = if self.rarely(60) { lines } else { self.below(lines) };
        json!({"line": line, "quantity": 1 + self.below(most)})
    }

    fn fulfil_line(&mut self, lines: u32) -> Value {
        let mut line = self.line_quantity(lines, 5);
        if self.rarely(3) {
            line["location"] = self.place().into();
        }
        line
    }

    fn verb_on(&mut self, id: Uuid, verb: &str, body: &Value) -> Call {
        let command = match verb {
            "extend" => Command::Extend(id, typed(body)),
            "confirm" => Command::Confirm(id, typed(body)),
            "cancel" => Command::Cancel(id, typed(body)),
            "fulfil" => Command::Fulfil(id, typed(body)),
            "return" => Command::Return(id, typed(body)),
            _ => Command::Expire(id),
        };
        let mut call = self.call(&format!("/v1/reservations/{id}/{verb}"), body, command);
        if verb == "expire" {
            // As the sweeper asks.
            (call.ask.key, call.ask.digest) = (String::new(), CallDigest::own([0; 32]));
        }
        call
    }
}
