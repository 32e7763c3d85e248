//! Which locations serve a line: the built-in strategies, a rule, or the order that rules' ranks make.

mod rank;

use std::{cmp::Reverse, collections::HashMap};

use onhand_rules::{AllocationInput, AskedLine, Candidate, Captured, Offer, Rules};
use onhand_wire::{
    Channel, Location, LocationId, Sku,
    request::{Destination, Hold, HoldLine},
};

use crate::{record::Share, state::State};

pub(super) use rank::check;

/// The built-in strategies. Each uses all available stock before any backorder.
pub const STRATEGIES: [&str; 4] = ["priority", "most_stock", "fewest_splits", "nearest"];

/// What a location has left for a SKU while a hold is planned.
#[derive(Debug, Clone, Copy, Default)]
struct Left {
    available: i64,
    backorderable: i64,
}

/// A plan under way: the serving locations and what earlier lines leave.
pub(super) struct Plan<'a> {
    hold: &'a Hold,
    serving: Vec<&'a Location>,
    left: HashMap<(&'a Sku, &'a LocationId), Left>,
    shares: Vec<Vec<Share>>,
    /// The rules that were asked.
    trace: Vec<Captured>,
}

/// What decided where a hold goes.
pub(super) struct Decided {
    /// The strategy, the rule, or the rules of a list.
    pub(super) by: String,
    /// Every rule that was asked, also those that failed.
    pub(super) trace: Vec<Captured>,
}

/// The shares of each line, which may be short, and what decided them.
pub(super) fn plan(state: &State, hold: &Hold, channel: Option<&Channel>, rules: &Rules) -> (Vec<Vec<Share>>, Decided) {
    let serving = state.topology.serving(channel);
    let shares = vec![Vec::new(); hold.lines.len()];
    let mut plan = Plan { hold, left: HashMap::new(), shares, serving, trace: Vec::new() };
    for line in &hold.lines {
        for location in &plan.serving {
            if let Some(row) = state.row(&line.sku, &location.location) {
                let left = Left { available: row.available(), backorderable: row.backorderable() };
                plan.left.insert((&line.sku, &location.location), left);
            }
        }
    }
    let strategy = channel.map_or("priority", |channel| channel.allocation.as_str());
    let by = plan.decide(strategy, state, rules);
    (plan.shares, Decided { by, trace: plan.trace })
}

impl<'a> Plan<'a> {
    /// Lines in turn, so that each sees what the earlier ones leave; a rule that plans sees them all
    /// at once.
    fn decide(&mut self, strategy: &str, state: &State, rules: &Rules) -> String {
        if STRATEGIES.contains(&strategy) {
            self.by_strategy(strategy);
            return strategy.to_owned();
        }
        let named = self.hold.lines.iter().all(|line| line.location.is_some());
        let decided = if named {
            None
        } else if rank::is_ranked(strategy, rules) {
            self.by_ranks(strategy, state, rules)
        } else {
            self.by_rule(strategy, state, rules).then(|| strategy.to_owned())
        };
        decided.unwrap_or_else(|| {
            self.by_strategy("priority");
            "priority".to_owned()
        })
    }

    fn by_strategy(&mut self, strategy: &str) {
        let whole = if strategy == "fewest_splits" { self.one_for_all() } else { None };
        for index in 0..self.hold.lines.len() {
            let line = &self.hold.lines[index];
            let order = match (&line.location, &whole) {
                (Some(named), _) => vec![named],
                (None, Some(one)) => vec![*one],
                (None, None) => self.order(strategy, line),
            };
            self.take(index, &order);
        }
    }

