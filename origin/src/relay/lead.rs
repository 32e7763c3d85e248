//! A relay that leads, until its lease is gone or something fails.
//!
//! Records leave in the order in which they were queued, many at a time on their way; rounds, their
//! heartbeats and watermarks run beside them. So a change waits for nothing but the feed itself.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesOrdered};
use onhand_wire::{Version, event::Change};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::{BEAT, FeedError, LEASE, PART, Relay, RoundError, WATERMARK, record};
use crate::{
    store::{FeedEnd, OutboxRow, Round},
    terms,
};

/// Records on their way at once; beyond, the others wait in line.
const ON_THEIR_WAY: usize = 2 * PART;

pub(super) struct Lead<'a> {
    relay: &'a Relay,
    holder: Uuid,
    /// As the last round found them; nothing handed over is sent before the first.
    found: Option<Found>,
    /// The newest version queued of each key that may still be in the outbox.
    queued: HashMap<String, Version>,
    line: VecDeque<Change>,
    sending: FuturesOrdered<BoxFuture<'static, Result<Vec<Change>, FeedError>>>,
    on_their_way: usize,
    /// Records queued, and acknowledged, since it leads.
    counted: (u64, u64),
    /// Acknowledged, and perhaps still in the outbox.
    published: Vec<Change>,
    /// Given to the round under way to be deleted.
    deleting: Keys,
    /// The deletion of a part, while a long round's records are on their way.
    deletion: Option<JoinHandle<Result<Keys, RoundError>>>,
    round_at: Instant,
    round: Option<JoinHandle<Result<Read, RoundError>>>,
    /// Another replica has committed, or this one what is not handed over.
    more: bool,
    /// A round, and how many records must be acknowledged for all of it to be published.
    covered: Option<(u64, Read)>,
    beat_at: Instant,
    beat: Option<JoinHandle<Result<bool, RoundError>>>,
}

/// Keys of the feed, each with the version that was published.
type Keys = Vec<(String, Version)>;

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
}

