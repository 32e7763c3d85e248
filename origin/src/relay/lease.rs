//! The lease of a relay that leads, and the watermarks that it may send under it.

use std::time::{Duration, Instant};

use onhand_wire::{
    Timestamp,
    event::{Change, Watermark},
};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::{LEASE, Relay, RoundError, WATERMARK, claim, rounds::RoundRead};
use crate::{feed::FeedRecord, store::Round};

pub(super) struct Lease {
    relay: Relay,
    holder: Uuid,
    /// Says whether this relay still leads.
    pub(super) beat: Option<JoinHandle<Result<bool, RoundError>>>,
    beaten_at: Instant,
}

impl Lease {
    /// `long_ago`: a watermark may be sent at once.
    pub(super) fn new(relay: &Relay, holder: Uuid, long_ago: Instant) -> Self {
        Self { relay: relay.clone(), holder, beat: None, beaten_at: long_ago }
    }

    fn is_due(&self, every: Duration) -> bool {
        self.beat.is_none() && self.beaten_at.elapsed() >= every
    }

    /// While a long round's records are on their way.
    pub(super) fn renew_in_time(&mut self) {
        if self.is_due(LEASE / 3) {
            self.beaten_at = Instant::now();
            self.beat = Some(tokio::spawn(renew(self.relay.clone(), self.holder)));
        }
    }

    /// The round's watermark, unless one was sent a moment ago: then a later round's covers it, too.
    pub(super) fn send_watermark(&mut self, covered: RoundRead) {
        if self.is_due(WATERMARK) {
            self.beaten_at = Instant::now();
            self.beat = Some(tokio::spawn(send_watermark(self.relay.clone(), self.holder, covered)));
        }
    }
}

async fn renew(relay: Relay, holder: Uuid) -> Result<bool, RoundError> {
    Ok(relay.store.renew_lease(holder, LEASE).await?)
}

/// Stores T, then sends the watermark to every partition. The round's records have been acknowledged.
async fn send_watermark(relay: Relay, holder: Uuid, read: RoundRead) -> Result<bool, RoundError> {
    let Some(s) = relay.store.store_t(holder, read.round.t, LEASE).await? else {
        return Ok(false);
    };
    relay.feed.publish(watermarks(&read.round, s, read.partitions)).await?;
    relay.metrics.watermark(read.started.elapsed());
    Ok(true)
}

fn watermarks(round: &Round, s: Timestamp, partitions: i32) -> Vec<FeedRecord> {
    let t = claim::claimed(round.t);
    let watermark = Watermark { t, s, term: round.term, good_since: round.good_since, partitions };
    let change = Change::Watermark(watermark);
    (0..partitions).map(|partition| FeedRecord { partition, key: change.key(), value: change.encode() }).collect()
}
