//! What other rows say about stock rows, for reconciliation.

use std::collections::{BTreeSet, HashMap};

use onhand_wire::{LocationId, Sku};
use tokio_postgres::{Client, Row};

use super::row;
use crate::{
    state::Book,
    store::{Result, StoreError, sql},
};

/// Under the SKUs' locks, in the batch's transaction.
pub(super) async fn books(client: &Client, skus: &BTreeSet<Sku>) -> Result<HashMap<(Sku, LocationId), Book>> {
    let skus: Vec<&str> = skus.iter().map(Sku::as_str).collect();
    let mut books = HashMap::<_, Book>::new();
    let key = |found: &Row| Ok::<_, StoreError>((row::sku(found.get(0))?, row::location_id(found.get(1))?));
    for found in client.query(&sql::open_sums("= ANY($1)"), &[&skus]).await? {
        books.entry(key(&found)?).or_default().open = found.get(2);
    }
    for found in client.query(&sql::ledger_sums("WHERE sku = ANY($1)"), &[&skus]).await? {
        let book = books.entry(key(&found)?).or_default();
        book.sum = (found.get(2), found.get(3));
        book.last = (found.get(4), found.get(5));
        book.seq = found.get::<_, i64>(6) as u64;
    }
    Ok(books)
}
