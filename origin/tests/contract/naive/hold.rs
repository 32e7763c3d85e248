//! Holding, unit by unit.

use std::time::Duration;

use onhand_wire::{
    request::{Hold, HoldPolicy},
    reservation::State,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Booking, Decided, Line, Model, Share, insufficient, refused, short};

impl Model {
    /// "Locations come in the order in which they would serve (a channel's list; else `priority`,
    /// then id). A disabled location does not count."
    fn serving(&self, channel: Option<&str>) -> Vec<String> {
        let mut all: Vec<_> = self.locations.iter().map(|(id, (priority, _))| (*priority, id.clone())).collect();
        all.sort();
        let order = match channel {
            Some(channel) => self.channels[channel].0.clone(),
            None => all.into_iter().map(|(_, id)| id).collect(),
        };
        order.into_iter().filter(|id| self.locations[id].1).collect()
    }

    /// "`all`: every line in full or nothing is written and every short line is named. `partial`:
    /// what can be held is held, nothing at all is 409."
    pub(super) fn hold(&mut self, id: Uuid, hold: &Hold, text: &str) -> Decided {
        let channel = hold.channel.as_ref().map(|channel| channel.as_str());
        if channel.is_some_and(|channel| !self.channels.contains_key(channel)) {
            return Err(refused(404, "unknown_channel", json!({})));
        }
        for line in &hold.lines {
            self.check_sku(line.sku.as_str())?;
            self.check_location(line.location.as_ref().map(|location| location.as_str()))?;
        }
        let strategy = channel.map_or("priority", |channel| &self.channels[channel].1).to_owned();
        let deadline = self.now.plus(Duration::from_secs(hold.ttl_s.into()));
        let (allocated_by, made_by) = (strategy.clone(), text.to_owned());
        self.bookings.push(Booking { id, state: State::Held, deadline, lines: Vec::new(), allocated_by, made_by });
        for line in &hold.lines {
            let (sku, serving) = (line.sku.as_str(), self.serving(channel));
            let order = match &line.location {
                Some(named) => serving.into_iter().filter(|location| location == named.as_str()).collect(),
                None if strategy == "most_stock" => {
                    let mut order = serving;
                    order.sort_by_key(|location| -self.available(sku, location));
                    order
                }
                None => serving,
            };
            self.hold_line(sku, line.quantity.get(), &order);
        }
        let held = &self.bookings.last().expect("just pushed").lines;
        let shorts: Vec<Value> = held
            .iter()
            .enumerate()
            .filter(|(_, line)| line.quantity < line.requested)
            .map(|(number, line)| short(number, &line.sku, line.requested, line.quantity))
            .collect();
        let nothing = held.iter().all(|line| line.quantity == 0);
        if nothing || (hold.policy == HoldPolicy::All && !shorts.is_empty()) {
            self.bookings.pop();
            return Err(insufficient(shorts));
        }
        Ok((201, self.shown(self.bookings.len() - 1)))
    }

    /// "The same SKU on several lines is checked against what the earlier lines leave. All available
    /// stock is used before any backorder." One unit after the other, onto the newest booking.
    fn hold_line(&mut self, sku: &str, requested: i64, order: &[String]) {
        let line = Line { sku: sku.to_owned(), requested, quantity: 0, confirmed: 0, shares: Vec::new() };
        self.bookings.last_mut().expect("pushed by hold").lines.push(line);
        for _ in 0..requested {
            let available = order.iter().find(|location| self.available(sku, location) > 0);
            let backorder = || order.iter().find(|location| self.holdable(sku, location) > 0);
            let Some(location) = available.or_else(backorder) else { break };
            let line = self.bookings.last_mut().and_then(|booking| booking.lines.last_mut()).expect("just pushed");
            line.quantity += 1;
            match line.shares.iter_mut().find(|share| share.location == *location) {
                Some(share) => share.quantity += 1,
                None => line.shares.push(Share { location: location.clone(), quantity: 1, shipped: 0, returned: 0 }),
            }
        }
    }
}
