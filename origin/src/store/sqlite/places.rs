//! What depends on a location or a channel, over SQLite.

use async_trait::async_trait;
use onhand_wire::{ChannelId, LocationId, Sku};
use rusqlite::params;

use super::{Sqlite, now_in_tx, row};
use crate::{
    record::LocationUse,
    store::{Result, places::Places},
};

#[async_trait]
impl Places for Sqlite {
    async fn location_use(&self, location: &LocationId) -> Result<LocationUse> {
        let sql = "SELECT count(*), coalesce(sum(on_hand), 0), coalesce(sum(reserved), 0) FROM inventory_items
            WHERE location = ?1 AND NOT deleted AND (on_hand > 0 OR reserved > 0)";
        let found = |row: &rusqlite::Row<'_>| {
            Ok(LocationUse { rows: row.get(0)?, on_hand: row.get(1)?, reserved: row.get(2)? })
        };
        self.with(|connection| Ok(connection.query_one(sql, [location.as_str()], found)?))
    }

    async fn holds_for(&self, channel: &ChannelId) -> Result<i64> {
        let sql = "SELECT count(*) FROM reservations
            WHERE state = 'held' AND json_extract(body, '$.channel') = ?1 AND expires_at > ?2";
        self.with(|connection| {
            let now = now_in_tx(connection)?;
            Ok(connection.query_one(sql, params![channel.as_str(), now.micros()], |row| row.get(0))?)
        })
    }

    /// One connection: no batch is under way while this runs.
    async fn pass_batches(&self) -> Result<()> {
        self.with(|_| Ok(()))
    }

    async fn misspelt(&self) -> Result<Vec<Sku>> {
        let sql = "SELECT sku FROM products WHERE NOT deleted AND sku GLOB '*[^ -~]*' ORDER BY sku";
        let skus = self.with(|connection| row::all(connection, sql, [], |found| row::sku(found, 0)))?;
        Ok(skus.into_iter().filter(|sku| sku.check_spelling().is_err()).collect())
    }
}
