//! A relay that leads, until its lease is gone or something fails.
//!
//! Records leave in the order in which they were queued, many at a time on their way; rounds, their
//! heartbeats and watermarks run beside them. So a change waits for nothing but the feed itself.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::{Duration, Instant},
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesOrdered};
use onhand_wire::{Version, event::Change};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::{BEAT, LEASE, PART, Relay, RoundError, WATERMARK};
use crate::{
    feed::{FeedEnd, FeedError, FeedRecord, find_end},
    state::News,
    store::{Pending, Round, Sent},
};

/// Records on their way at once; beyond, the others wait in line.
const ON_THEIR_WAY: usize = 2 * PART;

pub(super) struct Lead<'a> {
    relay: &'a Relay,
    holder: Uuid,
    /// As the last round found them; nothing handed over is sent before the first.
    found: Option<Found>,
    line: VecDeque<FeedRecord>,
    sending: FuturesOrdered<BoxFuture<'static, Result<usize, FeedError>>>,
    on_their_way: usize,
    /// Records queued, and acknowledged, since it leads.
    counted: (u64, u64),
    /// Rows of the outbox, each with how many records must be acknowledged for all of it to be published.
    under_way: VecDeque<(u64, Uuid)>,
    /// Rows that are published, and perhaps still there.
    published: Vec<Uuid>,
    /// The deletion of a part, while a long round's records are on their way.
    deletion: Option<JoinHandle<Result<Vec<Uuid>, RoundError>>>,
    /// Rows that rounds have read: what is handed over of them comes late, and may be older.
    read: HashSet<Uuid>,
    /// The versions queued since the last round began, and between it and the one before: what a round
    /// has of those keys may be older, and so may be what is handed over later.
    queued: [HashMap<String, Version>; 2],
    round_at: Instant,
    round: Option<JoinHandle<Result<Read, RoundError>>>,
    /// Another replica has committed, or this one what is not handed over.
    more: bool,
    /// A round, and how many records must be acknowledged for all of it to be published.
    covered: Option<(u64, Read)>,
    beat_at: Instant,
    beat: Option<JoinHandle<Result<bool, RoundError>>>,
}

#[derive(Debug, Clone, Copy)]
struct Found {
    term: u16,
    partitions: i32,
}

/// What a round read, and since when.
pub(super) struct Read {
    pub(super) round: Round,
    pub(super) partitions: i32,
    pub(super) started: Instant,
    /// The rows that it deleted.
    deleted: Vec<Uuid>,
}

impl<'a> Lead<'a> {
    pub(super) fn new(relay: &'a Relay, holder: Uuid) -> Self {
        // Long ago, so that it begins with a round, and that one ends with a watermark.
        let long_ago = Instant::now().checked_sub(BEAT).unwrap_or_else(Instant::now);
        Self {
            relay,
            holder,
            found: None,
            line: VecDeque::new(),
            sending: FuturesOrdered::new(),
            on_their_way: 0,
            counted: (0, 0),
            under_way: VecDeque::new(),
            published: Vec::new(),
            deletion: None,
            read: HashSet::new(),
            queued: Default::default(),
            round_at: long_ago,
            round: None,
            more: false,
            covered: None,
            beat_at: long_ago,
            beat: None,
        }
    }

    /// Ends well when another relay leads.
    pub(super) async fn run(mut self) -> Result<(), RoundError> {
        let ended = self.lead().await;
        // What is acknowledged need not be sent again by whoever leads next. If the connection is lost,
        // it is.
        if !self.published.is_empty() {
            let _lost_with_its_connection = self.relay.store.published(&self.take_sent()).await;
        }
        ended
    }

    async fn lead(&mut self) -> Result<(), RoundError> {
        self.settle().await?;
        let relay = self.relay;
        loop {
            if self.round.is_none() && self.covered.is_none() && self.due_in().is_zero() {
                self.begin_round();
            }
            if self.covered.is_some() {
                self.while_waiting();
            }
            let busy = self.round.is_some() || self.covered.is_some();
            let due = tokio::time::sleep(if busy { WATERMARK } else { self.due_in() });
            tokio::select! {
                Some(sent) = self.sending.next() => self.acknowledged(sent?),
                read = joined(&mut self.round) => self.publish_rest(read?),
                leads = joined(&mut self.beat) => if !leads? { return Ok(()) },
                () = relay.handoff.told() => self.publish_handed(),
                () = relay.store.changed_elsewhere() => self.more = true,
                deleted = joined(&mut self.deletion) => self.forget(deleted?),
                () = due => {}
            }
            self.send();
        }
    }

