//! What depends on a location or a channel, over PostgreSQL.

use async_trait::async_trait;
use onhand_wire::{ChannelId, LocationId, Sku};

use super::{Postgres, row, session::Purpose};
use crate::{
    record::LocationUse,
    store::{Result, places::Places},
};

const USE: &str = "SELECT count(*), coalesce(sum(on_hand), 0)::bigint, coalesce(sum(reserved), 0)::bigint
    FROM inventory_items WHERE location = $1 AND NOT deleted AND (on_hand > 0 OR reserved > 0)";

const HOLDS: &str = "SELECT count(*) FROM reservations WHERE state = 'held' AND body->>'channel' = $1
    AND expires_at > (SELECT greatest(clock_timestamp(), t) FROM relay)";

/// A batch locks its items before it reads which locations there are, and keeps the lock to its end: whoever gets this
/// one has waited for every batch that was under way.
const PASS: &str = "BEGIN; SET LOCAL lock_timeout = '5s'; LOCK TABLE products IN EXCLUSIVE MODE; COMMIT";

/// All but the few names that are not ASCII are right.
const ODD: &str = "SELECT sku FROM products WHERE NOT deleted AND sku ~ '[^ -~]' ORDER BY sku";

#[async_trait]
impl Places for Postgres {
    async fn location_use(&self, location: &LocationId) -> Result<LocationUse> {
        // It reads all stock rows: however many they are, nobody waits for it.
        let session = self.connect(Purpose::Migration).await?;
        let found = session.client.query_one(USE, &[&location.as_str()]).await?;
        Ok(LocationUse { rows: found.get(0), on_hand: found.get(1), reserved: found.get(2) })
    }

    async fn holds_for(&self, channel: &ChannelId) -> Result<i64> {
        Ok(self.reader().await?.query_one(HOLDS, &[&channel.as_str()]).await?.get(0))
    }

    async fn pass_batches(&self) -> Result<()> {
        Ok(self.connect(Purpose::Migration).await?.client.batch_execute(PASS).await?)
    }

    async fn misspelt(&self) -> Result<Vec<Sku>> {
        let session = self.connect(Purpose::Migration).await?;
        let found = session.client.query(ODD, &[]).await?;
        let skus = found.iter().map(|found| row::sku(found.get(0))).collect::<Result<Vec<_>>>()?;
        Ok(skus.into_iter().filter(|sku| sku.check_spelling().is_err()).collect())
    }
}
