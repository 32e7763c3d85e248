//! What one call's store holds: its limits, its settings, its log.

use std::{collections::BTreeMap, sync::Arc};

use onhand_wire::Timestamp;
use wasmtime::{ResourceLimiter, StoreLimits, StoreLimitsBuilder};

use crate::LOG_BYTES;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

pub(crate) struct State {
    limits: StoreLimits,
    /// Whether memory was asked for that it may not have: tells a memory fault from a trap.
    pub(crate) denied: bool,
    /// Most bytes of memory that it had.
    pub(crate) peak: usize,
    /// What a guest that asks for the time is told.
    pub(crate) at: Timestamp,
    /// Of the random numbers, which are the same for each call.
    pub(crate) random: u64,
    settings: Arc<BTreeMap<String, String>>,
    pub(crate) log: Vec<(Level, String)>,
    log_room: usize,
}

impl State {
    pub(crate) fn new(memory: usize, settings: Arc<BTreeMap<String, String>>, at: Timestamp) -> Self {
        let limits = StoreLimitsBuilder::new().memory_size(memory).build();
        Self { limits, denied: false, peak: 0, at, random: 0, settings, log: Vec::new(), log_room: LOG_BYTES }
    }

    pub(crate) fn setting(&self, name: &str) -> Option<String> {
        self.settings.get(name).cloned()
    }

    /// Keeps what there is room for. A line break would let a rule forge a line of the log.
    pub(crate) fn keep(&mut self, level: Level, text: &str) {
        let text = &text[..text.floor_char_boundary(self.log_room)];
        if text.is_empty() {
            return;
        }
        self.log_room -= text.len();
        self.log.push((level, text.replace(char::is_control, " ")));
    }
}

impl ResourceLimiter for State {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let granted = self.limits.memory_growing(current, desired, maximum)?;
        self.denied |= !granted;
        self.peak = self.peak.max(if granted { desired } else { current });
        Ok(granted)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        self.limits.table_growing(current, desired, maximum)
    }
}
