//! The answer to a quote: what it costs, and where it would come from. A quote holds no stock.

use serde::{Deserialize, Serialize};

use crate::{Money, Sku, reservation::Allocation};

/// What a rule adds to a line's price, or subtracts from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjustment {
    /// The rule's name.
    pub rule: String,
    /// For the shopper.
    pub label: String,
    /// In minor units of the line's currency, for the whole line; a discount is below 0.
    pub amount: i64,
}

/// Why a line has no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoPrice {
    /// The item has no price.
    NotSet,
    /// The item has a price, but in another currency than the one asked for.
    OtherCurrency,
    /// The pricing rule failed, and the merchant prefers no price to the catalogue's.
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
    /// The price of one unit, before adjustments.
    pub unit_price: Option<Money>,
    /// The price of the whole line, with its adjustments.
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
    /// Null if the sum would leave a line out.
    pub total: Option<Total>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_total: Option<NoTotal>,
    /// Whether every line could be held in full now, backorder included.
    pub shippable: bool,
    /// The strategy or rule that decided the allocations.
    pub allocated_by: String,
}
