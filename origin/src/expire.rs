//! The sweeper: closes holds at their deadline, so that edges see the stock come back at once.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use crate::{
    batch::Batches,
    command::{Ask, Command},
    metrics::Metrics,
    store::{Store, StoreError},
};

/// Looked at least this often: another replica's holds may have earlier deadlines.
const LOOK: Duration = Duration::from_millis(200);
/// Holds closed in one go.
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
}

impl Sweeper {
    /// Runs until it is dropped.
    pub async fn run(self) {
        let mut keys_swept = tokio::time::Instant::now();
        loop {
            let next = match self.sweep().await {
                // More may be due than one go takes.
                Ok((closed, _)) if closed.len() == MOST => continue,
                Ok((_, next)) => next,
                Err(error) => {
                    tracing::warn!(%error, "expired holds could not be looked for");
                    None
                }
            };
            if keys_swept.elapsed() > KEYS_SWEPT_EVERY {
                keys_swept = tokio::time::Instant::now();
                if let Err(error) = self.store.drop_keys_older_than(KEYS_KEPT).await {
                    tracing::warn!(%error, "old idempotency keys could not be dropped");
                }
            }
            tokio::time::sleep(next.unwrap_or(LOOK).min(LOOK)).await;
        }
    }

    /// Closes what is due now; its ids, and the time to the next deadline.
    pub async fn sweep(&self) -> Result<(Vec<Uuid>, Option<Duration>), StoreError> {
        let due = self.store.due(MOST).await?;
        let closing = due.ids.iter().map(|id| self.batches.ask(expire(*id), PATIENCE));
        let closed = futures_util::future::join_all(closing).await;
        if let Some(problem) = closed.iter().find_map(|outcome| outcome.as_ref().err()) {
            tracing::warn!(detail = %problem.detail, "an expired hold could not be closed; it is tried again");
        }
        let done: Vec<Uuid> =
            due.ids.iter().zip(&closed).filter(|(_, outcome)| outcome.is_ok()).map(|(id, _)| *id).collect();
        self.metrics.expired(done.len());
        Ok((done, due.next))
    }
}

/// No key: closing twice changes nothing.
fn expire(id: Uuid) -> Ask {
    Ask {
        command: Command::Expire(id),
        actor: "onhand".to_owned(),
        key: String::new(),
        digest: [0; 32],
        correlation: format!("expire-{id}"),
    }
}
