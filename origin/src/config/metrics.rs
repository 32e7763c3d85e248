//! `[metrics]`: what is watched by name.

use onhand_wire::Sku;
use serde::{Deserialize, Serialize};

/// Each is a series of its own.
const MOST: usize = 100;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// SKUs whose available units are shown as `processor_inventory_level`, and alerted on; 100 at most.
    pub watched_skus: Vec<String>,
}

impl MetricsConfig {
    pub(super) fn faults(&self) -> Vec<String> {
        let many = self.watched_skus.len() > MOST;
        let many = many.then(|| format!("metrics.watched_skus: at most {MOST}, each is a series of its own"));
        let none = |sku: &String| Sku::new(sku).is_err().then(|| format!("metrics.watched_skus: {sku:?} is no SKU"));
        many.into_iter().chain(self.watched_skus.iter().filter_map(none)).collect()
    }

    pub(crate) fn skus(&self) -> Vec<Sku> {
        self.watched_skus.iter().filter_map(|sku| Sku::new(sku).ok()).collect()
    }
}
