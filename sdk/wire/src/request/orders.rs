//! Ordering: what a reservation takes, and what only a queued order has.

use serde::{Deserialize, Serialize};

use super::{Check, Destination, Hold, HoldLine, HoldPolicy, limit::check_optional_text};
#[cfg(feature = "openapi")]
use crate::schema;
use crate::{ChannelId, Problem, limits, order::Lane};

/// `POST /v1/orders`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PlaceOrder {
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::hold_lines))]
    pub lines: Vec<HoldLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<Destination>,
    /// As with a reservation; an order's own hold has no deadline, since it is confirmed or given up.
    #[serde(default = "ttl_default")]
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::ttl_s_default))]
    pub ttl_s: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::optional_text))]
    pub order_ref: Option<String>,
    #[serde(default)]
    pub policy: HoldPolicy,
    /// Which lane it waits in.
    #[serde(default)]
    pub priority: Lane,
    /// What the payment hook is told; Onhand does not look into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::optional_text))]
    pub payment_ref: Option<String>,
    /// Seconds from acceptance, 1 to 2,678,400: undecided by then, it is rejected and never charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decide_within_s: Option<u32>,
}

fn ttl_default() -> u32 {
    limits::TTL_DEFAULT_S
}

impl PlaceOrder {
    /// The reservation that it asks for.
    pub fn hold(&self) -> Hold {
        Hold {
            lines: self.lines.clone(),
            channel: self.channel.clone(),
            destination: self.destination.clone(),
            ttl_s: self.ttl_s,
            order_ref: self.order_ref.clone(),
            policy: self.policy,
        }
    }

    /// The SKU that its place in the line depends on.
    pub fn first_sku(&self) -> &str {
        self.lines.first().map_or("", |line| line.sku.as_str())
    }
}

impl Check for PlaceOrder {
    fn check(&self) -> Result<(), Problem> {
        self.hold().check()?;
        check_optional_text("payment_ref", self.payment_ref.as_ref())?;
        if self.decide_within_s.is_some_and(|within| !(1..=limits::TTL_S).contains(&within)) {
            return Err(Problem::field("decide_within_s", format!("seconds from 1 to {}", limits::TTL_S)));
        }
        Ok(())
    }
}
