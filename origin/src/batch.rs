//! Natural batching: commands that arrive while a batch commits form the next one.
//!
//! No timer when idle: the first command starts a batch at once. A hot SKU pays one commit for
//! all the holds that waited for the one before. Bulk commands have lanes of their own, and a batch
//! each: nobody else waits for them, but at a row that both change.

mod parked;

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

use self::parked::Parked;
use crate::{
    answer::{WriteOutcome, answer_all},
    command::Ask,
    config::Limits,
    feed::{Feeds, find_end},
    handoff::Handoffs,
    metrics::{Decision, Metrics},
    state::BatchState,
    store::{Needs, Store, StoreError},
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
    reply: oneshot::Sender<WriteOutcome>,
}

/// Commands that are tried together, and how that failed the last time.
struct Part {
    waiting: Vec<Waiting>,
    failed: Option<String>,
}

impl Part {
    fn untried(waiting: Vec<Waiting>) -> Self {
        Self { waiting, failed: None }
    }
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
    parked: Parked,
    work: Arc<Work>,
}

/// What batches need.
pub struct Work {
    pub store: Arc<dyn Store>,
    /// Looked at where a term may have to be raised.
    pub feeds: Feeds,
    pub rules: Rules,
    pub limits: Limits,
    /// Gets what each commit changed, for the relay.
    pub handoffs: Arc<Handoffs>,
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
        parked: Parked::default(),
        work: work.clone(),
    };
    let mut lanes = vec![lane("batches", &Arc::new(Mutex::new(receiver)), MOST)];
    let bulk = Arc::new(Mutex::new(bulk));
    lanes.extend((0..BULK_LANES).map(|_| lane("bulk", &bulk, 1)));
    (Batches { queue: sender, bulk: bulk_sender, reachable }, lanes)
}

impl Batches {
    /// Answers within `patience`; a full queue is refused at once.
    pub async fn ask(&self, ask: Ask, patience: Duration) -> WriteOutcome {
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
            // A command is dropped once its caller has gone.
            batch.retain(|waiting| !waiting.reply.is_closed());
            let before = self.parked.len() as i64;
            if before > 0 {
                batch = self.parked.exchange(&self.work.store, batch).await;
            }
            if !batch.is_empty() {
                self.work.metrics.batch_size(batch.len());
                let started = Instant::now();
                self.settle(batch).await;
                self.work.metrics.batch_duration(started.elapsed());
            }
            self.work.metrics.add_parked(self.parked.len() as i64 - before);
        }
    }

    /// The commands that wait. Parked ones are tried again even when no new command comes.
    async fn gather(&mut self, gathered: &mut Vec<Waiting>) -> bool {
        let (queue, most) = (self.queue.clone(), self.most);
        let waiting = async move { queue.lock().await.recv_many(gathered, most).await };
        if self.parked.is_empty() {
            return waiting.await > 0;
        }
        tokio::time::timeout(parked::LOOK, waiting).await.is_ok_and(|more| more > 0) || !self.parked.is_empty()
    }

    /// Answers every command, running the batch again in smaller parts where one of them breaks it.
    async fn settle(&mut self, batch: Vec<Waiting>) {
        let mut parts = vec![Part::untried(batch)];
        while let Some(part) = parts.pop() {
            let attempt = self.work.attempt(&part.waiting).await;
            self.reachable.store(!matches!(attempt, Err(StoreError::Unreachable(_))), Ordering::Relaxed);
            match attempt {
                Ok(outcomes) => {
                    for (waiting, outcome) in part.waiting.into_iter().zip(outcomes) {
                        drop(waiting.reply.send(outcome));
                    }
                }
                Err(error) => {
                    parts.extend(self.recover(error, part).await.into_iter().filter(|part| !part.waiting.is_empty()));
                }
            }
        }
    }

    /// What is to be tried again, after a batch of which nothing is known to be written.
    async fn recover(&mut self, error: StoreError, part: Part) -> Vec<Part> {
        let Part { waiting, failed } = part;
        match error {
            StoreError::AnotherCopy => {
                let end = find_end(&self.work.feeds).await;
                if let Err(error) = self.work.store.settle_term(end).await {
                    tracing::warn!(%error, "the term could not be settled; trying again");
                    tokio::time::sleep(AGAIN).await;
                }
                vec![Part::untried(give_up_late(waiting))]
            }
            StoreError::Unreachable(cause) => {
                let commands = waiting.len();
                tracing::warn!(cause, commands, "the batch is tried again; its keys settle what was committed");
                let left = give_up_late(waiting);
                tokio::time::sleep(AGAIN).await;
                vec![Part::untried(left)]
            }
            StoreError::Overtaken(made) => {
                tracing::debug!(made, "the batch is tried again");
                vec![Part::untried(give_up_late(waiting))]
            }
            StoreError::Failing(cause) => again_or_halved(cause, waiting, failed).await,
            StoreError::Locked(_) => self.recover_locked(&error, waiting).await,
            StoreError::Refused(_) => halve_or_refuse(&error, waiting),
        }
    }

    /// Parks what needs the locked rows.
    async fn recover_locked(&mut self, error: &StoreError, waiting: Vec<Waiting>) -> Vec<Part> {
        let before = waiting.len();
        match self.parked.park_locked(&self.work.store, waiting).await {
            Ok(rest) if rest.len() < before => {
                tracing::warn!(parked = before - rest.len(), "rows stay locked; what needs them is parked");
                vec![Part::untried(rest)]
            }
            // Free again, or never a row's: one alone has its time to try again.
            Ok(rest) if rest.len() == 1 && rest[0].deadline > Instant::now() + AGAIN => {
                tokio::time::sleep(AGAIN).await;
                vec![Part::untried(rest)]
            }
            Ok(rest) => halve_or_refuse(error, rest),
            Err(waiting) => {
                tokio::time::sleep(AGAIN).await;
                vec![Part::untried(give_up_late(waiting))]
            }
        }
    }
}

