//! Every row of the tables: for a feed that has just entered, or has come back, before its first watermark; and after
//! the term was raised.

use onhand_wire::event::Change;
use uuid::Uuid;

use super::{FIRST_LEASE, Relay, RoundError};
use crate::{feed::FeedRecord, store::Page};

/// Whether this relay still leads at the end. What is committed meanwhile waits in the feed's backlog.
pub(super) async fn fill(relay: &Relay, holder: Uuid) -> Result<bool, RoundError> {
    tracing::info!(feed = relay.name, "the feed is filled with every row");
    let (mut pages, mut records) = (Pages::of(relay).await?, 0);
    while let Some(published) = pages.publish_next().await? {
        records += published;
        if !relay.backlog.renew_lease(holder, FIRST_LEASE, true).await? {
            return Ok(false);
        }
    }
    tracing::info!(feed = relay.name, records, "the feed is filled");
    Ok(relay.backlog.filled(holder).await?)
}

/// Under the new term, beside what goes on: edges may have seen changes of commits that were lost, and would keep them
/// until the SKU's next change. Whether this relay still leads at the end.
pub(super) async fn publish_again(relay: Relay, holder: Uuid) -> Result<bool, RoundError> {
    tracing::info!(feed = relay.name, "every row is published again under the new term");
    let (mut pages, mut records) = (Pages::of(&relay).await?, 0);
    while let Some(published) = pages.publish_next().await? {
        records += published;
    }
    tracing::info!(feed = relay.name, records, "every row was published under the new term");
    Ok(relay.backlog.published_again(holder).await?)
}

struct Pages<'a> {
    relay: &'a Relay,
    partitions: i32,
    last: Option<Page>,
}

impl<'a> Pages<'a> {
    async fn of(relay: &'a Relay) -> Result<Self, RoundError> {
        Ok(Self { relay, partitions: relay.feed.partitions().await?, last: None })
    }

    /// How many records there were on the page; `None` after the last one.
    async fn publish_next(&mut self) -> Result<Option<usize>, RoundError> {
        let after = self.last.as_ref().map(|page| page.next.clone());
        if after == Some(None) {
            return Ok(None);
        }
        let page = self.relay.backlog.page(after.flatten().as_ref()).await?;
        let records: Vec<_> = page.changes.iter().map(|change| record(change, self.partitions)).collect();
        let published = records.len();
        self.relay.feed.publish(records).await?;
        self.relay.metrics.filled(published);
        self.last = Some(Page { changes: Vec::new(), next: page.next });
        Ok(Some(published))
    }
}

fn record(change: &Change, partitions: i32) -> FeedRecord {
    FeedRecord { partition: change.partition(partitions), key: change.key(), value: change.encode() }
}
