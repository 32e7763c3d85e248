//! What this process has committed goes to its relays as it stands: nothing is read back.
//!
//! The outbox has it too. So if a commit is not handed over (another replica's relay leads, too much waits already, the
//! commit's answer was lost), the next round finds it.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::Notify;

use crate::state::News;

/// Most changes that may wait; beyond that, they are left to the next round.
const MOST: usize = 50_000;

/// One for each feed's relay.
#[derive(Debug, Default)]
pub struct Handoffs(pub Vec<Arc<Handoff>>);

impl Handoffs {
    /// After a commit. `None`: only the outbox can tell what changed.
    pub(crate) fn give(&self, news: Option<News>) {
        let news = news.map(Arc::new);
        self.0.iter().for_each(|relay| relay.give(news.clone()));
    }
}

#[derive(Debug, Default)]
pub struct Handoff {
    leads: AtomicBool,
    handed: Mutex<Handed>,
    given: Notify,
}

#[derive(Debug, Default)]
pub(crate) struct Handed {
    /// As they came: of two commits that name one key, the later may come first.
    pub(crate) news: Vec<Arc<News>>,
    changes: usize,
    /// Whether the outbox has more of it.
    pub(crate) more: bool,
}

impl Handoff {
    fn give(&self, news: Option<Arc<News>>) {
        let nothing = news.as_ref().is_some_and(|news| news.changes.is_empty());
        if nothing || !self.leads.load(Ordering::Relaxed) {
            return;
        }
        let mut handed = self.handed();
        match news.filter(|_| handed.changes < MOST) {
            Some(news) => {
                handed.changes += news.changes.len();
                handed.news.push(news);
            }
            None => handed.more = true,
        }
        drop(handed);
        self.given.notify_one();
    }

    /// Sets whether this process's relay leads; forgets what was handed over before.
    pub(crate) fn set_leading(&self, leads: bool) {
        self.leads.store(leads, Ordering::Relaxed);
        self.take();
    }

    /// Resolves when something was handed over since this last did.
    pub(crate) async fn handed_over(&self) {
        self.given.notified().await;
    }

    pub(crate) fn take(&self) -> Handed {
        std::mem::take(&mut self.handed())
    }

    fn handed(&self) -> MutexGuard<'_, Handed> {
        self.handed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