/// The trouble may pass by itself, so the batch is tried once more. A batch that fails alike twice is halved: if one
/// command is the cause, the others must not wait until their time is up. That command alone is answered, so that the
/// next batch can begin.
async fn again_or_halved(cause: String, waiting: Vec<Waiting>, failed: Option<String>) -> Vec<Part> {
    let alike = failed.as_ref() == Some(&cause);
    tracing::warn!(cause, alike, commands = waiting.len(), "the database could not carry out a batch");
    if !alike {
        tokio::time::sleep(AGAIN).await;
        return vec![Part { waiting: give_up_late(waiting), failed: Some(cause) }];
    }
    let halves = halve_or_refuse(&StoreError::Failing(cause.clone()), waiting);
    halves.into_iter().map(|part| Part { failed: Some(cause.clone()), ..part }).collect()
}

/// A command that breaks its batch fails alone.
fn halve_or_refuse(error: &StoreError, waiting: Vec<Waiting>) -> Vec<Part> {
    if waiting.len() > 1 {
        let mut first = give_up_late(waiting);
        tracing::warn!(%error, commands = first.len(), "a command breaks its batch; it will fail alone");
        let second = first.split_off(first.len() / 2);
        return vec![Part::untried(second), Part::untried(first)];
    }
    for waiting in waiting {
        drop(waiting.reply.send(Err(refused(error, &waiting.ask))));
    }
    Vec::new()
}

impl Work {
    async fn attempt(&self, part: &[Waiting]) -> Result<Vec<WriteOutcome>, StoreError> {
        let asks: Vec<&Ask> = part.iter().map(|waiting| &waiting.ask).collect();
        // One batch, one set of releases.
        let rules = self.rules.pinned();
        let (mut outcomes, mut news) = (Vec::new(), None);
        let decide = &mut |state: &mut BatchState| {
            state.limits = self.limits;
            outcomes = answer_all(state, &asks, &rules);
            news = state.news();
        };
        let committed_at = self.store.batch(needs(&asks, self.limits), decide).await?;
        self.handoffs.give(news);
        for outcome in outcomes.iter_mut().flatten() {
            outcome.committed_at = committed_at;
        }
        outcomes.iter().for_each(|outcome| self.metrics.decided(label(outcome)));
        Ok(outcomes)
    }
}

/// As the metrics tell it.
fn label(outcome: &WriteOutcome) -> Decision {
    match outcome {
        Ok(answer) if answer.replayed => Decision::Replayed,
        Ok(_) => Decision::Done,
        Err(problem) if problem.code == Code::InsufficientStock => Decision::InsufficientStock,
        Err(_) => Decision::Refused,
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
        orders: asks.iter().filter_map(|ask| ask.command.order()).collect(),
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

/// What the caller of a command that failed in the database is told; the cause goes to the log only.
fn refused(error: &StoreError, ask: &Ask) -> Problem {
    tracing::error!(%error, correlation_id = ask.correlation, command = ?ask.command, "a command failed in the database");
    match error {
        StoreError::Locked(_) => parked::still_locked(),
        error if error.may_pass() => unavailable(),
        _ => Problem::new(
            Code::Internal,
            "the command could not be carried out; the log has the cause under this correlation id",
        ),
    }
}
