//! What lines cost and where they would come from, by facts, topology and rules. A quote holds no stock.
//!
//! 1. Each line's price ([`price`]: the channel's rule, or the catalogue).
//! 2. Each line's total and the quote's: money is never guessed. A line without a price has no total, and then the
//!    quote has none either.
//! 3. The allocation that a hold would get now, by the same code as at the origin.

mod price;

use onhand_rules::Rules;
use onhand_wire::{
    Channel, Item, Problem, Sku, Stock, Timestamp,
    allocate::{Left, Plan},
    limits,
    quote::{NoTotal, Quote, QuotedLine, Total, Unavailable},
    request::{AskQuote, HoldLine},
    reservation::Allocation,
};

use crate::topology::Snapshot;
use price::Priced;

/// What a quote needs besides the lines.
pub(crate) struct Scene<'a> {
    pub(crate) channel: Option<&'a Channel>,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) rules: &'a Rules,
    /// By the origin database's clock.
    pub(crate) at: Timestamp,
}

/// `stocks`: for each line's SKU, in the lines' order, with its item.
pub(crate) fn quote(ask: &AskQuote, stocks: &[(&Item, &Stock)], scene: &Scene<'_>) -> Result<Quote, Problem> {
    let items: Vec<&Item> = stocks.iter().map(|(item, _)| *item).collect();
    let priced = price::price(ask, &items, scene);
    let (shares, allocated_by) = allocate(ask, stocks, scene);
    let lines = priced.into_iter().zip(shares).enumerate();
    let of = |at: usize| (at, items[at]);
    let lines = lines.map(|(at, (priced, shares))| line(ask, of(at), priced, shares)).collect::<Result<Vec<_>, _>>()?;
    let held = |line: &QuotedLine| line.allocation.iter().map(|share| share.quantity).sum::<i64>();
    let shippable = lines.iter().all(|line| held(line) == line.quantity);
    let (total, no_total) = total(&lines)?;
    Ok(Quote { lines, total, no_total, shippable, allocated_by })
}

/// What all of it costs; none where money would have to be guessed.
pub(crate) fn price_of(
    ask: &AskQuote,
    stocks: &[(&Item, &Stock)],
    scene: &Scene<'_>,
) -> Result<Option<Total>, Problem> {
    let items: Vec<&Item> = stocks.iter().map(|(item, _)| *item).collect();
    let priced = price::price(ask, &items, scene);
    let lines = priced.into_iter().zip(items).enumerate();
    let lines = lines.map(|(at, (priced, item))| line(ask, (at, item), priced, Vec::new()));
    Ok(total(&lines.collect::<Result<Vec<_>, _>>()?)?.0)
}

fn line(
    ask: &AskQuote,
    (at, item): (usize, &Item),
    priced: Priced,
    allocation: Vec<Allocation>,
) -> Result<QuotedLine, Problem> {
    let asked = &ask.lines[at];
    let total = priced.unit.as_ref().map(|unit| {
        let adjusted = priced.adjustments.iter().map(|adjustment| i128::from(adjustment.amount)).sum::<i128>();
        let amount = i128::from(unit.amount) * i128::from(asked.quantity.get()) + adjusted;
        within(amount, &unit.currency).ok_or_else(|| too_much(&format!("lines[{at}].quantity")))
    });
    Ok(QuotedLine {
        line: u32::try_from(at).unwrap_or(u32::MAX),
        sku: asked.sku.clone(),
        quantity: asked.quantity.get(),
        unit_price: priced.unit,
        total: total.transpose()?,
        no_price: priced.no_price,
        adjustments: priced.adjustments,
        unavailable: (!item.active).then_some(Unavailable::Inactive),
        allocation,
    })
}

/// The total of all lines, if each has a price and all are in one currency.
fn total(lines: &[QuotedLine]) -> Result<(Option<Total>, Option<NoTotal>), Problem> {
    let Some(totals) = lines.iter().map(|line| line.total.as_ref()).collect::<Option<Vec<_>>>() else {
        return Ok((None, Some(NoTotal::UnpricedLines)));
    };
    let Some(first) = totals.first() else { return Ok((None, None)) };
    if totals.iter().any(|total| total.currency != first.currency) {
        return Ok((None, Some(NoTotal::SeveralCurrencies)));
    }
    let sum = totals.iter().map(|total| i128::from(total.amount)).sum();
    let total = within(sum, &first.currency).ok_or_else(|| too_much("lines"))?;
    Ok((Some(total), None))
}

fn within(amount: i128, currency: &str) -> Option<Total> {
    let amount = i64::try_from(amount).ok().filter(|amount| (0..=limits::TOTAL).contains(amount))?;
    Some(Total { amount, currency: currency.to_owned() })
}

fn too_much(field: &str) -> Problem {
    Problem::field(field, format!("a total is at most {} minor units", limits::TOTAL))
}

fn allocate(ask: &AskQuote, stocks: &[(&Item, &Stock)], scene: &Scene<'_>) -> (Vec<Vec<Allocation>>, String) {
    let holds =
        ask.lines.iter().map(|line| HoldLine { sku: line.sku.clone(), quantity: line.quantity, location: None });
    let holds: Vec<HoldLine> = holds.collect();
    let stock_of: std::collections::HashMap<&Sku, &Stock> =
        stocks.iter().filter(|(item, _)| item.active).map(|(item, stock)| (&item.sku, *stock)).collect();
    let serving = scene.snapshot.serving(scene.channel);
    let mut plan = Plan::new(&holds, ask.destination.as_ref(), serving, |sku, location| {
        let fact = stock_of.get(sku)?.fact(location.as_str()).filter(|fact| !fact.deleted)?;
        Some(Left { available: fact.available(), backorderable: fact.backorderable() })
    });
    let allocated_by = onhand_rules::share_out(&mut plan, scene.channel, scene.at, scene.rules, false).by;
    (plan.into_shares(), allocated_by)
}

#[cfg(test)]
mod tests;
