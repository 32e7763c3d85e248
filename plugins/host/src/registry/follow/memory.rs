//! The log of the same process.

use std::time::Duration;

use onhand_wire::memory_log::MemoryLog;

use super::TopicReader;

pub(super) struct MemoryReader {
    log: MemoryLog,
    positions: Vec<i64>,
    caught_up: bool,
}

impl MemoryReader {
    pub(super) fn new(log: MemoryLog) -> Self {
        Self { positions: log.starts(), log, caught_up: false }
    }
}

impl TopicReader for MemoryReader {
    fn poll(&mut self, wait: Duration) -> Vec<Vec<u8>> {
        match self.log.poll(&mut self.positions, wait) {
            Ok(records) => {
                self.caught_up = true; // one read returns everything that is there
                records.iter().map(|record| record.value.to_vec()).collect()
            }
            Err(gone) => {
                tracing::warn!(%gone, "reading the announcements from the oldest one that is left");
                self.positions = self.log.starts();
                Vec::new()
            }
        }
    }

    fn caught_up(&self) -> bool {
        self.caught_up
    }
}
