//! What the origin has: one load of the audited SKUs, and of the locations that are enabled.

use std::collections::{BTreeSet, HashMap, HashSet};

use onhand_checker::Key;
use onhand_wire::{Fact, LocationId, Sku, Timestamp};

use super::{Error, Stage};
use crate::tiers;

pub(super) struct Truth {
    /// Read after the load was asked for: whatever an earlier load showed was there by then.
    pub at: Timestamp,
    /// What lookups have to show.
    pub visible: HashMap<Key, Fact>,
}

impl Truth {
    pub(super) async fn load(stage: &Stage) -> Result<Self, Error> {
        let (facts, enabled) =
            tokio::try_join!(tiers::load(&stage.origins, &stage.skus), tiers::enabled_locations(&stage.origins))?;
        let tiers::Loaded { at, live } = facts;
        Ok(Self { at, visible: visible(live, &enabled) })
    }

    /// Where a SKU has to be shown.
    pub(super) fn locations(&self, sku: &Sku) -> BTreeSet<&LocationId> {
        self.visible.keys().filter(|(of, _)| of == sku).map(|(_, location)| location).collect()
    }
}

fn visible(live: HashMap<Key, Fact>, enabled: &HashSet<LocationId>) -> HashMap<Key, Fact> {
    live.into_iter().filter(|((_, location), _)| enabled.contains(location)).collect()
}