    /// What it has sent, for the store, which deletes what is published.
    fn take_sent(&mut self) -> Sent {
        Sent {
            term: self.found.map_or(0, |found| found.term),
            published: std::mem::take(&mut self.published),
            under_way: self.under_way.iter().map(|(_, row)| *row).collect(),
        }
    }

    /// While a long round's records are on their way: what is acknowledged is deleted, so that progress is
    /// kept whatever happens, and the lease is renewed.
    fn while_waiting(&mut self) {
        if !self.published.is_empty() && self.deletion.is_none() && self.round_at.elapsed() >= BEAT {
            let (relay, sent) = (self.relay.clone(), self.take_sent());
            self.deletion = Some(tokio::spawn(async move {
                relay.store.published(&sent).await?;
                Ok(sent.published)
            }));
        }
        if self.beat.is_none() && self.beat_at.elapsed() >= LEASE / 3 {
            self.beat_at = Instant::now();
            self.beat = Some(tokio::spawn(self.relay.clone().renew(self.holder)));
        }
    }

    /// Once, before the first record: whether the feed knows of more than this copy of the database.
    async fn settle(&mut self) -> Result<(), RoundError> {
        // The feed is looked at first: its last watermark is never ahead of the T that the database stored before it
        // was sent.
        let end = find_end(&self.relay.feed).await;
        self.relay.store.settle_term(end).await?;
        if end == FeedEnd::Unreachable {
            return Err(FeedError("its end cannot be read".to_owned()).into());
        }
        Ok(())
    }

    /// At once for what only the outbox has; soon where there is something to cover or to delete.
    fn due_in(&self) -> Duration {
        let every = if self.more {
            Duration::ZERO
        } else if self.under_way.is_empty() && self.published.is_empty() {
            BEAT
        } else {
            WATERMARK
        };
        every.saturating_sub(self.round_at.elapsed())
    }

    fn begin_round(&mut self) {
        self.round_at = Instant::now();
        self.more = false;
        self.queued.swap(0, 1);
        self.queued[0].clear();
        let sent = self.take_sent();
        self.round = Some(tokio::spawn(read(self.relay.clone(), sent)));
    }

    /// Queues what the outbox has and nobody has sent; the round is covered once that is acknowledged.
    fn publish_rest(&mut self, mut read: Read) {
        let another_term = self.found.is_some_and(|found| found.term != read.round.term);
        if another_term {
            // What was sent under the other one was not left out, and is sent again.
            self.under_way.clear();
        }
        let found = Found { term: read.round.term, partitions: read.partitions };
        self.found = Some(found);
        let deleted = std::mem::take(&mut read.deleted);
        self.forget(deleted);
        let before = self.counted.0;
        std::mem::take(&mut read.round.pending).into_iter().for_each(|row| self.publish_row(row, found));
        self.relay.metrics.outbox(usize::try_from(self.counted.0 - before).unwrap_or(usize::MAX));
        self.covered = Some((self.counted.0, read));
        self.tell_if_covered();
    }

    fn publish_row(&mut self, row: Pending, found: Found) {
        for change in row.changes {
            let key = change.key();
            if !self.has_queued(&key, &change) {
                self.queue(key, &change, found);
            }
        }
        self.read.insert(row.id);
        self.under_way.push_back((self.counted.0, row.id));
    }

    fn forget(&mut self, deleted: Vec<Uuid>) {
        for row in deleted {
            self.read.remove(&row);
        }
    }

    /// What was committed under another term is left to a round; so is everything while the feed does
    /// not keep up: rounds merge what names a key more than once.
    fn publish_handed(&mut self) {
        let handed = self.relay.handoff.take();
        self.more |= handed.more;
        if self.line.len() >= PART {
            self.more = true;
            return;
        }
        let Some(found) = self.found else { return };
        let of_term = |change: &Change| version(change).is_some_and(|version| version.term() == found.term);
        for News { row, changes } in handed.news {
            if !self.read.contains(&row) && changes.iter().all(of_term) {
                changes.iter().for_each(|change| self.publish_now(change, found));
                self.under_way.push_back((self.counted.0, row));
            }
        }
    }

    /// Batches that commit one after the other may hand over the other way round; the log keeps what
    /// comes last.
    fn publish_now(&mut self, change: &Change, found: Found) {
        let key = change.key();
        if self.has_queued(&key, change) {
            return;
        }
        if let Some(version) = version(change) {
            self.queued[0].insert(key.clone(), version);
        }
        self.queue(key, change, found);
    }

