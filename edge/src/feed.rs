//! The change feed: its records into `recent`, then L1; its watermarks into `as_of`.
//!
//! Every partition is read by `assign`, from an end offset that was fetched by number before
//! anything was loaded. Kafka and the in-process log share all but the reading itself.

pub(crate) mod apply;
mod kafka;
mod memory;
mod topic_id;
mod l2_writer;

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicBool, AtomicI64, AtomicU16, Ordering},
};

use onhand_wire::memory_log::MemoryLog;

pub(crate) use apply::Apply;
pub(crate) use l2_writer::L2Writer;

/// Where changes come from.
#[derive(Clone)]
pub enum Feed {
    /// `brokers`: `HOST:PORT`, separated by commas.
    Kafka { brokers: String, topic: String },
    /// The feed of the same process (`onhand dev`). There is no second tier with it.
    Memory(MemoryLog),
}

/// Asked by threads between polls.
#[derive(Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(crate) fn stop(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn stopped(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// How far the node has read, and of which topic.
#[derive(Default)]
pub(crate) struct Position {
    next: RwLock<Vec<AtomicI64>>,
    topic_id: RwLock<Option<Arc<str>>>,
    /// The topic and the history that its records count for; nothing before the first watermark.
    log: RwLock<Option<Arc<str>>>,
    good_since: AtomicU16,
    /// Whether the feed's servers answer.
    connected: AtomicBool,
}

impl Position {
    pub(crate) fn partitions(&self) -> i32 {
        self.next.read().unwrap_or_else(PoisonError::into_inner).len() as i32
    }

    /// Every record of the partition below this is applied.
    pub(crate) fn next_offset(&self, partition: i32) -> i64 {
        let next = self.next.read().unwrap_or_else(PoisonError::into_inner);
        usize::try_from(partition)
            .ok()
            .and_then(|index| next.get(index))
            .map_or(-1, |next| next.load(Ordering::Acquire))
    }

    /// What the second tier's contents belong to: another topic's, or a lost history's, count for nothing.
    pub(crate) fn log_id(&self) -> Option<Arc<str>> {
        self.log.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_good_since(&self, term: u16) {
        self.good_since.store(term, Ordering::Release);
        self.name_log();
    }

    fn name_log(&self) {
        let good_since = self.good_since.load(Ordering::Acquire);
        let log = self.topic_id().filter(|_| good_since > 0).map(|topic| format!("{topic}.{good_since}").into());
        *self.log.write().unwrap_or_else(PoisonError::into_inner) = log;
    }

    pub(crate) fn topic_id(&self) -> Option<Arc<str>> {
        self.topic_id.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    fn set_connected(&self, connected: bool) {
        self.connected.store(connected, Ordering::Relaxed);
    }

    fn applied(&self, partition: i32, next_offset: i64) {
        let next = self.next.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = usize::try_from(partition).ok().and_then(|index| next.get(index)) {
            next.store(next_offset, Ordering::Release);
        }
    }

    fn reset(&self, offsets: &[i64]) {
        *self.next.write().unwrap_or_else(PoisonError::into_inner) =
            offsets.iter().copied().map(AtomicI64::new).collect();
    }

    fn all(&self) -> Vec<i64> {
        let next = self.next.read().unwrap_or_else(PoisonError::into_inner);
        next.iter().map(|next| next.load(Ordering::Acquire)).collect()
    }

    fn set_topic_id(&self, id: Option<Arc<str>>) {
        *self.topic_id.write().unwrap_or_else(PoisonError::into_inner) = id;
        self.name_log();
    }
}

/// Reads the feed on a thread of its own until told to stop.
pub(crate) fn start(feed: Feed, apply: Apply, stop: Stop) -> std::io::Result<()> {
    std::thread::Builder::new()
        .name("feed".to_owned())
        .spawn(move || match feed {
            Feed::Kafka { brokers, topic } => kafka::read(&brokers, &topic, apply, &stop),
            Feed::Memory(log) => memory::read(&log, apply, &stop),
        })
        .map(|_detached| ())
}
