//! Generated orders with a skew like the real stream's, for when that is absent: few SKUs have most of the lines.

use onhand_wire::Sku;
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::orders::{Order, Orders};

/// As in the real sample.
const LINES: usize = 40_000;
const SKUS: usize = 3_200;
const CUSTOMERS: u32 = 4_000;
/// Cancellations in a thousand orders.
const CANCELLATIONS: u32 = 80;
/// The same orders each time.
const SEED: u64 = 20_101_201;

/// Draws ranks with a probability of 1 / rank.
struct Zipf {
    cumulated: Vec<f64>,
}

impl Zipf {
    fn new(ranks: usize) -> Self {
        let mut sum = 0.0;
        let weights = (1..=ranks).map(|rank| 1.0 / rank as f64);
        Self {
            cumulated: weights
                .map(|weight| {
                    sum += weight;
                    sum
                })
                .collect(),
        }
    }

    fn draw(&self, rng: &mut StdRng) -> usize {
        let total = self.cumulated.last().copied().unwrap_or_default();
        let point = rng.random_range(0.0..total);
        self.cumulated.partition_point(|sum| *sum <= point)
    }
}

/// At most `limit` lines.
pub(super) fn orders(limit: usize) -> Orders {
    let (mut rng, zipf) = (StdRng::seed_from_u64(SEED), Zipf::new(SKUS));
    let mut orders = Orders::default();
    let mut left = limit.min(LINES);
    while left > 0 {
        let order = order(&mut rng, &zipf, orders.list.len(), left);
        left -= order.lines.len();
        orders.list.push(order);
    }
    for (sku, _) in orders.list.iter().flat_map(|order| &order.lines) {
        orders.names.entry(sku.clone()).or_insert_with(|| format!("Generated article {sku}"));
    }
    orders
}

fn order(rng: &mut StdRng, zipf: &Zipf, index: usize, most: usize) -> Order {
    let cancellation = rng.random_ratio(CANCELLATIONS, 1000);
    // Most orders are short, a few are a shop's restocking.
    let lines = (1.0 / rng.random_range(0.02..1.0_f64)).ceil() as usize;
    let lines = (0..lines.min(most)).map(|_| (sku(zipf.draw(rng)), quantity(rng))).collect();
    let invoice = format!("{}{}", if cancellation { "C" } else { "" }, 500_000 + index);
    Order { invoice, customer: rng.random_range(0..CUSTOMERS).to_string(), cancellation, lines }
}

fn sku(rank: usize) -> Sku {
    Sku::new(&format!("G{rank:05}")).expect("letters and digits")
}

fn quantity(rng: &mut StdRng) -> u32 {
    let packs = [1, 1, 1, 2, 2, 3, 4, 6, 6, 12, 12, 24, 48];
    packs[rng.random_range(0..packs.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skewed_and_the_same_each_time() {
        let (one, two) = (orders(2_000), orders(2_000));
        assert_eq!(one.list, two.list);
        assert_eq!(one.lines(), 2_000);
        let first = one.list.iter().flat_map(|order| &order.lines).filter(|(sku, _)| sku.as_str() == "G00000").count();
        assert!(first > 100, "the first rank has {first} of 2,000 lines");
    }
}
