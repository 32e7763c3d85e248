//! Loads SKUs before lookups ask for them.

use onhand_wire::Sku;
use serde::Serialize;

use super::{Cache, LoadError, Need};
use crate::tier::Tier;

/// SKUs that are loaded and filled in one step: as many as one load may ask for.
pub(crate) const STEP: usize = onhand_wire::bulk::LOAD_SKUS;

/// Its progress.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Warmed {
    pub(crate) asked: usize,
    /// SKUs that are finished, whatever the result.
    pub(crate) done: usize,
    /// Where they came from: already in L1, or loaded into it.
    pub(crate) l1: usize,
    pub(crate) l2: usize,
    pub(crate) origin: usize,
    pub(crate) unknown: usize,
    /// Could not be loaded.
    pub(crate) failed: usize,
    /// Hashes written to L2. If there are fewer than known SKUs, Redis failed, or its writer is further than this node.
    pub(crate) l2_filled: usize,
}

impl Cache {
    /// One step of up to [`STEP`] SKUs: loads them into L1, then fills the known ones into L2.
    ///
    /// # Errors
    /// Why none of them could be loaded.
    pub(crate) async fn warm(&self, skus: &[Sku], warmed: &mut Warmed) -> Result<(), LoadError> {
        let found = self.find_all(skus, &Need::default(), None).await;
        let mut failed = None;
        for found in found {
            warmed.done += 1;
            match found {
                Ok(loaded) if !loaded.entry.stock.known() => warmed.unknown += 1,
                Ok(loaded) => match loaded.tier {
                    Tier::L1 => warmed.l1 += 1,
                    Tier::L2 => warmed.l2 += 1,
                    Tier::Origin => warmed.origin += 1,
                },
                Err(error) => {
                    warmed.failed += 1;
                    failed = Some(error);
                }
            }
        }
        if let Some(l2) = &self.l2 {
            warmed.l2_filled += l2.fill_now(skus, &self.l1).await;
        }
        failed.map_or(Ok(()), Err)
    }
}
