//! The sweeper: closes holds at their deadline, so that edges see the stock come back at once.

use std::{sync::Arc, time::Duration};

use onhand_wire::{Sees, Timestamp};
use uuid::Uuid;

use crate::{
    batch::Batches,
    command::{Ask, Command},
    key::CallDigest,
    metrics::Metrics,
    store::{Store, StoreError},
};

/// The longest time between checks, because another replica's holds may have earlier deadlines.
const LOOK: Duration = Duration::from_millis(200);
/// How many holds are closed at a time.
const MOST: usize = 500;
const PATIENCE: Duration = Duration::from_secs(10);
/// Keys are kept 24 h at least.
const KEYS_KEPT: Duration = Duration::from_secs(25 * 3600);
const KEYS_SWEPT_EVERY: Duration = Duration::from_secs(600);

#[derive(Clone)]
pub struct Sweeper {
    pub store: Arc<dyn Store>,
    pub batches: Batches,
    pub metrics: Metrics,
    /// How long lines of the trail are kept.
    pub trail_keep: Duration,
}

impl Sweeper {
    /// Runs until it is dropped.
    pub async fn run(self) {
        let mut keys_swept = tokio::time::Instant::now();
        loop {
            let next = match self.sweep().await {
                // More may be due.
                Ok(swept) if swept.ids.len() == MOST => continue,
                Ok(swept) => swept.next,
                Err(error) => {
                    tracing::warn!(%error, "expired holds could not be read");
                    None
                }
            };
            if keys_swept.elapsed() > KEYS_SWEPT_EVERY {
                keys_swept = tokio::time::Instant::now();
                if let Err(error) = self.store.drop_keys_older_than(KEYS_KEPT).await {
                    tracing::warn!(%error, "old idempotency keys could not be dropped");
                }
                if let Err(error) = self.store.forget_trail(self.trail_keep).await {
                    tracing::warn!(%error, "old lines of the trail could not be dropped");
                }
            }
            tokio::time::sleep(next.unwrap_or(LOOK).min(LOOK)).await;
        }
    }

    /// Closes everything that is due, however much; what cannot be closed is left to the next check.
    pub async fn sweep_all(&self) -> Result<Swept, StoreError> {
        let mut all = Swept::default();
        loop {
            let swept = self.sweep().await?;
            let last = swept.due < MOST || swept.ids.is_empty();
            all.ids.extend(swept.ids);
            all.committed_at = swept.committed_at.or(all.committed_at);
            if last {
                return Ok(all);
            }
        }
    }

    /// Closes what is due now, up to the limit of one pass.
    pub async fn sweep(&self) -> Result<Swept, StoreError> {
        let due = self.store.due(MOST).await?;
        let closing = due.ids.iter().map(|id| self.batches.ask(expire(*id), PATIENCE));
        let closed = futures_util::future::join_all(closing).await;
        if let Some(problem) = closed.iter().find_map(|outcome| outcome.as_ref().err()) {
            tracing::warn!(detail = %problem.detail, "an expired hold could not be closed; trying again");
        }
        let done: Vec<Uuid> =
            due.ids.iter().zip(&closed).filter(|(_, outcome)| outcome.is_ok()).map(|(id, _)| *id).collect();
        self.metrics.expired(done.len());
        let committed_at = closed.iter().flatten().map(|answer| answer.committed_at).max();
        Ok(Swept { ids: done, due: due.ids.len(), next: due.next, committed_at })
    }
}

/// What a sweep closed.
#[derive(Debug, Default)]
pub struct Swept {
    pub ids: Vec<Uuid>,
    /// What it found to close.
    pub due: usize,
    /// The time to the next deadline.
    pub next: Option<Duration>,
    pub committed_at: Option<Timestamp>,
}

/// Without a key, because closing twice changes nothing.
fn expire(id: Uuid) -> Ask {
    Ask {
        command: Command::Expire(id),
        actor: "onhand".to_owned(),
        owner: None,
        sees: Sees::All,
        key: String::new(),
        digest: CallDigest::own([0; 32]),
        correlation: format!("expire-{id}"),
    }
}

#[cfg(test)]
mod tests {
    use onhand_rules::Rules;
    use onhand_wire::{Timestamp, request::read};

    use super::*;
    use crate::{
        batch::{Work, batches},
        config::Limits,
        feed::MemoryFeed,
        store::sqlite::Sqlite,
    };

    fn ask(command: Command) -> Ask {
        let key = Uuid::new_v4().to_string();
        Ask {
            command,
            actor: "tester".to_owned(),
            owner: None,
            sees: Sees::All,
            key,
            digest: CallDigest::own([0; 32]),
            correlation: "c-1".to_owned(),
        }
    }

    /// One go takes 500: a sweep asked for by an operator must not stop there.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_sweep_closes_all_that_is_due() {
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(None).unwrap());
        store.migrate().await.unwrap();
        let metrics = Metrics::new(prometheus::Registry::new());
        let feed = Arc::new(MemoryFeed(onhand_wire::memory_log::MemoryLog::new(1)));
        let feeds: crate::feed::Feeds = Arc::new([feed as Arc<dyn crate::feed::Feed>]);
        let (handoffs, rules) = (Arc::default(), Rules::none());
        let limits = Limits::default();
        let work = Work { store: store.clone(), feeds, rules, limits, handoffs, metrics: metrics.clone() };
        let (batches, lanes) = batches(work, 10_000);
        lanes.into_iter().for_each(|lane| drop(tokio::spawn(lane.run())));
        let run = async |command| batches.ask(ask(command), PATIENCE).await.unwrap();
        let sku = onhand_wire::Sku::new("x").unwrap();
        let a = onhand_wire::LocationId::new("a").unwrap();
        run(Command::PutLocation(a, read(br#"{"name":"A"}"#).unwrap())).await;
        run(Command::PutItem(sku.clone(), read(br#"{"name":"X"}"#).unwrap())).await;
        run(Command::SetStock(sku, read(br#"{"location":"a","quantity":2000,"reason":"r"}"#).unwrap())).await;
        let hold = br#"{"lines":[{"sku":"x","quantity":1}],"ttl_s":60}"#;
        let holds = (0..1200).map(|_| run(Command::Hold(Uuid::now_v7(), read(hold).unwrap())));
        futures_util::future::join_all(holds).await;
        let later: Timestamp =
            store.backlog("a", true).round(&Default::default()).await.unwrap().t.plus(Duration::from_secs(3600));
        store.backlog("a", true).store_t(Uuid::new_v4(), later, None, PATIENCE).await.unwrap().unwrap();
        let swept = Sweeper { store: store.clone(), batches: batches.clone(), metrics, trail_keep: PATIENCE }
            .sweep_all()
            .await
            .unwrap();
        assert_eq!(swept.ids.len(), 1200);
        assert!(store.due(1).await.unwrap().ids.is_empty() && swept.committed_at.is_some());
    }
}
