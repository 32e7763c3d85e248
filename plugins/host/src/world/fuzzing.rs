//! The checks of answers for the fuzz targets (plugins/fuzz); only their builds have it.

use crate::world::{
    allocation::{self, AllocationInput, Plan},
    pricing::{self, LinePrice, PricingInput},
    view::{self, Presentation, ViewInput},
};

/// Line, location and quantity; for a view: location, available and backorderable.
pub type Part = (u32, u32, u32);
/// Line, unit price, whether it is in the quote's currency, and adjustments: label, whether for each unit, amount.
pub type Price = (u32, i64, bool, Vec<(String, bool, i64)>);

/// A plan that is allowed.
pub fn plan(input: &AllocationInput, parts: &[Part]) -> Result<Plan, ()> {
    let part = |&(line, location, quantity): &Part| allocation::AnsweredPart { line, location, quantity };
    input.check(&parts.iter().map(part).collect::<Vec<_>>()).map_err(drop)
}

/// Whether ranks are allowed.
pub fn ranks(input: &AllocationInput, ranks: &[Option<i32>]) -> Result<(), ()> {
    input.check_ranks(ranks).map_err(drop)
}

/// Prices that are allowed.
pub fn prices(input: &PricingInput, prices: Vec<Price>) -> Result<Vec<LinePrice>, ()> {
    let price = |(line, amount, right, parts): Price| pricing::AnsweredLine {
        line,
        amount,
        currency: if right { input.currency.clone() } else { "XXX".to_owned() },
        adjustments: parts
            .into_iter()
            .map(|(label, each, amount)| pricing::AnsweredAdjustment { label, each, amount })
            .collect(),
    };
    input.check(prices.into_iter().map(price).collect()).map_err(drop)
}

/// A presentation that is allowed.
pub fn view(input: &ViewInput, parts: &[Part], label: Option<String>) -> Result<Presentation, ()> {
    let part = |&(location, available, backorderable): &Part| view::AnsweredPart { location, available, backorderable };
    input.check(&parts.iter().map(part).collect::<Vec<_>>(), label).map_err(drop)
}
