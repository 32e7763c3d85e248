//! Sharing the lines out, tier by tier.

use std::collections::{BTreeMap, HashMap};

use onhand_rule::allocation::{AskedLine, Location, Plan, Planned, SkuStock};

/// Free, kept back for pickup, backorderable.
const TIERS: usize = 3;

/// What one location still has of one SKU.
struct Supply {
    location: u32,
    /// 0 is nearest.
    rank: usize,
    left: [u32; TIERS],
}

/// Nearest first, per SKU.
type Supplies<'a> = HashMap<&'a str, Vec<Supply>>;

struct Sharing<'a> {
    lines: &'a [AskedLine],
    /// Per line, what is not yet served.
    left: Vec<u32>,
    supplies: Supplies<'a>,
    /// By location: whether it serves anything yet.
    serves: Vec<bool>,
    /// By (index of the line, location): a location met again in a later tier adds to its part.
    parts: BTreeMap<(usize, u32), u32>,
}

pub(crate) fn share(
    lines: &[AskedLine],
    locations: &[Location],
    order: &[u32],
    stock: &[SkuStock],
    keep_pickup: u32,
) -> Plan {
    let mut sharing = Sharing {
        lines,
        left: lines.iter().map(|line| line.quantity).collect(),
        supplies: supplies(locations, order, stock, keep_pickup),
        serves: vec![false; locations.len()],
        parts: BTreeMap::new(),
    };
    for tier in 0..TIERS {
        sharing.tier(tier);
    }
    let planned =
        |((line, location), quantity): ((usize, u32), u32)| Planned { line: lines[line].line, location, quantity };
    Plan { allocations: sharing.parts.into_iter().map(planned).collect() }
}

fn supplies<'a>(locations: &[Location], order: &[u32], stock: &'a [SkuStock], keep_pickup: u32) -> Supplies<'a> {
    let mut ranks = vec![0; locations.len()];
    for (rank, &location) in order.iter().enumerate() {
        ranks[location as usize] = rank;
    }
    let of_sku = |stock: &'a SkuStock| {
        let mut supplies: Vec<Supply> = stock
            .offers
            .iter()
            .map(|offer| {
                let at = offer.location as usize;
                let kept = if locations[at].pickup { keep_pickup.min(offer.available) } else { 0 };
                let left = [offer.available - kept, kept, offer.backorderable];
                Supply { location: offer.location, rank: ranks[at], left }
            })
            .collect();
        supplies.sort_by_key(|supply| supply.rank);
        (stock.sku.as_str(), supplies)
    };
    stock.iter().map(of_sku).collect()
}

impl Sharing<'_> {
    fn tier(&mut self, tier: usize) {
        if let Some(location) = self.one_for_all(tier) {
            for line in 0..self.lines.len() {
                self.take_at(line, tier, location);
            }
            return;
        }
        for line in 0..self.lines.len() {
            while self.left[line] > 0
                && let Some(location) = self.next(line, tier)
            {
                self.take_at(line, tier, location);
            }
        }
    }

    /// The nearest location that can serve all that is left of every line.
    fn one_for_all(&self, tier: usize) -> Option<u32> {
        let mut wanted: HashMap<&str, u64> = HashMap::new();
        for (line, &left) in self.lines.iter().zip(&self.left).filter(|(_, left)| **left > 0) {
            *wanted.entry(&line.sku).or_default() += u64::from(left);
        }
        let candidates = self.supplies.get(wanted.keys().next()?)?;
        let has = |sku: &str, location: u32, wanted: u64| {
            let mut supplies = self.supplies.get(sku).into_iter().flatten();
            supplies.any(|supply| supply.location == location && u64::from(supply.left[tier]) >= wanted)
        };
        let serves_all = |location: u32| wanted.iter().all(|(sku, &wanted)| has(sku, location, wanted));
        candidates.iter().map(|supply| supply.location).find(|&location| serves_all(location))
    }

    /// Where the next part of a line comes from.
    fn next(&self, line: usize, tier: usize) -> Option<u32> {
        let supplies = self.supplies.get(self.lines[line].sku.as_str())?;
        let left = self.left[line];
        let whole = supplies.iter().filter(|supply| supply.left[tier] >= left);
        // `min_by_key` keeps the first of equals, which is the nearest.
        let whole = whole.min_by_key(|supply| !self.serves[supply.location as usize]);
        let most = || {
            let some = supplies.iter().filter(|supply| supply.left[tier] > 0);
            some.min_by_key(|supply| std::cmp::Reverse(supply.left[tier]))
        };
        whole.or_else(most).map(|supply| supply.location)
    }

    fn take_at(&mut self, line: usize, tier: usize, location: u32) {
        let supplies = self.supplies.get_mut(self.lines[line].sku.as_str()).into_iter().flatten();
        let Some(supply) = supplies.into_iter().find(|supply| supply.location == location) else { return };
        let quantity = self.left[line].min(supply.left[tier]);
        if quantity == 0 {
            return;
        }
        supply.left[tier] -= quantity;
        self.left[line] -= quantity;
        self.serves[location as usize] = true;
        *self.parts.entry((line, location)).or_default() += quantity;
    }
}
