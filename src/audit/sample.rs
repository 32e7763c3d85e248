//! Which SKUs are audited.

use onhand_client::{Client, Search};
use onhand_wire::{Sku, limits::QUERY_SKUS};
use rand::seq::IndexedRandom;

use super::Error;

const CATALOGUE: usize = 10_000;

/// Those that were named, or some by chance.
pub(super) async fn pick(origins: &Client, named: &[Sku], count: usize) -> Result<Vec<Sku>, Error> {
    let mut skus = named.to_vec();
    if named.is_empty() {
        let catalogue = origins.products(&Search::default()).items(CATALOGUE).await?;
        skus = catalogue.choose_multiple(&mut rand::rng(), count).map(|item| item.sku.clone()).collect();
    }
    skus.sort();
    skus.dedup();
    skus.truncate(QUERY_SKUS);
    if skus.is_empty() { Err(Error::NothingToAudit) } else { Ok(skus) }
}
