//! Which locations serve a line: the built-in strategies. The origin decides with them; an edge proposes with them.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use crate::{
    Location, LocationId, Sku,
    request::{Destination, HoldLine},
    reservation::Allocation,
};

/// The built-in strategies. Each uses all available stock before any backorder.
pub const STRATEGIES: [&str; 4] = ["priority", "most_stock", "fewest_splits", "nearest"];

/// What a location has left of a SKU while lines are planned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Left {
    pub available: i64,
    /// What may be held beyond `available`.
    pub backorderable: i64,
}

/// A plan in progress: the serving locations, and what earlier lines leave.
#[derive(Clone)]
pub struct Plan<'a> {
    pub lines: &'a [HoldLine],
    pub destination: Option<&'a Destination>,
    /// Only enabled ones, in serving order.
    pub serving: Vec<&'a Location>,
    left: HashMap<(&'a Sku, &'a LocationId), Left>,
    /// The shares of each line; they may add up to less than the line.
    shares: Vec<Vec<Allocation>>,
}

impl<'a> Plan<'a> {
    /// Starts with nothing shared out. `left` is `None` where a location has no stock row for a SKU.
    pub fn new(
        lines: &'a [HoldLine],
        destination: Option<&'a Destination>,
        serving: Vec<&'a Location>,
        left: impl Fn(&Sku, &LocationId) -> Option<Left>,
    ) -> Self {
        let mut plan =
            Self { lines, destination, left: HashMap::new(), shares: vec![Vec::new(); lines.len()], serving };
        for line in lines {
            for location in &plan.serving {
                if let Some(left) = left(&line.sku, &location.location) {
                    plan.left.insert((&line.sku, &location.location), left);
                }
            }
        }
        plan
    }

    /// The shares of each line.
    pub fn into_shares(self) -> Vec<Vec<Allocation>> {
        self.shares
    }

    /// `None` if the location has no stock row for the SKU, or does not serve.
    pub fn left(&self, sku: &Sku, location: &LocationId) -> Option<Left> {
        self.left.get(&(sku, location)).copied()
    }

    /// Shares every line out, in turn, so that each sees what the earlier ones leave.
    pub fn by_strategy(&mut self, strategy: &str) {
        let whole = if strategy == "fewest_splits" { self.one_for_all() } else { None };
        for index in 0..self.lines.len() {
            let line = &self.lines[index];
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
        let available = |location: &Location| self.available(&line.sku, &location.location);
        match strategy {
            "most_stock" => order.sort_by_cached_key(|location| Reverse(available(location))),
            "fewest_splits" => {
                // A location that has everything, else the fullest first; locations already used come before others.
                let enough = |location: &Location| available(location) >= line.quantity.get();
                let used: HashSet<_> = self.shares.iter().flatten().map(|share| &share.location).collect();
                order.sort_by_cached_key(|location| {
                    let fullest = if enough(location) { 0 } else { available(location) };
                    (!enough(location), !used.contains(&location.location), Reverse(fullest))
                });
            }
            "nearest" => {
                if let Some(destination) = self.destination.and_then(coordinates) {
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
            for line in self.lines.iter().filter(here) {
                *asked.entry(&line.sku).or_default() += line.quantity.get();
            }
            asked.iter().all(|(sku, quantity)| self.available(sku, &location.location) >= *quantity)
        };
        self.serving.iter().find(serves).map(|location| &location.location)
    }

    fn available(&self, sku: &Sku, location: &LocationId) -> i64 {
        self.left(sku, location).unwrap_or_default().available
    }

    /// Takes what the line asks for, in this order of locations: everything available first, then backorder.
    pub fn take(&mut self, index: usize, order: &[&'a LocationId]) {
        let line = &self.lines[index];
        let mut asked = line.quantity.get();
        for backorder in [false, true] {
            for location in order {
                let Some(left) = self.left.get_mut(&(&line.sku, *location)) else { continue };
                let from = if backorder { &mut left.backorderable } else { &mut left.available };
                let taken = asked.min(*from);
                *from -= taken;
                asked -= taken;
                self.give(index, location, taken);
            }
        }
    }

    /// Adds to a line's shares without checking what is left.
    pub fn give(&mut self, index: usize, location: &LocationId, quantity: i64) {
        if quantity == 0 {
            return;
        }
        let shares = &mut self.shares[index];
        match shares.iter_mut().find(|share| share.location == *location) {
            Some(share) => share.quantity += quantity,
            None => shares.push(Allocation { location: location.clone(), quantity }),
        }
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
