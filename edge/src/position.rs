//! How far the node has read the change feed. The feed's thread advances it; a hash in L2 is valid only in relation to
//! it.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicBool, AtomicI64, AtomicU16, Ordering},
};

/// How far the node has read, and of which topic.
#[derive(Default)]
pub(crate) struct Position {
    next: RwLock<Vec<AtomicI64>>,
    topic_id: RwLock<Option<Arc<str>>>,
    /// The topic and the history of its records; `None` before the first watermark.
    log: RwLock<Option<Arc<str>>>,
    good_since: AtomicU16,
    /// Whether Kafka answers.
    connected: AtomicBool,
}

impl Position {
    pub(crate) fn partitions(&self) -> i32 {
        self.next.read().unwrap_or_else(PoisonError::into_inner).len() as i32
    }

    /// Every record of the partition below this has been applied.
    pub(crate) fn next_offset(&self, partition: i32) -> i64 {
        let next = self.next.read().unwrap_or_else(PoisonError::into_inner);
        usize::try_from(partition)
            .ok()
            .and_then(|index| next.get(index))
            .map_or(-1, |next| next.load(Ordering::Acquire))
    }

    /// The log that L2's contents must belong to: those of another topic or a lost history are invalid.
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

    pub(crate) fn set_connected(&self, connected: bool) {
        self.connected.store(connected, Ordering::Relaxed);
    }

    pub(crate) fn applied(&self, partition: i32, next_offset: i64) {
        let next = self.next.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = usize::try_from(partition).ok().and_then(|index| next.get(index)) {
            next.store(next_offset, Ordering::Release);
        }
    }

    pub(crate) fn reset(&self, offsets: &[i64]) {
        *self.next.write().unwrap_or_else(PoisonError::into_inner) =
            offsets.iter().copied().map(AtomicI64::new).collect();
    }

    pub(crate) fn all(&self) -> Vec<i64> {
        let next = self.next.read().unwrap_or_else(PoisonError::into_inner);
        next.iter().map(|next| next.load(Ordering::Acquire)).collect()
    }

    pub(crate) fn set_topic_id(&self, id: Option<Arc<str>>) {
        *self.topic_id.write().unwrap_or_else(PoisonError::into_inner) = id;
        self.name_log();
    }
}
