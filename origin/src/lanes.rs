//! The order lanes: from their logs into the database, and there to a decision.
//!
//! Kafka absorbs the burst, the database is the queue:
//!
//! 1. `intake` makes rows of a lane's records, in one commit with the position up to which it is read.
//! 2. `decider` takes the first of each lane's line and asks the batches for a decision. A batch decides an order only
//!    as the next of its line, under the lock of its first SKU, and in one commit with its hold.
//! 3. What fails by a fault of its own leaves the line, is tried again after a pause, and becomes a dead letter.
//! 4. `pay` charges for what is held, where a hook is configured; nobody's decision waits for it.
//! 5. `letters` sends dead letters' records to their topic; `replays` sends them back where operators want it.
//! 6. `notices` tells webhooks what was decided.
//!
//! One replica leads, by a lease. Two at once, or one that wakes late, change nothing: positions are locked by who takes
//! in, and lines by who decides.

mod board;
mod decider;
mod intake;
mod letters;
mod line;
mod metrics;
mod notices;
mod pay;
mod probe;
mod replays;
mod source;

use std::{sync::Arc, time::Duration};

use onhand_kafka::Brokers;
use onhand_orders::{Acceptor, Config, Log};
use onhand_wire::order::{Lane, Standing};
use tokio::{sync::Notify, task::JoinSet};
use uuid::Uuid;

pub use self::probe::probe;
use self::{board::Board, metrics::LaneMetrics, notices::Teller, pay::Hook};
use crate::{
    batch::Batches,
    config::{Decisions, Payment},
    store::{Store, StoreError, orders::LaneRow},
    topic::{Shape, Topic},
};

/// A leader that says nothing for so long is followed by another.
const LEASE: Duration = Duration::from_secs(4);
const RENEWED_EVERY: Duration = Duration::from_secs(1);

/// What the lanes are made of.
pub struct Parts {
    pub store: Arc<dyn Store>,
    pub batches: Batches,
    pub config: Config,
    pub log: Log,
    /// Of topics that are to be made.
    pub shape: Shape,
    pub registry: prometheus::Registry,
    /// How orders are paid, before they are confirmed.
    pub payment: Payment,
    /// Who is told what became of orders.
    pub decisions: Decisions,
    pub client: reqwest::Client,
}

pub struct Lanes {
    store: Arc<dyn Store>,
    batches: Batches,
    config: Config,
    log: Log,
    shape: Shape,
    pub acceptor: Acceptor,
    metrics: LaneMetrics,
    board: Board,
    /// Something was taken in, resumed or replayed.
    woken: Notify,
    /// None: orders are not paid.
    hook: Option<Arc<Hook>>,
    teller: Teller,
    letters: Option<Topic>,
    holder: Uuid,
}

impl Lanes {
    /// None where orders are not configured.
    pub fn new(parts: Parts) -> Result<Option<Arc<Self>>, rdkafka::error::KafkaError> {
        let Parts { store, batches, config, log, shape, registry, payment, decisions, client } = parts;
        let Some(acceptor) = Acceptor::new(&config, log.clone())? else { return Ok(None) };
        let letters = match &log {
            Log::Kafka(brokers) => {
                let name = onhand_orders::lanes::letters_of(&config.topic);
                Some(Topic::new(brokers, &name, Shape { partitions: 1, ..shape })?)
            }
            Log::Memory(_) => None,
        };
        let (metrics, holder) = (LaneMetrics::new(&registry), Uuid::new_v4());
        let board = Board::new(store.clone());
        let woken = Notify::new();
        let teller = Teller::new(decisions, client.clone());
        let hook = payment.is_on().then(|| Arc::new(Hook::new(payment, client)));
        Ok(Some(Arc::new(Self {
            store,
            batches,
            config,
            log,
            shape,
            acceptor,
            metrics,
            board,
            woken,
            hook,
            teller,
            letters,
            holder,
        })))
    }

    /// Runs until it is dropped; works while it leads.
    pub async fn run(self: Arc<Self>) {
        let mut work: Option<JoinSet<()>> = None;
        let mut looks = tokio::time::interval(RENEWED_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            match self.store.lead_lanes(self.holder, LEASE).await {
                Ok(true) if work.is_none() => {
                    tracing::info!("this replica leads the order lanes");
                    work = Some(self.start());
                }
                Ok(true) => {}
                Ok(false) => work = None,
                Err(error) => tracing::warn!(%error, "the lead over the order lanes could not be renewed"),
            }
            if work.as_mut().is_some_and(|work| work.try_join_next().is_some()) {
                tracing::error!("work on the order lanes ended by itself; it begins again");
                work = None;
            }
            self.metrics.leads(work.is_some());
            self.measure().await;
        }
    }

    /// Lets another replica go on at once.
    pub async fn leave(&self) {
        if let Err(error) = self.store.leave_lanes(self.holder).await {
            tracing::warn!(%error, "the lead over the order lanes could not be given up; its lease ends by itself");
        }
    }

    fn start(self: &Arc<Self>) -> JoinSet<()> {
        let mut work = JoinSet::new();
        for lane in Lane::ALL {
            work.spawn(intake::run(self.clone(), lane));
        }
        work.spawn(decider::run(self.clone()));
        work.spawn(replays::run(self.clone()));
        work.spawn(notices::run(self.clone()));
        if let Some(hook) = &self.hook {
            work.spawn(pay::run(self.clone(), hook.clone()));
        }
        if self.letters.is_some() {
            work.spawn(letters::run(self.clone()));
        }
        work
    }

    /// How long an order has that does not say.
    pub fn decide_within(&self) -> Duration {
        self.config.decide_within.0
    }

    /// Somebody changed what there is to do.
    pub fn wake(&self) {
        self.woken.notify_one();
    }

    /// How far each lane has come.
    pub async fn rows(&self) -> Result<Arc<Vec<LaneRow>>, StoreError> {
        self.board.rows().await
    }

    /// As edges are told it; this node's own answers are made of it, too.
    pub async fn standing(&self) -> Result<Standing, StoreError> {
        let standing = board::standing(&self.board.rows().await?);
        self.acceptor.learn(standing.clone());
        Ok(standing)
    }

    /// What was looked up of the lanes before no longer counts.
    pub async fn changed(&self) {
        self.board.forget().await;
        self.wake();
    }

    async fn measure(&self) {
        if let Err(error) = self.try_to_measure().await {
            tracing::debug!(%error, "the order lanes could not be measured");
        }
    }

    async fn try_to_measure(&self) -> Result<(), StoreError> {
        let now = onhand_orders::now();
        self.standing().await?;
        for row in self.board.rows().await?.iter() {
            let oldest = row.oldest.map(|oldest| now.since(oldest)).unwrap_or_default();
            self.metrics.lag(row.lane, row.undecided, oldest, row.paused);
        }
        let letters = self.store.letters_by_cause().await?;
        let oldest = letters.iter().map(|letters| letters.first_seen).min();
        let size = letters.iter().map(|letters| letters.count).sum();
        self.metrics.letters(size, oldest.map(|oldest| now.since(oldest)).unwrap_or_default());
        let notices = self.store.undelivered_notices().await?;
        self.metrics.notices(notices.pending, notices.failed);
        Ok(())
    }

    fn brokers(&self) -> Option<&Brokers> {
        if let Log::Kafka(brokers) = &self.log { Some(brokers) } else { None }
    }
}
