//! The change feed: puts its records into `recent`, then L1, and its watermarks into `as_of`.
//!
//! Every partition is read by `assign`, from an end offset that was fetched by number before
//! anything was loaded. Kafka and the in-process log share everything except the reading itself.

pub(crate) mod apply;
mod kafka;
mod memory;
mod l2_writer;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use onhand_kafka::Brokers;
use onhand_orders::MemoryLanes;
use onhand_wire::memory_log::MemoryLog;

pub(crate) use apply::Apply;
pub(crate) use l2_writer::L2Writer;

/// Where changes come from.
#[derive(Clone)]
pub enum Feed {
    Kafka {
        brokers: Brokers,
        topic: String,
    },
    /// The feed and the order lanes of the same process (`onhand dev`). There is no second tier with it.
    Memory(MemoryLog, MemoryLanes),
}

/// Threads check this between polls.
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

/// Reads the feed on a thread of its own until told to stop.
pub(crate) fn start(feed: Feed, apply: Apply, stop: Stop) -> std::io::Result<()> {
    std::thread::Builder::new()
        .name("feed".to_owned())
        .spawn(move || match feed {
            Feed::Kafka { brokers, topic } => kafka::read(&brokers, &topic, apply, &stop),
            Feed::Memory(log, _) => memory::read(&log, apply, &stop),
        })
        .map(|_detached| ())
}
