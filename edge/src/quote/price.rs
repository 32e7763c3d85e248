//! What a line costs: the one place where prices come from.

use onhand_wire::{
    Item, Money,
    quote::{Adjustment, NoPrice},
    request::AskQuote,
};

/// A line's price of one unit, and what is added to the line or taken off.
pub(super) struct Priced {
    pub(super) unit: Option<Money>,
    /// Why there is none.
    pub(super) no_price: Option<NoPrice>,
    pub(super) adjustments: Vec<Adjustment>,
}

/// Of each line, in order. `items`: of each line's SKU.
pub(super) fn price(ask: &AskQuote, items: &[&Item]) -> Vec<Priced> {
    items.iter().map(|item| catalogue(item, ask.currency.as_deref())).collect()
}

/// The item's own price, if it is in the currency that was asked for.
fn catalogue(item: &Item, currency: Option<&str>) -> Priced {
    let (unit, no_price) = match &item.price {
        None => (None, Some(NoPrice::NotSet)),
        Some(price) if currency.is_some_and(|asked| asked != price.currency) => (None, Some(NoPrice::OtherCurrency)),
        Some(price) => (Some(price.clone()), None),
    };
    Priced { unit, no_price, adjustments: Vec::new() }
}
