//! Counts, adjustments, transfers, policies, items and topology.

use onhand_origin::command::Command;
use serde_json::{Value, json};

use super::{Call, Calls, PLACES, typed};
use crate::{
    naive::Model,
    shop::{location, sku},
};

impl Calls {
    pub(super) fn stock(&mut self, model: &Model) -> Call {
        let (name, place) = (self.any_sku(), self.place());
        match self.below(5) {
            0 => {
                let mut body = json!({"location": place, "quantity": self.below(16), "reason": "count"});
                if self.rarely(2) {
                    let there = model.rows.get(&(name.clone(), place.to_owned())).map_or(0, |row| row.on_hand);
                    body["expected_on_hand"] = (there + i64::from(self.rarely(3))).into();
                }
                self.set(&name, &body)
            }
            1 | 2 => {
                let delta = [-9, -4, -1, 1, 3, 7][self.below(6) as usize];
                let body = json!({"location": place, "delta": delta, "kind": "found", "reason": "r"});
                self.call(&format!("/{name}/adjustments"), &body, Command::Adjust(sku(&name), typed(&body)))
            }
            3 => {
                let to = PLACES[(PLACES.iter().position(|from| *from == place).map_or(0, |at| at + 1)) % 3];
                let quantity = 1 + self.below(5);
                let body = json!({"sku": name, "from": place, "to": to, "quantity": quantity, "reason": "r"});
                self.call("/transfers", &body, Command::Transfer(typed(&body)))
            }
            _ => {
                let mut body = json!({});
                if !self.rarely(3) {
                    body["location"] = place.into();
                }
                for field in ["safety_stock", "backorder_limit"] {
                    if !self.rarely(3) {
                        body[field] = self.below(5).into();
                    }
                }
                self.call(&format!("/{name}/policy"), &body, Command::SetPolicy(sku(&name), typed(&body)))
            }
        }
    }

    pub(super) fn catalogue(&mut self) -> Call {
        let name = self.any_sku();
        match self.below(6) {
            0 => self.call(&format!("/{name}"), &Value::Null, Command::DeleteItem(sku(&name))),
            1 | 2 if name != "nothing" => self.put_item(&name),
            3 => self.put_channel(),
            _ => {
                let (place, enabled) = (self.of(&PLACES), self.rarely(2));
                self.put_location(place, enabled)
            }
        }
    }

    pub(super) fn set(&mut self, name: &str, body: &Value) -> Call {
        self.call(&format!("/{name}/stock"), body, Command::SetStock(sku(name), typed(body)))
    }

    pub(super) fn put_item(&mut self, name: &str) -> Call {
        let body = json!({"name": name});
        self.call(&format!("/{name}"), &body, Command::PutItem(sku(name), typed(&body)))
    }

    pub(super) fn put_location(&mut self, place: &str, enabled: bool) -> Call {
        let body = json!({"name": place, "priority": self.below(3), "enabled": enabled});
        self.call(&format!("/locations/{place}"), &body, Command::PutLocation(location(place), typed(&body)))
    }

    pub(super) fn put_channel(&mut self) -> Call {
        let locations = [&["a", "b", "c"][..], &["c", "a"], &["b"], &["b", "c"], &[]][self.below(5) as usize];
        let body = json!({"locations": locations, "allocation": self.of(&["priority", "most_stock"])});
        self.call("/channels/web", &body, Command::PutChannel("web".parse().unwrap(), typed(&body)))
    }
}
