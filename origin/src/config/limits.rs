//! `[origin.limits]`: how often one caller may call.

use onhand_http::{rate::RateConfig, setting::count_fault};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallLimits {
    /// For `POST /v1/orders`, for each token's subject; each origin counts by itself. Also set by
    /// `RATE_LIMIT_MAX_REQUESTS` and `RATE_LIMIT_WINDOW`. Beyond it: 429 rate_limited.
    pub orders: RateConfig,
    /// How many callers are remembered; beyond that, those not seen for longest are forgotten.
    pub callers: u64,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self { orders: RateConfig::of_orders(), callers: 100_000 }
    }
}

impl CallLimits {
    pub(super) fn faults(&self) -> Vec<String> {
        let rate = self.orders.fault("origin.limits.orders");
        rate.into_iter().chain(count_fault("origin.limits.callers", self.callers == 0)).collect()
    }
}
