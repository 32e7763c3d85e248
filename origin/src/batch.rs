//! Natural batching: commands that arrive while a batch commits form the next one.
//!
//! No timer when idle: the first command starts a batch at once. A hot SKU pays one commit for
//! all the holds that waited for the one before. Bulk commands have lanes of their own, and a batch
//! each: nobody else waits for them, but at a row that both change.

mod aside;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use onhand_rules::Rules;
use onhand_wire::{Code, Problem};
use tokio::sync::{Mutex, mpsc, oneshot};

use self::aside::Aside;
use crate::{
    command::{Ask, Outcome},
    decide::decide_all,
    metrics::Metrics,
    relay::{Feed, Handoff},
    state::{Limits, State},
    store::{Needs, Store, StoreError},
    terms,
};

/// Most commands in one batch: beyond, a batch's own time would show in its callers' tails.
const MOST: usize = 512;
/// Bulk commands carried out at once: while one is in the database, the other is decided.
pub(crate) const BULK_LANES: usize = 2;
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
    bulk: mpsc::Sender<Waiting>,
    /// Whether the last batch found the database.
    reachable: Arc<AtomicBool>,
}

/// A lane's own side.
pub struct Batcher {
    pub name: &'static str,
    queue: Arc<Mutex<mpsc::Receiver<Waiting>>>,
    /// Most commands in one batch.
    most: usize,
    reachable: Arc<AtomicBool>,
    aside: Aside,
    work: Arc<Work>,
}

/// What batches need.
pub struct Work {
    pub store: Arc<dyn Store>,
    /// Looked at where a term may have to be raised.
    pub feed: Arc<dyn Feed>,
    pub rules: Rules,
    pub limits: Limits,
    /// Gets what each commit changed, for the relay.
    pub handoff: Arc<Handoff>,
    pub metrics: Metrics,
}

/// `queue`: commands that may wait for their batch. Every lane is to be run.
pub fn batches(work: Work, queue: usize) -> (Batches, Vec<Batcher>) {
    let ((sender, receiver), (bulk_sender, bulk)) = (mpsc::channel(queue), mpsc::channel(queue));
    let (reachable, work) = (Arc::new(AtomicBool::new(true)), Arc::new(work));
    let lane = |name, queue: &Arc<Mutex<mpsc::Receiver<Waiting>>>, most| Batcher {
        name,
        queue: queue.clone(),
        most,
        reachable: reachable.clone(),
        aside: Aside::default(),
        work: work.clone(),
    };
    let mut lanes = vec![lane("batches", &Arc::new(Mutex::new(receiver)), MOST)];
    let bulk = Arc::new(Mutex::new(bulk));
    lanes.extend((0..BULK_LANES).map(|_| lane("bulk", &bulk, 1)));
    (Batches { queue: sender, bulk: bulk_sender, reachable }, lanes)
}

