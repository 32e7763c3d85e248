//! Natural batching: commands that arrive while a batch commits form the next one.
//!
//! No timer when idle: the first command starts a batch at once. A hot SKU pays one commit for
//! all the holds that waited for the one before.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use onhand_rules::Rules;
use onhand_wire::{Code, Problem};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::{
    command::{Ask, Outcome},
    decide::decide_all,
    metrics::Metrics,
    store::{Needs, Store, StoreError},
};

/// Most commands in one batch: beyond, a batch's own time would show in its callers' tails.
const MOST: usize = 512;
/// Pause before a batch is tried again when the database cannot be reached.
const AGAIN: Duration = Duration::from_millis(50);

struct Waiting {
    ask: Ask,
    deadline: Instant,
    reply: oneshot::Sender<Outcome>,
}

/// Hands commands to the batcher.
#[derive(Clone)]
pub struct Batches {
    queue: mpsc::Sender<Waiting>,
}

/// The task's own side.
pub struct Batcher {
    queue: mpsc::Receiver<Waiting>,
    store: Arc<dyn Store>,
    rules: Rules,
    committed: Arc<Notify>,
    metrics: Metrics,
}

/// `committed` is told after each commit: it wakes the relay.
pub fn batches(
    store: Arc<dyn Store>,
    rules: Rules,
    committed: Arc<Notify>,
    metrics: Metrics,
    queue: usize,
) -> (Batches, Batcher) {
    let (sender, receiver) = mpsc::channel(queue);
    (Batches { queue: sender }, Batcher { queue: receiver, store, rules, committed, metrics })
}

impl Batches {
    /// Answers within `patience`; a full queue is refused at once.
    pub async fn ask(&self, ask: Ask, patience: Duration) -> Outcome {
        let (reply, answer) = oneshot::channel();
        let waiting = Waiting { ask, deadline: Instant::now() + patience, reply };
        if self.queue.try_send(waiting).is_err() {
            return Err(Problem::new(Code::Overloaded, "too many writes are waiting; try again shortly"));
        }
        match tokio::time::timeout(patience, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(unavailable()),
            Err(_) => Err(Problem::new(
                Code::DeadlineExceeded,
                "the write was not settled in time; the same key tells what became of it",
            )),
        }
    }
}

fn unavailable() -> Problem {
    Problem::new(
        Code::OriginUnavailable,
        "the database cannot be reached; nothing is lost, try again with the same key",
    )
}

impl Batcher {
    /// Runs until every [`Batches`] is gone and the queue is empty.
    pub async fn run(mut self) {
        let mut gathered = Vec::with_capacity(MOST);
        while self.queue.recv_many(&mut gathered, MOST).await > 0 {
            self.metrics.batch_size(gathered.len());
            let started = Instant::now();
            self.settle(std::mem::take(&mut gathered)).await;
            self.metrics.batch_duration(started.elapsed());
        }
    }

    /// Answers every command, running the batch again in smaller parts where one of them breaks it.
    async fn settle(&self, batch: Vec<Waiting>) {
        let mut parts = vec![batch];
        while let Some(part) = parts.pop() {
            match self.attempt(&part).await {
                Ok(outcomes) => {
                    for (waiting, outcome) in part.into_iter().zip(outcomes) {
                        drop(waiting.reply.send(outcome));
                    }
                }
                Err(StoreError::Unreachable(cause)) => {
                    tracing::warn!(
                        cause,
                        commands = part.len(),
                        "the batch is tried again; its keys settle what was committed"
                    );
                    parts.extend(Some(give_up_late(part)).filter(|left| !left.is_empty()));
                    tokio::time::sleep(AGAIN).await;
                }
                Err(error) if part.len() > 1 => {
                    let mut part = give_up_late(part);
                    tracing::warn!(%error, commands = part.len(), "a command breaks its batch; it will fail alone");
                    let rest = part.split_off(part.len() / 2);
                    parts.extend([rest, part]);
                }
                Err(error) => {
                    for waiting in part {
                        drop(waiting.reply.send(Err(refused(&error, &waiting.ask))));
                    }
                }
            }
        }
    }

    async fn attempt(&self, part: &[Waiting]) -> Result<Vec<Outcome>, StoreError> {
        let asks: Vec<&Ask> = part.iter().map(|waiting| &waiting.ask).collect();
        let mut outcomes = Vec::new();
        let committed_at =
            self.store.batch(needs(&asks), &mut |state| outcomes = decide_all(state, &asks, &self.rules)).await?;
        self.committed.notify_one();
        for outcome in outcomes.iter_mut().flatten() {
            outcome.committed_at = committed_at;
        }
        self.metrics.decided(&outcomes);
        Ok(outcomes)
    }
}

fn needs(asks: &[&Ask]) -> Needs {
    let keys: BTreeSet<_> =
        asks.iter().filter(|ask| !ask.key.is_empty()).map(|ask| (ask.actor.clone(), ask.key.clone())).collect();
    Needs {
        skus: asks.iter().flat_map(|ask| ask.command.skus()).collect(),
        may_create: asks.iter().flat_map(|ask| ask.command.may_create()).collect(),
        reservations: asks.iter().filter_map(|ask| ask.command.reservation()).collect(),
        keys: keys.into_iter().collect(),
        reconcile: asks.iter().flat_map(|ask| ask.command.reconciles()).collect(),
    }
}

/// Answers those whose time is up; the others go on waiting.
fn give_up_late(part: Vec<Waiting>) -> Vec<Waiting> {
    let (late, left): (Vec<_>, Vec<_>) =
        part.into_iter().partition(|waiting| waiting.deadline <= Instant::now() + AGAIN);
    for waiting in late {
        drop(waiting.reply.send(Err(unavailable())));
    }
    left
}

/// What one command gets that the database refused; the cause goes to the log only.
fn refused(error: &StoreError, ask: &Ask) -> Problem {
    tracing::error!(%error, correlation_id = ask.correlation, command = ?ask.command, "a command failed in the database");
    match error {
        StoreError::Locked(_) => {
            Problem::new(Code::Overloaded, "the stock's rows are locked by other work; try again shortly")
        }
        _ => Problem::new(
            Code::Internal,
            "the command could not be carried out; the log has the cause under this correlation id",
        ),
    }
}
