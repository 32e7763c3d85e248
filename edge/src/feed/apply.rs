//! Applies a record to the node. Runs on the feed's thread, which alone writes positions.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use onhand_wire::{
    Timestamp,
    event::{Change, Watermark},
};
use tokio::sync::watch;

use super::Stop;
use crate::{
    cache::{Intake, recent::SkuChange},
    freshness::Freshness,
    metrics::Metrics,
    origin::Origin,
    position::Position,
    topology::Topology,
};

/// Pause between tries to load the topology.
const RETRY: Duration = Duration::from_millis(250);

pub(crate) struct Apply {
    pub(crate) intake: Intake,
    pub(crate) topology: Arc<Topology>,
    pub(crate) freshness: Arc<Freshness>,
    pub(crate) position: Arc<Position>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) origin: Arc<Origin>,
    pub(crate) runtime: tokio::runtime::Handle,
    /// Becomes true when topology is loaded and a first watermark applied.
    pub(crate) ready: Arc<watch::Sender<bool>>,
    /// Partitions whose first undecodable record was logged.
    pub(crate) logged: HashSet<i32>,
}

impl Apply {
    /// Reads from `positions` on and drops everything from before: at the start, and when the log was lost. The
    /// positions were fetched before anything is loaded, so every load from now on reflects the records below them.
    pub(super) fn restart(&mut self, positions: &[i64], stop: &Stop) {
        self.position.reset(positions);
        self.freshness.reads(positions.len());
        self.intake.restart(positions);
        self.load_topology(stop);
    }

    /// Reads further partitions too.
    pub(super) fn reads(&self, positions: &[i64]) {
        self.position.reset(positions);
        self.intake.recent.reads_from(positions);
        self.freshness.reads(positions.len());
    }

    fn load_topology(&self, stop: &Stop) {
        let mut tries = 0_u64;
        while !stop.stopped() {
            match self.runtime.block_on(self.origin.topology()) {
                Ok(loaded) => {
                    self.topology.join_loaded(loaded);
                    return;
                }
                Err(error) if tries.is_multiple_of(20) => tracing::warn!(%error, "waiting for locations and channels"),
                Err(_) => {}
            }
            tries += 1;
            std::thread::sleep(RETRY);
        }
    }

    /// Applies one record; the position advances only after that.
    pub(super) fn record(&mut self, partition: i32, offset: i64, value: &[u8], stop: &Stop) {
        match Change::decode(value) {
            Ok(change) => self.change(partition, offset, change, stop),
            Err(error) => {
                self.metrics.feed_undecodable();
                if self.logged.insert(partition) {
                    tracing::error!(partition, offset, %error, "undecodable record skipped; further ones are only counted");
                }
            }
        }
        self.position.applied(partition, offset + 1);
        self.metrics.feed_record();
    }

    fn change(&mut self, partition: i32, offset: i64, change: Change, stop: &Stop) {
        match change {
            Change::Fact(fact) => {
                self.metrics.propagation(wall_clock().since(fact.changed_at));
                self.intake.apply(partition, offset, SkuChange::Fact(fact));
            }
            Change::Item(item) => self.intake.apply(partition, offset, SkuChange::Item(item)),
            Change::Location(location) => self.topology.join_location(location),
            Change::Channel(channel) => self.topology.join_channel(channel),
            Change::Watermark(mark) => self.watermark(partition, &mark, stop),
        }
    }

    /// Facts of earlier terms may come from changes that the database never got: they are no longer valid in any tier,
    /// and `as_of` waits until locations and channels are from this history, too.
    fn begin_history(&self, good_since: u16, stop: &Stop) {
        let first = self.freshness.terms().good_since == 0;
        self.position.set_good_since(good_since);
        self.intake.begin_history(good_since, &self.position.all());
        if !first {
            tracing::warn!(good_since, "a new term: facts from before it are no longer valid");
        }
        // At the start, too: what was loaded may be from before a failover that the first watermark reveals.
        if !first || self.topology.has_before(good_since) {
            self.load_topology(stop);
        }
        self.topology.forget_before(good_since);
    }

    fn watermark(&self, partition: i32, mark: &Watermark, stop: &Stop) {
        let Ok(index) = usize::try_from(partition) else { return };
        self.origin.saw_term(mark.term);
        if let Some(good_since) = self.freshness.begins_history(mark) {
            self.begin_history(good_since, stop);
        }
        self.freshness.watermark(index, mark, Instant::now());
        let Some(as_of) = self.freshness.as_of() else { return };
        self.intake.recent.drop_passed(as_of.t);
        if !*self.ready.borrow() {
            tracing::info!(as_of = %as_of.t, "ready: topology loaded, first watermark applied");
            self.ready.send_replace(true);
        }
    }
}

fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::default().plus(since)
}
