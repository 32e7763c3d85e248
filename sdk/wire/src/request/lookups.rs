//! Lookups of many SKUs at once.

use serde::Deserialize;

use super::{Check, limit::check_count};
use crate::{ChannelId, LocationId, Problem, Sku, limits};

/// `POST /v1/availability/query`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AvailabilityQuery {
    pub skus: Vec<Sku>,
    #[serde(default)]
    pub channel: Option<ChannelId>,
    #[serde(default)]
    pub locations: Option<Vec<LocationId>>,
}

impl Check for AvailabilityQuery {
    fn check(&self) -> Result<(), Problem> {
        check_count("skus", self.skus.len(), limits::QUERY_SKUS)?;
        let locations = self.locations.as_ref().map_or(1, Vec::len);
        check_count("locations", locations, limits::LOCATIONS)
    }
}
