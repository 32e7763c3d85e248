//! What is on its way to the feed: queued records, records sent and not yet acknowledged, and the outbox's rows that
//! they belong to.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Instant,
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesOrdered};
use onhand_wire::{Version, event::Change};
use uuid::Uuid;

use super::PART;
use crate::{
    feed::{Feed, FeedError, FeedRecord},
    metrics::FeedMetrics,
    state::News,
    store::{Pending, Sent},
};

/// Records that may be sent and not yet acknowledged; beyond that, others wait in the queue.
const ON_THEIR_WAY: usize = 2 * PART;

/// The term under which changes are published, and the feed's partitions: as the last round found them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) term: u16,
    pub(super) partitions: i32,
}

pub(super) struct Outgoing {
    feed: Arc<dyn Feed>,
    metrics: FeedMetrics,
    line: VecDeque<FeedRecord>,
    sending: FuturesOrdered<BoxFuture<'static, Result<usize, FeedError>>>,
    on_their_way: usize,
    /// Records queued, and records acknowledged, since this relay has led.
    queued: u64,
    acknowledged: u64,
    /// Rows of the outbox, each with how many records must be acknowledged until all of it is published.
    under_way: VecDeque<(u64, Uuid)>,
    /// Rows that are published and perhaps not yet deleted.
    published: Vec<Uuid>,
    /// Rows that rounds have read: if one of them is handed over later, it may be older.
    read: HashSet<Uuid>,
    /// The versions queued since the last round began, and between it and the one before: a round's state of those keys
    /// may be older, and so may be a later hand-over.
    versions: [HashMap<String, Version>; 2],
}

impl Outgoing {
    pub(super) fn new(feed: Arc<dyn Feed>, metrics: FeedMetrics) -> Self {
        Self {
            feed,
            metrics,
            line: VecDeque::new(),
            sending: FuturesOrdered::new(),
            on_their_way: 0,
            queued: 0,
            acknowledged: 0,
            under_way: VecDeque::new(),
            published: Vec::new(),
            read: HashSet::new(),
            versions: Default::default(),
        }
    }

    /// The next acknowledgement; `None` while nothing is on its way.
    pub(super) async fn next(&mut self) -> Option<Result<usize, FeedError>> {
        self.sending.next().await
    }

    /// What was sent, so that the store can delete what is published.
    pub(super) fn take_sent(&mut self, term: u16) -> Sent {
        Sent {
            term,
            published: std::mem::take(&mut self.published),
            under_way: self.under_way.iter().map(|(_, row)| *row).collect(),
        }
    }

    pub(super) fn has_published(&self) -> bool {
        !self.published.is_empty()
    }

    /// Nothing waits to be acknowledged, and nothing to be deleted.
    pub(super) fn is_settled(&self) -> bool {
        self.under_way.is_empty() && self.published.is_empty()
    }

    /// Whether so much is queued that rounds, which merge changes of one key, are better.
    pub(super) fn is_behind(&self) -> bool {
        self.line.len() >= PART
    }

