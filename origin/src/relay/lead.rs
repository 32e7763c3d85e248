//! A relay that leads, until its lease has ended or something fails.
//!
//! Records leave in the order in which they were queued, many at a time on their way; rounds, their heartbeats and
//! watermarks run beside them. So a change waits only for the feed itself.

use std::time::Instant;

use tokio::task::JoinHandle;
use uuid::Uuid;

use super::{
    BEAT, Relay, RoundError, WATERMARK, fill,
    lease::Lease,
    outgoing::{Found, Outgoing},
    rounds::{RoundRead, Rounds},
};
use crate::{
    feed::{FeedEnd, FeedError, find_end},
    store::{Entered, Membership, Sent},
};

pub(super) struct Lead<'a> {
    relay: &'a Relay,
    holder: Uuid,
    entered: Entered,
    /// Nothing that is handed over is sent before the first round.
    found: Option<Found>,
    outgoing: Outgoing,
    rounds: Rounds,
    lease: Lease,
}

impl<'a> Lead<'a> {
    pub(super) fn new(relay: &'a Relay, holder: Uuid, entered: Entered) -> Self {
        // It begins with a round, and that one ends with a watermark.
        let long_ago = Instant::now().checked_sub(BEAT).unwrap_or_else(Instant::now);
        Self {
            relay,
            holder,
            entered,
            found: None,
            outgoing: Outgoing::new(relay.feed.clone(), relay.metrics.clone()),
            rounds: Rounds::new(relay, long_ago),
            lease: Lease::new(relay, holder, long_ago),
        }
    }

    /// Returns without an error if another relay leads.
    pub(super) async fn run(mut self) -> Result<(), RoundError> {
        let ended = self.lead().await;
        // So the next leader need not send acknowledged changes again. If the connection is lost, it does.
        if self.outgoing.has_published() {
            let _lost_with_its_connection = self.relay.backlog.strike(&self.take_sent()).await;
        }
        ended
    }

    async fn lead(&mut self) -> Result<(), RoundError> {
        self.settle_term().await?;
        let relay = self.relay;
        let (holder, entered) = (self.holder, self.entered);
        if lacks_something(relay, holder, entered).await? && !fill::fill(relay, holder).await? {
            return Ok(());
        }
        let again = relay.backlog.is_to_publish_again().await?;
        let mut again = again.then(|| tokio::spawn(fill::publish_again(relay.clone(), holder)));
        loop {
            if self.rounds.are_idle() && self.rounds.due_in(&self.outgoing).is_zero() {
                self.begin_round();
            }
            if self.rounds.uncovered.is_some() {
                self.while_waiting();
            }
            let wait = if self.rounds.are_idle() { self.rounds.due_in(&self.outgoing) } else { WATERMARK };
            tokio::select! {
                Some(sent) = self.outgoing.next() => self.acknowledged(sent?),
                read = joined(&mut self.rounds.reading) => self.publish_rest(read?),
                leads = joined(&mut self.lease.beat) => if !leads? { return Ok(()) },
                leads = joined(&mut again) => if !leads? { return Ok(()) },
                () = relay.handoff.handed_over() => self.publish_handed(),
                () = relay.backlog.changed_elsewhere() => self.rounds.more = true,
                deleted = joined(&mut self.rounds.deletion) => self.outgoing.forget(deleted?),
                () = tokio::time::sleep(wait) => {}
            }
            self.outgoing.send();
        }
    }

    /// Once, before the first record: whether a feed knows of more than this copy of the database.
    async fn settle_term(&mut self) -> Result<(), RoundError> {
        // The feeds are looked at first: their last watermarks are never ahead of the T that the database stored before
        // they were sent.
        let end = find_end(&self.relay.feeds).await;
        self.relay.store.settle_term(end).await?;
        if end == FeedEnd::Unreachable {
            return Err(FeedError("its end cannot be read".to_owned()).into());
        }
        Ok(())
    }

    fn take_sent(&mut self) -> Sent {
        self.outgoing.take_sent(self.found.map_or(0, |found| found.term))
    }

    fn begin_round(&mut self) {
        self.outgoing.begin_round();
        let sent = self.take_sent();
        self.rounds.begin(sent);
    }

    /// While a long round's records are on their way: what is acknowledged is deleted, and the lease is renewed.
    fn while_waiting(&mut self) {
        if self.outgoing.has_published() && self.rounds.may_delete() {
            let sent = self.take_sent();
            self.rounds.delete(sent);
        }
        self.lease.renew_in_time();
    }

    /// Queues what the outbox has and this relay has not sent; the round is covered once that is acknowledged.
    fn publish_rest(&mut self, mut read: RoundRead) {
        if self.found.is_some_and(|found| found.term != read.round.term) {
            self.outgoing.forget_under_way();
        }
        let found = Found { term: read.round.term, partitions: read.partitions };
        self.found = Some(found);
        self.outgoing.forget(std::mem::take(&mut read.deleted));
        let before = self.outgoing.queued();
        for row in std::mem::take(&mut read.round.pending) {
            self.outgoing.publish_row(row, found);
        }
        let queued = self.outgoing.queued();
        self.relay.metrics.outbox(usize::try_from(queued - before).unwrap_or(usize::MAX));
        self.rounds.uncovered = Some((queued, read));
        self.end_covered_round();
    }

    /// Everything is left to a round while the feed does not keep up.
    fn publish_handed(&mut self) {
        let handed = self.relay.handoff.take();
        self.rounds.more |= handed.more;
        if self.outgoing.is_behind() {
            self.rounds.more = true;
            return;
        }
        let Some(found) = self.found else { return };
        handed.news.iter().for_each(|news| self.outgoing.publish_news(news, found));
    }

    fn acknowledged(&mut self, records: usize) {
        self.outgoing.count_acknowledged(records);
        self.end_covered_round();
    }

    /// A round that read only part of the outbox covers nothing: another one follows at once.
    fn end_covered_round(&mut self) {
        self.outgoing.note_published();
        let Some(read) = self.rounds.take_covered(self.outgoing.acknowledged()) else { return };
        if read.round.whole {
            self.lease.send_watermark(read);
        } else {
            self.rounds.more = true;
        }
    }
}

/// A feed that has just entered, or whose log ends before a watermark that it had acknowledged.
async fn lacks_something(relay: &Relay, holder: Uuid, entered: Entered) -> Result<bool, RoundError> {
    let Entered { membership, told } = entered;
    let Some(told) = told.filter(|_| membership == Membership::Live) else {
        return Ok(membership == Membership::Filling);
    };
    let end = relay.feed.end().await?;
    let lost = !matches!(end, FeedEnd::At { t, .. } if t >= told);
    if lost {
        tracing::error!(feed = relay.name, ?end, %told, "the feed has lost what it had acknowledged");
        relay.backlog.fill_again(holder).await?;
    }
    Ok(lost)
}

/// Resolves when the task ends; never without one.
async fn joined<T>(task: &mut Option<JoinHandle<Result<T, RoundError>>>) -> Result<T, RoundError> {
    let Some(running) = task else { return std::future::pending().await };
    let ended = running.await;
    *task = None;
    ended.map_err(|error| FeedError(error.to_string()))?
}
