//! The rounds of a relay that leads: each reads what the outbox has and this relay has not sent, and is covered once
//! all of that is acknowledged.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use uuid::Uuid;

use super::{BEAT, Relay, RoundError, WATERMARK, outgoing::Outgoing};
use crate::store::{Round, Sent};

/// What a round read, and since when.
pub(super) struct RoundRead {
    pub(super) round: Round,
    pub(super) partitions: i32,
    pub(super) started: Instant,
    /// The rows that it deleted.
    pub(super) deleted: Vec<Uuid>,
}

pub(super) struct Rounds {
    relay: Relay,
    pub(super) reading: Option<JoinHandle<Result<RoundRead, RoundError>>>,
    /// A round that was read, and how many records must be acknowledged until all of it is published.
    pub(super) uncovered: Option<(u64, RoundRead)>,
    /// The deletion of a part, while a long round's records are on their way.
    pub(super) deletion: Option<JoinHandle<Result<Vec<Uuid>, RoundError>>>,
    /// Another replica has committed, or this one has committed something that is not handed over.
    pub(super) more: bool,
    began_at: Instant,
}

impl Rounds {
    /// `long_ago`: a round is due at once.
    pub(super) fn new(relay: &Relay, long_ago: Instant) -> Self {
        let relay = relay.clone();
        Self { relay, reading: None, uncovered: None, deletion: None, more: false, began_at: long_ago }
    }

    /// Nothing is being read, and nothing that was read waits to be covered.
    pub(super) fn are_idle(&self) -> bool {
        self.reading.is_none() && self.uncovered.is_none()
    }

    /// At once if only the outbox has something; soon if there is something to cover or to delete.
    pub(super) fn due_in(&self, outgoing: &Outgoing) -> Duration {
        let every = if self.more {
            Duration::ZERO
        } else if outgoing.is_settled() {
            BEAT
        } else {
            WATERMARK
        };
        every.saturating_sub(self.began_at.elapsed())
    }

    pub(super) fn begin(&mut self, sent: Sent) {
        self.began_at = Instant::now();
        self.more = false;
        self.reading = Some(tokio::spawn(read(self.relay.clone(), sent)));
    }

    /// A long round's records are on their way, and nothing is being deleted meanwhile.
    pub(super) fn may_delete(&self) -> bool {
        self.uncovered.is_some() && self.deletion.is_none() && self.began_at.elapsed() >= BEAT
    }

    /// Deletes what is acknowledged, so that progress is kept whatever happens.
    pub(super) fn delete(&mut self, sent: Sent) {
        let relay = self.relay.clone();
        self.deletion = Some(tokio::spawn(async move {
            relay.backlog.strike(&sent).await?;
            Ok(sent.published)
        }));
    }

    /// The round, once enough records are acknowledged.
    pub(super) fn take_covered(&mut self, acknowledged: u64) -> Option<RoundRead> {
        self.uncovered.take_if(|(until, _)| *until <= acknowledged).map(|(_, read)| read)
    }
}

/// Deletes what was published and reads what is left.
async fn read(relay: Relay, sent: Sent) -> Result<RoundRead, RoundError> {
    let started = Instant::now();
    let partitions = relay.feed.partitions().await?;
    // On another copy of the database it fails: the lead that begins anew raises the term first.
    Ok(RoundRead { round: relay.backlog.round(&sent).await?, partitions, started, deleted: sent.published })
}
