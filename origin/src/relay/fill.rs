//! A feed that has just entered, or has come back, gets every row of the tables before its first watermark.

use onhand_wire::event::Change;
use uuid::Uuid;

use super::{FIRST_LEASE, Relay, RoundError};
use crate::feed::FeedRecord;

/// Whether this relay still leads at the end. What is committed meanwhile waits in the feed's backlog.
pub(super) async fn fill(relay: &Relay, holder: Uuid) -> Result<bool, RoundError> {
    tracing::info!(feed = relay.name, "the feed is filled with every row");
    let partitions = relay.feed.partitions().await?;
    let (mut after, mut records) = (None, 0);
    loop {
        let page = relay.backlog.page(after.as_ref()).await?;
        records += page.changes.len();
        relay.feed.publish(page.changes.iter().map(|change| record(change, partitions)).collect()).await?;
        relay.metrics.filled(page.changes.len());
        if !relay.backlog.renew_lease(holder, FIRST_LEASE, true).await? {
            return Ok(false);
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    tracing::info!(feed = relay.name, records, "the feed is filled");
    Ok(relay.backlog.filled(holder).await?)
}

fn record(change: &Change, partitions: i32) -> FeedRecord {
    FeedRecord { partition: change.partition(partitions), key: change.key(), value: change.encode() }
}
