//! Counts, adjustments, transfers and selling policy.

use serde::{Deserialize, Deserializer, Serialize};

use super::{
    Check,
    limit::{check_optional_text, check_positive, check_required_text},
};
#[cfg(feature = "openapi")]
use crate::schema;
use crate::{LocationId, Problem, Quantity, RestockAt, Sku, limits};

/// `PUT /inventory/products/{sku}/stock`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SetStock {
    /// Also accepted as `warehouseId`, where a runbook says so.
    #[serde(alias = "warehouseId")]
    pub location: LocationId,
    pub quantity: Quantity,
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::text))]
    pub reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::optional_text))]
    pub expected_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_on_hand: Option<Quantity>,
}

impl Check for SetStock {
    fn check(&self) -> Result<(), Problem> {
        check_required_text("reason", &self.reason)?;
        check_optional_text("expected_version", self.expected_version.as_ref())
    }
}

/// Why stock changed without being counted or sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AdjustmentKind {
    Received,
    Damaged,
    Found,
    Lost,
    Correction,
}

impl AdjustmentKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Damaged => "damaged",
            Self::Found => "found",
            Self::Lost => "lost",
            Self::Correction => "correction",
        }
    }
}

/// `POST /inventory/products/{sku}/adjustments`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Adjust {
    #[serde(alias = "warehouseId")]
    pub location: LocationId,
    /// Whole units, −1,000,000,000 to 1,000,000,000, not 0.
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::delta))]
    pub delta: i64,
    pub kind: AdjustmentKind,
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::text))]
    pub reason: String,
}

impl Check for Adjust {
    fn check(&self) -> Result<(), Problem> {
        let most = i64::from(limits::QUANTITY);
        if self.delta == 0 || !(-most..=most).contains(&self.delta) {
            return Err(Problem::field("delta", format!("a whole number from -{most} to {most}, not 0")));
        }
        check_required_text("reason", &self.reason)
    }
}

/// `POST /inventory/transfers`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    pub sku: Sku,
    pub from: LocationId,
    pub to: LocationId,
    /// 1 or more.
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::positive))]
    pub quantity: Quantity,
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::text))]
    pub reason: String,
}

impl Check for Transfer {
    fn check(&self) -> Result<(), Problem> {
        if self.from == self.to {
            return Err(Problem::field("to", "must differ from `from`"));
        }
        check_positive("quantity", self.quantity)?;
        check_required_text("reason", &self.reason)
    }
}

/// Absent: unchanged. `null`: cleared. A value: set.
pub type Merge<T> = Option<Option<T>>;

fn merge<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Merge<T>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// `PUT /inventory/products/{sku}/policy`: merged into one location's policy, or all of the SKU's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Policy {
    #[serde(default, alias = "warehouseId", skip_serializing_if = "Option::is_none")]
    pub location: Option<LocationId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safety_stock: Option<Quantity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backorder_limit: Option<Quantity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_stock_at: Option<Quantity>,
    #[serde(default, deserialize_with = "merge", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::optional_restock_at))]
    pub restock_at: Merge<RestockAt>,
}

impl Check for Policy {
    fn check(&self) -> Result<(), Problem> {
        Ok(())
    }
}
