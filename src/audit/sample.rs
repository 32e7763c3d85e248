//! Which SKUs are audited.

use onhand_wire::{Sku, limits::QUERY_SKUS};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rand::seq::IndexedRandom;
use serde::Deserialize;

use crate::fleet::{Ask, Error, Fleet};

const CATALOGUE: usize = 10_000;

#[derive(Deserialize)]
struct Page {
    items: Vec<Product>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Product {
    sku: Sku,
}

/// Those that were named, or some by chance.
pub(super) async fn pick(origins: &Fleet, named: &[Sku], count: usize) -> Result<Vec<Sku>, Error> {
    let mut skus = named.to_vec();
    if named.is_empty() {
        skus = catalogue(origins).await?.choose_multiple(&mut rand::rng(), count).cloned().collect();
    }
    skus.sort();
    skus.dedup();
    skus.truncate(QUERY_SKUS);
    if skus.is_empty() { Err(Error::NothingToAudit) } else { Ok(skus) }
}

async fn catalogue(origins: &Fleet) -> Result<Vec<Sku>, Error> {
    let (mut skus, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let after = cursor
            .map_or_else(String::new, |cursor| format!("&cursor={}", utf8_percent_encode(&cursor, NON_ALPHANUMERIC)));
        let ask = Ask::get(format!("/inventory/products?limit=500{after}"));
        let page: Page = origins.ask(0, &ask).await?.success()?.json()?;
        skus.extend(page.items.into_iter().map(|product| product.sku));
        cursor = page.next_cursor;
        if cursor.is_none() || skus.len() >= CATALOGUE {
            return Ok(skus);
        }
    }
}
