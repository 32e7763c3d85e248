//! A pricing rule: quantity breaks, segment discounts, a floor price.
//!
//! | setting | default | meaning |
//! |---|---|---|
//! | `breaks` | none | percent off each unit by the line's quantity: `10:5,50:12` is 5 % from 10 units, 12 % from 50 |
//! | `segments` | none | percent off each unit by the customer's segment: `trade:10,staff:25` |
//! | `floor` | 0 | what a unit costs at least, in percent of its list price |
//!
//! Both discounts are taken off the list price, each rounded down to whole minor units, so that what is
//! taken off is never more than what was promised. Where they come to less than the floor, an adjustment
//! of its own brings the unit back up to it. An item's attribute `floor_price`, in minor units, goes before
//! the setting; no floor is above the list price.
//!
//! A line without a list price in the quote's currency is refused: the rule knows no exchange rates.
#![deny(unsafe_code)]

mod tiers;

use onhand_rule::{
    Config, Error, Pricing,
    pricing::{Adjustment, AskedLine, LinePrice, Request, Target},
};

/// The rule.
pub struct TieredPricing;

struct Settings {
    breaks: Vec<(u32, u32)>,
    segments: Vec<(String, u32)>,
    floor: u32,
}

impl Pricing for TieredPricing {
    fn price(config: &Config, request: Request, lines: Vec<AskedLine>) -> Result<Vec<LinePrice>, Error> {
        let settings = Settings {
            breaks: tiers::read(config, "breaks")?,
            segments: tiers::read(config, "segments")?,
            floor: tiers::percent("floor", config.get("floor", 0)?)?,
        };
        let segment = request.customer.and_then(|customer| customer.segment);
        let price = |line| settings.price(line, &request.currency, segment.as_deref());
        lines.into_iter().map(price).collect()
    }
}

impl Settings {
    fn price(&self, line: AskedLine, currency: &str, segment: Option<&str>) -> Result<LinePrice, Error> {
        let AskedLine { line, sku, attributes, quantity, list_price, .. } = line;
        let unit_price = list_price
            .filter(|price| price.currency == currency)
            .ok_or_else(|| Error::Refused(format!("{sku} has no price in {currency}")))?;
        let list = unit_price.amount;
        let mut adjustments = Vec::new();
        if let Some((from, off)) = self.breaks.iter().filter(|(from, _)| *from <= quantity).max() {
            adjustments.push(each(format!("{from} or more: {off} % off"), -share(list, *off)));
        }
        if let Some((name, off)) = self.segments.iter().find(|(name, _)| Some(name.as_str()) == segment) {
            adjustments.push(each(format!("{name}: {off} % off"), -share(list, *off)));
        }
        let named = attributes.iter().find(|attribute| attribute.name == "floor_price");
        let floor = match named {
            Some(floor) => floor.value.trim().parse().map_err(|_| {
                Error::Refused(format!("{sku}: floor_price = {:?} is no number of minor units", floor.value))
            })?,
            None => share(list, self.floor),
        };
        let unit = list + adjustments.iter().map(|adjustment| adjustment.amount).sum::<i64>();
        let floor = floor.clamp(0, list);
        if unit < floor {
            adjustments.push(each("Floor price".to_owned(), floor - unit));
        }
        adjustments.retain(|adjustment| adjustment.amount != 0);
        Ok(LinePrice { line, unit_price, adjustments })
    }
}

fn each(label: String, amount: i64) -> Adjustment {
    Adjustment { label, target: Target::Unit, amount }
}

/// Rounded down; list prices are far from where this could overflow.
fn share(amount: i64, percent: u32) -> i64 {
    amount * i64::from(percent) / 100
}

onhand_rule::register!(pricing: TieredPricing);

#[cfg(test)]
mod tests;
