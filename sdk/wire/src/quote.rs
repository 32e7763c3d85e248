//! What a quote answers: what it costs, and where it would come from. It holds nothing.

use serde::{Deserialize, Serialize};

use crate::{Money, Sku, reservation::Allocation};

/// What a rule adds to a line's price, or takes off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjustment {
    /// The rule's name.
    pub rule: String,
    /// For the shopper.
    pub label: String,
    /// Minor units of the line's currency, over the whole line; below 0 it takes off.
    pub amount: i64,
}

/// Why a line has no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoPrice {
    /// The item has none.
    NotSet,
    /// It has one, but in another currency than was asked for.
    OtherCurrency,
    /// The pricing rule failed, and the merchant wants no price then rather than the catalogue's.
    RuleFailed,
}

/// Why there is no total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoTotal {
    /// A line has no price.
    UnpricedLines,
    SeveralCurrencies,
}

/// Why a line cannot be had at all, whatever the stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unavailable {
    /// The merchant has taken the item out of sale.
    Inactive,
}

/// Money like [`Money`], but up to [`limits::TOTAL`](crate::limits::TOTAL).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// Minor units, 0 or more.
    pub amount: i64,
    pub currency: String,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotedLine {
    pub line: u32,
    pub sku: Sku,
    pub quantity: i64,
    /// Of one unit, before adjustments.
    pub unit_price: Option<Money>,
    /// Of the whole line, with its adjustments.
    pub total: Option<Total>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_price: Option<NoPrice>,
    pub adjustments: Vec<Adjustment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<Unavailable>,
    /// Where it would come from, if it were held now; short of `quantity` where there is not enough.
    pub allocation: Vec<Allocation>,
}

/// The answer to `POST /v1/quotes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    pub lines: Vec<QuotedLine>,
    /// Null rather than a sum that leaves a line out.
    pub total: Option<Total>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_total: Option<NoTotal>,
    /// Whether every line could be held in full now, backorder included.
    pub shippable: bool,
    /// The strategy or rule that decided the allocations.
    pub allocated_by: String,
}