    /// This version or a newer one.
    fn has_queued(&self, key: &str, change: &Change) -> bool {
        let newer = |queued: &Version| version(change).is_some_and(|version| version <= *queued);
        self.queued.iter().any(|queued| queued.get(key).is_some_and(newer))
    }

    fn queue(&mut self, key: String, change: &Change, found: Found) {
        self.counted.0 += 1;
        let partition = change.partition(found.partitions);
        self.line.push_back(FeedRecord { partition, key, value: change.encode() });
    }

    fn send(&mut self) {
        while self.on_their_way < ON_THEIR_WAY && !self.line.is_empty() {
            let part: Vec<FeedRecord> = self.line.drain(..self.line.len().min(PART)).collect();
            let (records, started, metrics) = (part.len(), Instant::now(), self.relay.metrics.clone());
            let sent = self.relay.feed.publish(part);
            self.on_their_way += records;
            let acknowledged = async move {
                sent.await?;
                metrics.published(records, started.elapsed());
                Ok(records)
            };
            self.sending.push_back(acknowledged.boxed());
        }
    }

    fn acknowledged(&mut self, records: usize) {
        self.on_their_way -= records;
        self.counted.1 += records as u64;
        self.tell_if_covered();
    }

    /// Heartbeat and watermark, once a round's records are acknowledged; a round that ends while
    /// others' are on their way, or closely after them, leaves them to a later one.
    fn tell_if_covered(&mut self) {
        let acknowledged = self.counted.1;
        while let Some((_, row)) = self.under_way.pop_front_if(|(until, _)| *until <= acknowledged) {
            self.published.push(row);
        }
        let Some((_, read)) = self.covered.take_if(|(until, _)| *until <= acknowledged) else { return };
        if !read.round.whole {
            self.more = true;
            return;
        }
        if self.beat.is_none() && self.beat_at.elapsed() >= WATERMARK {
            self.beat_at = Instant::now();
            self.beat = Some(tokio::spawn(self.relay.clone().beat(self.holder, read)));
        }
    }
}

/// Deletes what was published and reads what is left.
async fn read(relay: Relay, sent: Sent) -> Result<Read, RoundError> {
    let started = Instant::now();
    let partitions = relay.feed.partitions().await?;
    // On another copy of the database it fails: the lead that begins anew raises the term first.
    Ok(Read { round: relay.store.round(&sent).await?, partitions, started, deleted: sent.published })
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

/// Resolves when the task ends; never without one.
async fn joined<T>(task: &mut Option<JoinHandle<Result<T, RoundError>>>) -> Result<T, RoundError> {
    let Some(running) = task else { return std::future::pending().await };
    let ended = running.await;
    *task = None;
    ended.map_err(|error| FeedError(error.to_string()))?
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use onhand_wire::{Item, Sku, Timestamp, memory_log::MemoryLog};

    use super::*;
    use crate::{feed::MemoryFeed, handoff::Handoff, metrics::Metrics, store::sqlite::Sqlite};

    fn news(seq: u64) -> News {
        let (sku, name, changed_at) = (Sku::new("x").unwrap(), seq.to_string(), Timestamp::default());
        let version = Version::new(1, seq);
        let attributes = Default::default();
        let item =
            Item { sku, name, brand: None, attributes, price: None, active: true, version, changed_at, deleted: false };
        News { row: Uuid::now_v7(), changes: vec![Change::Item(item)] }
    }

    /// Batches in different lanes commit one after the other and hand over the other way round.
    #[tokio::test]
    async fn what_is_handed_over_late_is_not_queued_behind_what_is_newer() {
        let relay = Relay {
            store: Arc::new(Sqlite::open(None).unwrap()),
            feed: Arc::new(MemoryFeed(MemoryLog::new(1))),
            handoff: Arc::<Handoff>::default(),
            metrics: Metrics::new(prometheus::Registry::new()),
        };
        relay.handoff.leads(true);
        let mut lead = Lead::new(&relay, Uuid::nil());
        lead.found = Some(Found { term: 1, partitions: 1 });
        for (seq, rounds_between) in [(2, 0), (1, 1), (3, 0)] {
            (0..rounds_between).for_each(|_| lead.begin_round());
            relay.handoff.give(Some(news(seq)));
            lead.publish_handed();
        }
        let seq = |record: &FeedRecord| version(&Change::decode(&record.value).unwrap()).unwrap().seq();
        let queued: Vec<u64> = lead.line.iter().map(seq).collect();
        assert_eq!(queued, [2, 3]);
        assert_eq!(lead.under_way.len(), 3, "the late one's row is published with the newer one's record");
    }
}
