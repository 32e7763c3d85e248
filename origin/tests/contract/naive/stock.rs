//! Counts, adjustments, transfers, policies, items and topology.

use onhand_origin::command::Command;
use onhand_wire::{Quantity, request::Policy};
use serde_json::{Value, json};

use super::{Decided, Expected, Key, Model, insufficient, refused, short};

impl Model {
    pub(super) fn check_sku(&self, sku: &str) -> Result<(), Expected> {
        if self.items.contains(sku) { Ok(()) } else { Err(refused(404, "unknown_sku", json!({}))) }
    }

    pub(super) fn check_location(&self, location: Option<&str>) -> Result<(), Expected> {
        let known = location.is_none_or(|location| self.locations.contains_key(location));
        if known { Ok(()) } else { Err(refused(404, "unknown_location", json!({}))) }
    }

    /// "Unknown SKU or location: 404, never created silently."
    fn key(&self, sku: &str, location: &str) -> Result<Key, Expected> {
        self.check_sku(sku)?;
        self.check_location(Some(location))?;
        Ok((sku.to_owned(), location.to_owned()))
    }

    fn on_hand(&self, key: &Key) -> i64 {
        self.rows.get(key).map_or(0, |row| row.on_hand)
    }

    /// "Stock calls answer the new facts."
    fn facts(&self, keys: &[Key]) -> (u16, Value) {
        let facts = keys.iter().map(|key| {
            let row = self.rows[key];
            json!({
                "sku": key.0, "location": key.1, "on_hand": row.on_hand, "reserved": self.reserved(&key.0, &key.1),
                "safety_stock": row.safety_stock, "backorder_limit": row.backorder_limit,
                "available": self.available(&key.0, &key.1),
                "backorderable": self.holdable(&key.0, &key.1) - self.available(&key.0, &key.1),
            })
        });
        (200, json!({"facts": facts.collect::<Vec<_>>()}))
    }

    pub(super) fn change(&mut self, command: &Command) -> Decided {
        match command {
            Command::SetStock(sku, body) => {
                let key = self.key(sku.as_str(), body.location.as_str())?;
                let on_hand = self.on_hand(&key);
                if body.expected_on_hand.is_some_and(|expected| expected.get() != on_hand) {
                    return Err(refused(409, "version_mismatch", json!({"on_hand": on_hand})));
                }
                self.rows.entry(key.clone()).or_default().on_hand = body.quantity.get();
                Ok(self.facts(&[key]))
            }
            Command::Adjust(sku, body) => {
                let key = self.key(sku.as_str(), body.location.as_str())?;
                let on_hand = self.on_hand(&key);
                if on_hand + body.delta < 0 {
                    return Err(insufficient(vec![short(0, sku.as_str(), -body.delta, on_hand)]));
                }
                self.rows.entry(key.clone()).or_default().on_hand += body.delta;
                Ok(self.facts(&[key]))
            }
            Command::Transfer(body) => {
                let (sku, quantity) = (body.sku.as_str(), body.quantity.get());
                let (from, to) = (self.key(sku, body.from.as_str())?, self.key(sku, body.to.as_str())?);
                let available = self.available(sku, body.from.as_str());
                if available < quantity {
                    return Err(insufficient(vec![short(0, sku, quantity, available)]));
                }
                self.rows.entry(from.clone()).or_default().on_hand -= quantity;
                self.rows.entry(to.clone()).or_default().on_hand += quantity;
                Ok(self.facts(&[from, to]))
            }
            Command::SetPolicy(sku, body) => self.policy(sku.as_str(), body),
            Command::PutItem(sku, _) => {
                let new = self.items.insert(sku.to_string());
                Ok((if new { 201 } else { 200 }, json!({"sku": sku})))
            }
            Command::DeleteItem(sku) => self.delete(sku.as_str()),
            Command::PutLocation(id, body) => {
                let old = self.locations.insert(id.to_string(), (body.priority, body.enabled));
                Ok((if old.is_none() { 201 } else { 200 }, json!({"location": id, "enabled": body.enabled})))
            }
            Command::PutChannel(id, body) => {
                let locations: Vec<String> = body.locations.iter().map(ToString::to_string).collect();
                locations.iter().try_for_each(|location| self.check_location(Some(location)))?;
                let old = self.channels.insert(id.to_string(), (locations, body.allocation.clone()));
                Ok((if old.is_none() { 201 } else { 200 }, json!({"channel": id})))
            }
            other => panic!("not in the model: {other:?}"),
        }
    }

    /// "selling policy, one location or all"
    fn policy(&mut self, sku: &str, body: &Policy) -> Decided {
        self.check_sku(sku)?;
        let keys: Vec<Key> = match &body.location {
            Some(location) => vec![self.key(sku, location.as_str())?],
            None => self.everywhere(sku),
        };
        for key in &keys {
            let row = self.rows.entry(key.clone()).or_default();
            row.safety_stock = body.safety_stock.map_or(row.safety_stock, Quantity::get);
            row.backorder_limit = body.backorder_limit.map_or(row.backorder_limit, Quantity::get);
        }
        Ok(self.facts(&keys))
    }

    /// Every location that has a row; before there is one, every location.
    fn everywhere(&self, sku: &str) -> Vec<Key> {
        let held: Vec<Key> = self.rows.keys().filter(|(named, _)| named == sku).cloned().collect();
        let all = self.locations.keys().map(|location| (sku.to_owned(), location.clone()));
        if held.is_empty() { all.collect() } else { held }
    }

    /// "delete is 409 in_use while reservations are open": while any unit of it is held.
    fn delete(&mut self, sku: &str) -> Decided {
        self.check_sku(sku)?;
        if self.rows.keys().any(|(named, location)| named == sku && self.reserved(sku, location) > 0) {
            return Err(refused(409, "in_use", json!({})));
        }
        self.items.remove(sku);
        self.rows.retain(|(named, _), _| named != sku);
        Ok((200, json!({"deleted": true})))
    }
}
