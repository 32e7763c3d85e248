//! What a line costs: the only place where prices come from.
//!
//! The channel's pricing rule decides, if one is loaded and the quote's currency is known; else the catalogue. If the
//! rule fails, the catalogue's prices are used, or none if the merchant wants that.

use onhand_rules::{Customer, LinePrice, Prices, PricingInput, PricingLine};
use onhand_wire::{
    Item, Money,
    quote::{Adjustment, NoPrice},
    request::AskQuote,
};

use super::Scene;

/// The price of one unit, and the line's adjustments.
pub(super) struct Priced {
    pub(super) unit: Option<Money>,
    /// Why there is no price.
    pub(super) no_price: Option<NoPrice>,
    pub(super) adjustments: Vec<Adjustment>,
}

/// The prices of the lines, in order. `items`: each line's item.
pub(super) fn price(ask: &AskQuote, items: &[&Item], scene: &Scene<'_>) -> Vec<Priced> {
    let by_catalogue = || items.iter().map(|item| catalogue(item, ask.currency.as_deref())).collect();
    let no_price = || items.iter().map(|_| none(NoPrice::RuleFailed)).collect();
    let Some(currency) = currency(ask, items) else {
        return if scene.rules.must_price(ask.channel.as_ref()) { no_price() } else { by_catalogue() };
    };
    match scene.rules.price(&input(ask, items, scene, currency)) {
        None => by_catalogue(),
        Some(Ok(prices)) => by_rule(prices),
        Some(Err(fault)) if fault.refuse => no_price(),
        Some(Err(_)) => by_catalogue(),
    }
}

/// The currency that was asked for, else the one of all the catalogue's prices.
fn currency<'a>(ask: &'a AskQuote, items: &'a [&Item]) -> Option<&'a str> {
    let mut known = items.iter().filter_map(|item| item.price.as_ref()).map(|price| price.currency.as_str());
    ask.currency.as_deref().or_else(|| known.next().filter(|first| known.all(|other| other == *first)))
}

fn input(ask: &AskQuote, items: &[&Item], scene: &Scene<'_>, currency: &str) -> PricingInput {
    let lines = ask.lines.iter().zip(items).zip(0..).map(|((line, item), number)| PricingLine {
        line: number,
        sku: line.sku.clone(),
        name: Some(item.name.clone()),
        brand: item.brand.clone(),
        attributes: item.attributes.clone().into_iter().collect(),
        quantity: line.quantity.get(),
        list_price: item.price.clone(),
    });
    let customer = ask.customer.as_ref();
    PricingInput {
        at: scene.at,
        channel: ask.channel.clone(),
        currency: currency.to_owned(),
        customer: customer.map(|who| Customer { id: who.id.clone(), segment: who.segment.clone() }),
        destination: ask.destination.clone(),
        lines: lines.collect(),
    }
}

fn by_rule(prices: Prices) -> Vec<Priced> {
    let rule = prices.rule;
    let line = |line: LinePrice| {
        let adjustments = line.adjustments.into_iter();
        let adjustments = adjustments.map(|by| Adjustment { rule: rule.clone(), label: by.label, amount: by.amount });
        Priced { unit: Some(line.unit_price), no_price: None, adjustments: adjustments.collect() }
    };
    prices.lines.into_iter().map(line).collect()
}

/// The item's own price, if it is in the currency that was asked for.
fn catalogue(item: &Item, currency: Option<&str>) -> Priced {
    match &item.price {
        None => none(NoPrice::NotSet),
        Some(price) if currency.is_some_and(|asked| asked != price.currency) => none(NoPrice::OtherCurrency),
        Some(price) => Priced { unit: Some(price.clone()), no_price: None, adjustments: Vec::new() },
    }
}

fn none(why: NoPrice) -> Priced {
    Priced { unit: None, no_price: Some(why), adjustments: Vec::new() }
}
