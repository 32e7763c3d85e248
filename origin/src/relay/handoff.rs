//! What this process has committed goes to its relay as it stands: nothing is read back.
//!
//! The outbox has it all the same. So whatever is not worth handing over (another replica's relay
//! leads, too much waits already, the commit's answer was lost) is left to the next round.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use onhand_wire::event::Change;
use tokio::sync::Notify;

/// Most changes that wait to be taken; beyond, they are left to the next round.
const MOST: usize = 50_000;

#[derive(Debug, Default)]
pub struct Handoff {
    leads: AtomicBool,
    handed: Mutex<Handed>,
    told: Notify,
}

#[derive(Debug, Default)]
pub(super) struct Handed {
    pub(super) changes: Vec<Change>,
    /// Whether the outbox has more of it.
    pub(super) more: bool,
}

impl Handoff {
    /// After a commit. `more`: the outbox has what is not among the changes.
    pub(crate) fn give(&self, changes: Vec<Change>, more: bool) {
        if !self.leads.load(Ordering::Relaxed) || (changes.is_empty() && !more) {
            return;
        }
        let mut handed = self.handed();
        handed.more |= more || handed.changes.len() >= MOST;
        if handed.changes.len() < MOST {
            handed.changes.extend(changes);
        }
        drop(handed);
        self.told.notify_one();
    }

    /// Whether this process's relay leads; what was handed to one that did is forgotten.
    pub(super) fn leads(&self, leads: bool) {
        self.leads.store(leads, Ordering::Relaxed);
        self.take();
    }

    pub(super) async fn told(&self) {
        self.told.notified().await;
    }

    pub(super) fn take(&self) -> Handed {
        std::mem::take(&mut self.handed())
    }

    fn handed(&self) -> MutexGuard<'_, Handed> {
        self.handed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
