//! Lookups of many SKUs at once, and quotes.

use serde::{Deserialize, Deserializer, Serialize};

use super::{
    Check, Destination,
    limit::{check_count, check_optional_text, check_positive, check_required_text},
};
use crate::{ChannelId, LocationId, Problem, Quantity, Sku, limits, quantity::currency_code};

/// `POST /v1/availability/query`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AvailabilityQuery {
    pub skus: Vec<Sku>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locations: Option<Vec<LocationId>>,
}

impl Check for AvailabilityQuery {
    fn check(&self) -> Result<(), Problem> {
        check_count("skus", self.skus.len(), limits::QUERY_SKUS)?;
        let locations = self.locations.as_ref().map_or(1, Vec::len);
        check_count("locations", locations, limits::LOCATIONS)
    }
}

/// The customer who asks; pricing rules may use it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Customer {
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuoteLine {
    pub sku: Sku,
    /// 1 or more.
    pub quantity: Quantity,
}

/// `POST /v1/quotes`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskQuote {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelId>,
    /// Three capital letters: prices in another currency are ignored.
    #[serde(default, deserialize_with = "optional_currency", skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Customer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<Destination>,
    pub lines: Vec<QuoteLine>,
}

fn optional_currency<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::<String>::deserialize(deserializer)?.map(currency_code).transpose()
}

impl Check for AskQuote {
    fn check(&self) -> Result<(), Problem> {
        check_count("lines", self.lines.len(), limits::QUOTE_LINES)?;
        for (index, line) in self.lines.iter().enumerate() {
            check_positive(&format!("lines[{index}].quantity"), line.quantity)?;
        }
        if let Some(customer) = &self.customer {
            check_required_text("customer.id", &customer.id)?;
            check_optional_text("customer.segment", customer.segment.as_ref())?;
        }
        self.destination.as_ref().map_or(Ok(()), Destination::check)
    }
}