impl Batches {
    /// Answers within `patience`; a full queue is refused at once.
    pub async fn ask(&self, ask: Ask, patience: Duration) -> Outcome {
        let (reply, answer) = oneshot::channel();
        let queue = if ask.command.is_bulk() { &self.bulk } else { &self.queue };
        let waiting = Waiting { ask, deadline: Instant::now() + patience, reply };
        if queue.try_send(waiting).is_err() {
            return Err(Problem::new(Code::Overloaded, "too many writes are waiting; try again shortly"));
        }
        match tokio::time::timeout(patience, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(unavailable()),
            Err(_) if !self.reachable.load(Ordering::Relaxed) => Err(unavailable()),
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
        let mut gathered = Vec::with_capacity(self.most);
        while self.gather(&mut gathered).await {
            let mut batch = std::mem::take(&mut gathered);
            // Whose caller has gone away is not carried out any more.
            batch.retain(|waiting| !waiting.reply.is_closed());
            let aside = self.aside.len() as i64;
            if aside > 0 {
                batch = self.aside.look(&self.work.store, batch).await;
            }
            if !batch.is_empty() {
                self.work.metrics.batch_size(batch.len());
                let started = Instant::now();
                self.settle(batch).await;
                self.work.metrics.batch_duration(started.elapsed());
            }
            self.work.metrics.set_aside(self.aside.len() as i64 - aside);
        }
    }

    /// What waits; while something is set aside, it is looked after even if nothing comes.
    async fn gather(&mut self, gathered: &mut Vec<Waiting>) -> bool {
        let (queue, most) = (self.queue.clone(), self.most);
        let waiting = async move { queue.lock().await.recv_many(gathered, most).await };
        if self.aside.is_empty() {
            return waiting.await > 0;
        }
        tokio::time::timeout(aside::LOOK, waiting).await.is_ok_and(|more| more > 0) || !self.aside.is_empty()
    }

    /// Answers every command, running the batch again in smaller parts where one of them breaks it.
    async fn settle(&mut self, batch: Vec<Waiting>) {
        let mut parts = vec![batch];
        while let Some(part) = parts.pop() {
            let attempt = self.work.attempt(&part).await;
            self.reachable.store(!matches!(attempt, Err(StoreError::Unreachable(_))), Ordering::Relaxed);
            match attempt {
                Ok(outcomes) => {
                    for (waiting, outcome) in part.into_iter().zip(outcomes) {
                        drop(waiting.reply.send(outcome));
                    }
                }
                Err(error) => parts.extend(self.recover(error, part).await),
            }
        }
    }

    /// What is to be tried again, after a batch of which nothing is known to be written.
    async fn recover(&mut self, error: StoreError, part: Vec<Waiting>) -> Vec<Vec<Waiting>> {
        match error {
            StoreError::AnotherCopy => {
                if let Err(error) = terms::settle(&self.work.store, &self.work.feed).await {
                    tracing::warn!(%error, "the term could not be settled; trying again");
                    tokio::time::sleep(AGAIN).await;
                }
                some(give_up_late(part))
            }
            StoreError::Unreachable(cause) => {
                let commands = part.len();
                tracing::warn!(cause, commands, "the batch is tried again; its keys settle what was committed");
                let left = give_up_late(part);
                tokio::time::sleep(AGAIN).await;
                some(left)
            }
            StoreError::Overtaken(made) => {
                tracing::debug!(made, "the batch is tried again");
                vec![part]
            }
            StoreError::Locked(_) => {
                let before = part.len();
                match self.aside.take_locked(&self.work.store, part).await {
                    Ok(rest) if rest.len() < before => {
                        tracing::warn!(
                            set_aside = before - rest.len(),
                            "rows stay locked; what needs them waits aside"
                        );
                        some(rest)
                    }
                    // Free again, or never a row's: one alone has its time to try again.
                    Ok(rest) if rest.len() == 1 && rest[0].deadline > Instant::now() + AGAIN => {
                        tokio::time::sleep(AGAIN).await;
                        vec![rest]
                    }
                    Ok(rest) => halve_or_refuse(&error, rest),
                    Err(part) => {
                        tokio::time::sleep(AGAIN).await;
                        some(give_up_late(part))
                    }
                }
            }
            StoreError::Refused(_) => halve_or_refuse(&error, part),
        }
    }
}

fn some(part: Vec<Waiting>) -> Vec<Vec<Waiting>> {
    if part.is_empty() { Vec::new() } else { vec![part] }
}

/// A command that breaks its batch fails alone.
fn halve_or_refuse(error: &StoreError, part: Vec<Waiting>) -> Vec<Vec<Waiting>> {
    if part.len() > 1 {
        let mut part = give_up_late(part);
        tracing::warn!(%error, commands = part.len(), "a command breaks its batch; it will fail alone");
        let rest = part.split_off(part.len() / 2);
        return [rest, part].into_iter().filter(|part| !part.is_empty()).collect();
    }
    for waiting in part {
        drop(waiting.reply.send(Err(refused(error, &waiting.ask))));
    }
    Vec::new()
}

impl Work {
    async fn attempt(&self, part: &[Waiting]) -> Result<Vec<Outcome>, StoreError> {
        let asks: Vec<&Ask> = part.iter().map(|waiting| &waiting.ask).collect();
        // One batch, one set of releases.
        let rules = self.rules.pinned();
        let (mut outcomes, mut news) = (Vec::new(), None);
        let decide = &mut |state: &mut State| {
            state.limits = self.limits;
            outcomes = decide_all(state, &asks, &rules);
            news = state.news();
        };
        let committed_at = self.store.batch(needs(&asks, self.limits), decide).await?;
        self.handoff.give(news);
        for outcome in outcomes.iter_mut().flatten() {
            outcome.committed_at = committed_at;
        }
        self.metrics.decided(&outcomes);
        Ok(outcomes)
    }
}

fn needs(asks: &[&Ask], limits: Limits) -> Needs {
    let keys: BTreeSet<_> = asks.iter().filter(|ask| !ask.key.is_empty()).map(|ask| ask.kept_under()).collect();
    let counted = asks.iter().filter(|ask| limits.max_open_units.is_some() && ask.command.is_hold());
    Needs {
        skus: asks.iter().flat_map(|ask| ask.command.skus()).collect(),
        reservations: asks.iter().filter_map(|ask| ask.reservation()).collect(),
        holders: counted.map(|ask| ask.holder()).collect(),
        keys: keys.into_iter().collect(),
        topology: asks.iter().any(|ask| ask.command.changes_topology()),
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
        StoreError::Locked(_) => aside::still_locked(),
        _ => Problem::new(
            Code::Internal,
            "the command could not be carried out; the log has the cause under this correlation id",
        ),
    }
}
