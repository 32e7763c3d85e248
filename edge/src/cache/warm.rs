//! Loading what will be asked for before it is asked for.

use onhand_wire::Sku;
use serde::Serialize;

use super::{Cache, LoadError, Need};
use crate::tier::Tier;

/// SKUs loaded and filled in one step: as many as one load may ask for.
pub(crate) const STEP: usize = onhand_wire::bulk::LOAD_SKUS;

/// How far it has come.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Warmed {
    pub(crate) asked: usize,
    /// Done with, whatever came of it.
    pub(crate) done: usize,
    /// Where they came from: in L1 already, or loaded into it.
    pub(crate) l1: usize,
    pub(crate) l2: usize,
    pub(crate) origin: usize,
    pub(crate) unknown: usize,
    /// Could not be loaded.
    pub(crate) failed: usize,
    /// Hashes written to L2. Fewer than the known ones: Redis failed, or its writer is further than this node.
    pub(crate) l2_filled: usize,
}

impl Cache {
    /// One step of up to [`STEP`]: into L1, then all that is known of them into L2.
    ///
    /// # Errors
    /// Why nothing of it could be loaded.
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
