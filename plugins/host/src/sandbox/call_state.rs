//! What one call's store holds: its limits, its settings, its log.

use std::{collections::BTreeMap, sync::Arc};

use onhand_wire::Timestamp;
use wasmtime::ResourceLimiter;

use crate::world::limits::LOG_BYTES;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

pub(crate) struct CallState {
    /// The limit of all its memories together, in bytes.
    memory: usize,
    /// Whether the guest asked for more memory than it may have: tells a memory fault from a trap.
    pub(crate) denied: bool,
    /// The size of all its memories together, in bytes. It is also the peak, since memories never shrink.
    pub(crate) peak: usize,
    /// The time that a guest's clock shows.
    pub(crate) at: Timestamp,
    /// The state of the random numbers, which are the same in each call.
    pub(crate) random: u64,
    settings: Arc<BTreeMap<String, String>>,
    pub(crate) log: Vec<(Level, String)>,
    log_room: usize,
}

impl CallState {
    pub(crate) fn new(memory: usize, settings: Arc<BTreeMap<String, String>>, at: Timestamp) -> Self {
        Self { memory, denied: false, peak: 0, at, random: 0, settings, log: Vec::new(), log_room: LOG_BYTES }
    }

    pub(crate) fn setting(&self, name: &str) -> Option<String> {
        self.settings.get(name).cloned()
    }

    /// Keeps as much of a line as there is room for, without line breaks, by which a rule could forge a line of the
    /// log.
    pub(crate) fn keep(&mut self, level: Level, text: &str) {
        let text = &text[..text.floor_char_boundary(self.log_room)];
        if text.is_empty() {
            return;
        }
        self.log_room -= text.len();
        self.log.push((level, text.replace(char::is_control, " ")));
    }
}

impl ResourceLimiter for CallState {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // Beyond the memory's own maximum it won't grow, whatever is returned here.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(true);
        }
        let total = self.peak.saturating_add(desired.saturating_sub(current));
        let granted = total <= self.memory;
        self.denied |= !granted;
        if granted {
            self.peak = total;
        }
        Ok(granted)
    }

    /// The pool has its own limit.
    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(true)
    }
}
