//! The feed of the same process.

use std::time::Duration;

use onhand_wire::memory_log::MemoryLog;

use super::{Apply, Stop};

const WAIT: Duration = Duration::from_millis(100);

pub(super) fn read(log: &MemoryLog, mut apply: Apply, stop: &Stop) {
    let mut positions = log.ends();
    apply.restart(&positions, stop);
    apply.position.set_connected(true);
    while !stop.stopped() {
        match log.poll(&mut positions, WAIT) {
            Ok(records) => {
                records.iter().for_each(|record| apply.record(record.partition, record.offset, &record.value, stop))
            }
            Err(gone) => {
                tracing::warn!(%gone, "reading on from the end");
                positions = log.ends();
                apply.restart(&positions, stop);
            }
        }
    }
}
