//! What a pricing rule is asked, what it answers, and whether the answer is allowed.

use std::collections::BTreeMap;

use onhand_wire::{ChannelId, Money, Sku, Timestamp, limits, request::Destination};
use serde::{Deserialize, Serialize};

use crate::world::{fault::Failure, limits::LABEL_CHARS};

/// Most adjustments on one line.
const ADJUSTMENTS: usize = 16;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PricingInput {
    /// By the clock of the node that asks.
    pub at: Timestamp,
    #[serde(default)]
    pub channel: Option<ChannelId>,
    /// The currency of every price in the answer: three capital letters.
    pub currency: String,
    #[serde(default)]
    pub customer: Option<Customer>,
    #[serde(default)]
    pub destination: Option<Destination>,
    pub lines: Vec<PricingLine>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Customer {
    pub id: String,
    #[serde(default)]
    pub segment: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PricingLine {
    /// Each once.
    pub line: u32,
    pub sku: Sku,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub brand: Option<String>,
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// 1 or more.
    pub quantity: i64,
    /// The catalogue's price of one unit, which may be in another currency than the quote's.
    #[serde(default)]
    pub list_price: Option<Money>,
}

/// A checked answer, and the rule that gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prices {
    pub rule: String,
    /// One for each line of the input, in the same order.
    pub lines: Vec<LinePrice>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinePrice {
    pub line: u32,
    /// Before the adjustments.
    pub unit_price: Money,
    pub adjustments: Vec<Adjustment>,
    /// Unit price times quantity, plus all adjustments.
    pub total: Money,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adjustment {
    /// 1 to 64 characters, none a control character.
    pub label: String,
    /// For the whole line, in minor units of the quote's currency; a discount is below 0.
    pub amount: i64,
}

impl PricingInput {
    /// Bytes of names and texts, plus the records around them in the guest's memory.
    pub(crate) fn bytes(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let line = |line: &PricingLine| {
            let attributes: usize = line.attributes.iter().map(|(name, value)| 16 + name.len() + value.len()).sum();
            96 + line.sku.as_str().len() + text(&line.name) + text(&line.brand) + attributes
        };
        let customer = self.customer.as_ref().map_or(0, |who| who.id.len() + text(&who.segment));
        let destination = self.destination.as_ref().map_or(0, |to| to.country.len() + text(&to.postcode));
        self.lines.iter().map(line).sum::<usize>() + customer + destination + 192
    }

    /// In the order of the lines in the question.
    pub(crate) fn check(&self, answer: Vec<AnsweredLine>) -> Result<Vec<LinePrice>, Failure> {
        let mut by_line: BTreeMap<u32, AnsweredLine> = BTreeMap::new();
        for price in answer {
            if !self.lines.iter().any(|asked| asked.line == price.line) {
                return Err(Failure::wrong(format!("line {} was not asked", price.line)));
            }
            if let Some(twice) = by_line.insert(price.line, price) {
                return Err(Failure::wrong(format!("line {} is priced twice", twice.line)));
            }
        }
        let checked = |asked: &PricingLine| match by_line.remove(&asked.line) {
            Some(price) => price.check(asked, &self.currency),
            None => Err(Failure::wrong(format!("line {} has no price", asked.line))),
        };
        self.lines.iter().map(checked).collect()
    }
}

/// One line's price, before it is checked.
pub(crate) struct AnsweredLine {
    pub(crate) line: u32,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) adjustments: Vec<AnsweredAdjustment>,
}

pub(crate) struct AnsweredAdjustment {
    pub(crate) label: String,
    /// Whether `amount` is for each unit, or for the whole line.
    pub(crate) each: bool,
    pub(crate) amount: i64,
}

impl AnsweredLine {
    fn check(self, asked: &PricingLine, currency: &str) -> Result<LinePrice, Failure> {
        let line = asked.line;
        let wrong = |what: String| Failure::wrong(format!("{what} for line {line}"));
        if self.currency != currency {
            return Err(wrong(format!("{:.8} instead of {currency}", self.currency)));
        }
        if !(0..=limits::AMOUNT).contains(&self.amount) {
            return Err(wrong(format!("a unit price of {}", self.amount)));
        }
        if self.adjustments.len() > ADJUSTMENTS {
            return Err(wrong(format!("{} adjustments, of {ADJUSTMENTS}", self.adjustments.len())));
        }
        let quantity = i128::from(asked.quantity);
        let mut total = i128::from(self.amount) * quantity;
        let mut adjustments = Vec::with_capacity(self.adjustments.len());
        for AnsweredAdjustment { label, each, amount } in self.adjustments {
            check_label(&label).map_err(wrong)?;
            if !(-limits::AMOUNT..=limits::AMOUNT).contains(&amount) {
                return Err(wrong(format!("an adjustment of {amount}")));
            }
            let whole = i128::from(amount) * if each { quantity } else { 1 };
            total += whole;
            let amount = i64::try_from(whole).map_err(|_| wrong(format!("an adjustment of {whole}")))?;
            adjustments.push(Adjustment { label, amount });
        }
        if !(0..=i128::from(limits::TOTAL)).contains(&total) {
            return Err(wrong(format!("a total of {total}")));
        }
        let money = |amount| Money { amount, currency: currency.to_owned() };
        let total = money(i64::try_from(total).unwrap_or(i64::MAX));
        Ok(LinePrice { line, unit_price: money(self.amount), adjustments, total })
    }
}

fn check_label(label: &str) -> Result<(), String> {
    if label.chars().any(char::is_control) {
        return Err("a control character in a label".to_owned());
    }
    if !(1..=LABEL_CHARS).contains(&label.chars().count()) {
        return Err(format!("a label without 1 to {LABEL_CHARS} characters"));
    }
    Ok(())
}