    /// Records queued so far.
    pub(super) fn queued(&self) -> u64 {
        self.queued
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    pub(super) fn begin_round(&mut self) {
        self.versions.swap(0, 1);
        self.versions[0].clear();
    }

    /// The round did not skip what was sent under another term, so it is sent again.
    pub(super) fn forget_under_way(&mut self) {
        self.under_way.clear();
    }

    pub(super) fn forget(&mut self, deleted: Vec<Uuid>) {
        for row in deleted {
            self.read.remove(&row);
        }
    }

    /// A row that a round has read.
    pub(super) fn publish_row(&mut self, row: Pending, found: Found) {
        for change in row.changes {
            let key = change.key();
            if !self.has_queued(&key, &change) {
                self.queue(key, &change, found);
            }
        }
        self.read.insert(row.id);
        self.under_way.push_back((self.queued, row.id));
    }

    /// A commit that was handed over; one of another term is left to a round.
    pub(super) fn publish_news(&mut self, news: &News, found: Found) {
        let News { row, changes } = news;
        let of_term = |change: &Change| version(change).is_some_and(|version| version.term() == found.term);
        if !self.read.contains(row) && changes.iter().all(of_term) {
            changes.iter().for_each(|change| self.publish_now(change, found));
            self.under_way.push_back((self.queued, *row));
        }
    }

    /// Of two batches that commit one after the other, the later may be handed over first; the log keeps what comes
    /// last.
    fn publish_now(&mut self, change: &Change, found: Found) {
        let key = change.key();
        if self.has_queued(&key, change) {
            return;
        }
        if let Some(version) = version(change) {
            self.versions[0].insert(key.clone(), version);
        }
        self.queue(key, change, found);
    }

    /// This version or a newer one.
    fn has_queued(&self, key: &str, change: &Change) -> bool {
        let newer = |queued: &Version| version(change).is_some_and(|version| version <= *queued);
        self.versions.iter().any(|queued| queued.get(key).is_some_and(newer))
    }

    fn queue(&mut self, key: String, change: &Change, found: Found) {
        self.queued += 1;
        let partition = change.partition(found.partitions);
        self.line.push_back(FeedRecord { partition, key, value: change.encode() });
    }

    pub(super) fn send(&mut self) {
        while self.on_their_way < ON_THEIR_WAY && !self.line.is_empty() {
            let part: Vec<FeedRecord> = self.line.drain(..self.line.len().min(PART)).collect();
            let (records, started, metrics) = (part.len(), Instant::now(), self.metrics.clone());
            let sent = self.feed.publish(part);
            self.on_their_way += records;
            let acknowledged = async move {
                sent.await?;
                metrics.published(records, started.elapsed());
                Ok(records)
            };
            self.sending.push_back(acknowledged.boxed());
        }
    }

    pub(super) fn count_acknowledged(&mut self, records: usize) {
        self.on_their_way -= records;
        self.acknowledged += records as u64;
    }

    /// Notes the rows whose records are all acknowledged.
    pub(super) fn note_published(&mut self) {
        let acknowledged = self.acknowledged;
        while let Some((_, row)) = self.under_way.pop_front_if(|(until, _)| *until <= acknowledged) {
            self.published.push(row);
        }
    }
}

/// Watermarks have none.
fn version(change: &Change) -> Option<Version> {
    match change {
        Change::Item(item) => Some(item.version),
        Change::Fact(fact) => Some(fact.version),
        Change::Location(location) => Some(location.version),
        Change::Channel(channel) => Some(channel.version),
        Change::Watermark(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use onhand_wire::{Item, Sku, Timestamp, memory_log::MemoryLog};

    use super::*;
    use crate::{feed::MemoryFeed, metrics::Metrics};

    fn news(seq: u64) -> News {
        let (sku, name, changed_at) = (Sku::new("x").unwrap(), seq.to_string(), Timestamp::default());
        let version = Version::new(1, seq);
        let attributes = Default::default();
        let item =
            Item { sku, name, brand: None, attributes, price: None, active: true, version, changed_at, deleted: false };
        News { row: Uuid::now_v7(), changes: vec![Change::Item(item)] }
    }

    /// Batches in different lanes commit one after the other and hand over the other way round.
    #[test]
    fn what_is_handed_over_late_is_not_queued_behind_what_is_newer() {
        let feed = Arc::new(MemoryFeed(MemoryLog::new(1)));
        let mut outgoing = Outgoing::new(feed, Metrics::new(prometheus::Registry::new()).feed("a"));
        for (seq, rounds_between) in [(2, 0), (1, 1), (3, 0)] {
            (0..rounds_between).for_each(|_| outgoing.begin_round());
            outgoing.publish_news(&news(seq), Found { term: 1, partitions: 1 });
        }
        let seq = |record: &FeedRecord| version(&Change::decode(&record.value).unwrap()).unwrap().seq();
        let queued: Vec<u64> = outgoing.line.iter().map(seq).collect();
        assert_eq!(queued, [2, 3]);
        assert_eq!(outgoing.under_way.len(), 3, "the late one's row is published with the newer one's record");
    }
}