impl<'a> Lead<'a> {
    pub(super) fn new(relay: &'a Relay, holder: Uuid) -> Self {
        // Long ago, so that it begins with a round, and that one ends with a watermark.
        let long_ago = Instant::now().checked_sub(BEAT).unwrap_or_else(Instant::now);
        Self {
            relay,
            holder,
            found: None,
            queued: HashMap::new(),
            line: VecDeque::new(),
            sending: FuturesOrdered::new(),
            on_their_way: 0,
            counted: (0, 0),
            published: Vec::new(),
            deleting: Vec::new(),
            deletion: None,
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
        for part in self.published.chunks(PART) {
            if self.relay.store.published(part).await.is_err() {
                break;
            }
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

    /// While a long round's records are on their way: what is acknowledged is deleted, so that an outbox
    /// of any length drains, and the lease is renewed.
    fn while_waiting(&mut self) {
        if self.published.len() >= PART && self.deletion.is_none() {
            let relay = self.relay.clone();
            let part: Vec<Change> = self.published.drain(..PART).collect();
            self.deletion = Some(tokio::spawn(async move {
                relay.store.published(&part).await?;
                Ok(part.iter().filter_map(named).collect())
            }));
        }
        if self.beat.is_none() && self.beat_at.elapsed() >= LEASE / 3 {
            self.beat_at = Instant::now();
            self.beat = Some(tokio::spawn(self.relay.clone().renew(self.holder)));
        }
    }

    /// Once, before the first record: whether the feed knows of more than this copy of the database.
    async fn settle(&mut self) -> Result<(), RoundError> {
        if terms::settle(&self.relay.store, &self.relay.feed).await? == FeedEnd::Unreachable {
            return Err(FeedError("its end cannot be read".to_owned()).into());
        }
        Ok(())
    }

    /// At once for what only the outbox has; soon where there is something to cover or to delete.
    fn due_in(&self) -> Duration {
        let every = if self.more {
            Duration::ZERO
        } else if self.queued.is_empty() {
            BEAT
        } else {
            WATERMARK
        };
        every.saturating_sub(self.round_at.elapsed())
    }

    fn begin_round(&mut self) {
        self.round_at = Instant::now();
        self.more = false;
        let published = std::mem::take(&mut self.published);
        self.deleting = published.iter().filter_map(named).collect();
        self.round = Some(tokio::spawn(read(self.relay.clone(), published)));
    }

    /// Queues what the outbox has and nobody has sent; the round is covered once that is acknowledged.
    fn publish_rest(&mut self, mut read: Read) {
        let another_term = self.found.is_some_and(|found| found.term != read.round.term);
        if another_term {
            self.queued.clear();
        }
        self.found = Some(Found { term: read.round.term, partitions: read.partitions });
        let before = self.counted.0;
        std::mem::take(&mut read.round.pending).into_iter().for_each(|change| self.queue(change));
        self.relay.metrics.outbox(usize::try_from(self.counted.0 - before).unwrap_or(usize::MAX));
        let deleted = std::mem::take(&mut self.deleting);
        self.forget(deleted);
        self.covered = Some((self.counted.0, read));
        self.tell_if_covered();
    }

    fn forget(&mut self, deleted: Keys) {
        for (key, version) in deleted {
            if self.queued.get(&key) == Some(&version) {
                self.queued.remove(&key);
            }
        }
    }

    /// What was committed under another term is left to a round; so is everything while the feed does
    /// not keep up: the outbox has each key once.
    fn publish_handed(&mut self) {
        let handed = self.relay.handoff.take();
        self.more |= handed.more;
        if self.line.len() >= PART {
            self.more = true;
            return;
        }
        let Some(found) = self.found else { return };
        let of_term = |change: &Change| OutboxRow::of(change).is_some_and(|row| row.version.term() == found.term);
        handed.changes.into_iter().filter(of_term).for_each(|change| self.queue(change));
    }

    fn queue(&mut self, change: Change) {
        let Some((key, version)) = named(&change) else { return };
        let newest = self.queued.entry(key).or_insert(Version::ZERO);
        if *newest < version {
            *newest = version;
            self.counted.0 += 1;
            self.line.push_back(change);
        }
    }

    fn send(&mut self) {
        let Some(found) = self.found else { return };
        while self.on_their_way < ON_THEIR_WAY && !self.line.is_empty() {
            let part: Vec<Change> = self.line.drain(..self.line.len().min(PART)).collect();
            let records = part.iter().map(|change| record(change, change.partition(found.partitions)));
            let (started, metrics) = (Instant::now(), self.relay.metrics.clone());
            let sent = self.relay.feed.publish(records.collect());
            self.on_their_way += part.len();
            let acknowledged = async move {
                sent.await?;
                metrics.published(part.len(), started.elapsed());
                Ok(part)
            };
            self.sending.push_back(acknowledged.boxed());
        }
    }

    fn acknowledged(&mut self, part: Vec<Change>) {
        self.on_their_way -= part.len();
        self.counted.1 += part.len() as u64;
        self.published.extend(part);
        self.tell_if_covered();
    }

    /// Heartbeat and watermark, once a round's records are acknowledged; a round that ends while
    /// others' are on their way, or closely after them, leaves them to a later one.
    fn tell_if_covered(&mut self) {
        let acknowledged = self.counted.1;
        let Some((_, read)) = self.covered.take_if(|(until, _)| *until <= acknowledged) else { return };
        if self.beat.is_none() && self.beat_at.elapsed() >= WATERMARK {
            self.beat_at = Instant::now();
            self.beat = Some(tokio::spawn(self.relay.clone().beat(self.holder, read)));
        }
    }
}

/// Deletes what was published and reads what is left. In parts, so that an outbox of any length drains.
async fn read(relay: Relay, mut published: Vec<Change>) -> Result<Read, RoundError> {
    let started = Instant::now();
    let partitions = relay.feed.partitions().await?;
    while published.len() > PART {
        let later = published.split_off(PART);
        relay.store.published(&published).await?;
        published = later;
    }
    // On another copy of the database it fails: the lead that begins anew raises the term first.
    Ok(Read { round: relay.store.round(&published).await?, partitions, started })
}

fn named(change: &Change) -> Option<(String, Version)> {
    OutboxRow::of(change).map(|row| (change.key(), row.version))
}

/// Resolves when the task ends; never without one.
async fn joined<T>(task: &mut Option<JoinHandle<Result<T, RoundError>>>) -> Result<T, RoundError> {
    let Some(running) = task else { return std::future::pending().await };
    let ended = running.await;
    *task = None;
    ended.map_err(|error| FeedError(error.to_string()))?
}