    /// The serving locations in the strategy's order for one line.
    fn order(&self, strategy: &str, line: &HoldLine) -> Vec<&'a LocationId> {
        let mut order = self.serving.clone();
        let available = |location: &Location| self.left(&line.sku, &location.location).available;
        match strategy {
            "most_stock" => order.sort_by_key(|location| Reverse(available(location))),
            "fewest_splits" => {
                // One that has it all, else the fullest first; places already used come before others.
                let enough = |location: &Location| available(location) >= line.quantity.get();
                let used =
                    |location: &Location| self.shares.iter().flatten().any(|share| share.location == location.location);
                order.sort_by_key(|location| {
                    let fullest = if enough(location) { 0 } else { available(location) };
                    (!enough(location), !used(location), Reverse(fullest))
                });
            }
            "nearest" => {
                if let Some(destination) = self.hold.destination.as_ref().and_then(coordinates) {
                    let distance = |location: &&Location| {
                        location.lat.zip(location.lon).map_or(f64::INFINITY, |place| distance(place, destination))
                    };
                    order.sort_by(|a, b| distance(a).total_cmp(&distance(b)));
                }
            }
            _ => {}
        }
        order.into_iter().map(|location| &location.location).collect()
    }

    /// The first location that can serve every unnamed line from what is available.
    fn one_for_all(&self) -> Option<&'a LocationId> {
        let serves = |location: &&&Location| {
            let mut asked = HashMap::<&Sku, i64>::new();
            // Lines that name this location take from it, too.
            let here = |line: &&HoldLine| line.location.as_ref().is_none_or(|named| *named == location.location);
            for line in self.hold.lines.iter().filter(here) {
                *asked.entry(&line.sku).or_default() += line.quantity.get();
            }
            asked.iter().all(|(sku, quantity)| self.left(sku, &location.location).available >= *quantity)
        };
        self.serving.iter().find(serves).map(|location| &location.location)
    }

    fn left(&self, sku: &Sku, location: &LocationId) -> Left {
        self.left.get(&(sku, location)).copied().unwrap_or_default()
    }

    /// Takes what the line asks in this order: all that is available first, then backorder.
    fn take(&mut self, index: usize, order: &[&'a LocationId]) {
        let line = &self.hold.lines[index];
        let mut asked = line.quantity.get();
        for backorder in [false, true] {
            for location in order {
                let Some(left) = self.left.get_mut(&(&line.sku, *location)) else { continue };
                let from = if backorder { &mut left.backorderable } else { &mut left.available };
                let taken = asked.min(*from);
                *from -= taken;
                asked -= taken;
                give(&mut self.shares[index], location, taken);
            }
        }
    }

    /// Asks the rule for every line without a location; false if it failed and nothing was taken.
    fn by_rule(&mut self, rule: &str, state: &State, rules: &Rules) -> bool {
        if !rules.has_allocation(rule) {
            tracing::warn!(rule, "the channel's allocation rule is not loaded; the built-in strategy decides");
            return false;
        }
        let before = self.left.clone();
        for index in 0..self.hold.lines.len() {
            if let Some(named) = &self.hold.lines[index].location {
                self.take(index, &[named]);
            }
        }
        let lines = self.asked();
        let stock = self.offers(&lines);
        let input = self.input(state, lines, stock);
        let (plan, call) = rules.allocate_captured(rule, &input);
        self.trace.extend(call);
        let Ok(plan) = plan else {
            self.left = before;
            self.shares.iter_mut().for_each(Vec::clear);
            return false;
        };
        for planned in plan.allocations {
            give(&mut self.shares[planned.line as usize], &planned.location, planned.quantity);
        }
        true
    }

    /// Every line without a location.
    fn asked(&self) -> Vec<AskedLine> {
        let unnamed = self.hold.lines.iter().zip(0..).filter(|(line, _)| line.location.is_none());
        unnamed
            .map(|(line, number)| AskedLine { line: number, sku: line.sku.clone(), quantity: line.quantity.get() })
            .collect()
    }

    fn offers(&self, lines: &[AskedLine]) -> Vec<Offer> {
        let mut stock: Vec<_> = Vec::new();
        let mut skus: Vec<_> = lines.iter().map(|line| &line.sku).collect();
        skus.sort();
        skus.dedup();
        for sku in skus {
            for location in &self.serving {
                if let Some(left) = self.left.get(&(sku, &location.location)) {
                    stock.push(Offer {
                        sku: sku.clone(),
                        location: location.location.clone(),
                        available: left.available,
                        backorderable: left.backorderable,
                    });
                }
            }
        }
        stock
    }

    fn input(&self, state: &State, lines: Vec<AskedLine>, stock: Vec<Offer>) -> AllocationInput {
        AllocationInput {
            at: state.now,
            channel: self.hold.channel.clone(),
            destination: self.hold.destination.clone(),
            lines,
            locations: self.serving.iter().map(|location| candidate(location)).collect(),
            stock,
        }
    }
}

fn candidate(location: &Location) -> Candidate {
    Candidate {
        location: location.location.clone(),
        region: location.region.clone(),
        priority: location.priority,
        lat: location.lat,
        lon: location.lon,
        pickup: location.pickup,
    }
}

fn give(shares: &mut Vec<Share>, location: &LocationId, quantity: i64) {
    if quantity == 0 {
        return;
    }
    match shares.iter_mut().find(|share| share.location == *location) {
        Some(share) => share.quantity += quantity,
        None => shares.push(Share { location: location.clone(), quantity, shipped: 0, returned: 0 }),
    }
}

fn coordinates(destination: &Destination) -> Option<(f64, f64)> {
    destination.lat.zip(destination.lon)
}

/// Great-circle distance in kilometres (haversine).
fn distance(from: (f64, f64), to: (f64, f64)) -> f64 {
    const EARTH_KM: f64 = 6371.0;
    let (lat1, lat2) = (from.0.to_radians(), to.0.to_radians());
    let (dlat, dlon) = (lat2 - lat1, (to.1 - from.1).to_radians());
    let a = (dlat / 2.0).sin().powi(2) + lat1.cos() * lat2.cos() * (dlon / 2.0).sin().powi(2);
    2.0 * EARTH_KM * a.sqrt().min(1.0).asin()
}
