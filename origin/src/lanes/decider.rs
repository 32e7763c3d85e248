//! Deciding: the first of each lane's line go into the batches, as many as keep them busy.
//!
//! The high lane has nine turns of ten, and each lane the other's where the other has nothing. What comes back undecided
//! is no order's fault (the database is away, an order before it was not decided): it stays where it is in its line.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use onhand_wire::{
    Code, Problem, Sees,
    order::{Lane, OrderRecord, OrderState},
};
use serde::Deserialize;
use uuid::Uuid;

use super::{Lanes, line};
use crate::{
    answer::WriteOutcome,
    command::{Ask, Command, DecideOrder},
    key::CallDigest,
    store::{
        StoreError,
        orders::{Fault, Waiting},
    },
};

/// Orders of one turn, of both lanes alike.
const TURN: usize = 64;
/// Orders under way: more would only make callers' own writes wait.
const UNDER_WAY: usize = 256;
/// Every tenth turn is the low lane's.
const LOW_TURN: u64 = 10;
/// How long one may take; then it is looked at again.
const PATIENCE: Duration = Duration::from_secs(10);
/// Looks for what comes without a call: orders whose pause is over, a lane resumed by another replica.
const LOOK: Duration = Duration::from_millis(100);
/// After trouble of the database.
const AGAIN: Duration = Duration::from_millis(200);

pub(super) async fn run(lanes: Arc<Lanes>) {
    Decider::new(lanes).run().await;
}

struct Decided {
    order: Waiting,
    record: Option<Arc<OrderRecord>>,
    began: Instant,
    outcome: WriteOutcome,
}

struct Decider {
    lanes: Arc<Lanes>,
    turn: u64,
    ids: HashSet<Uuid>,
    under_way: FuturesUnordered<BoxFuture<'static, Decided>>,
    paused: Vec<Lane>,
    /// Up to where each lane's line was taken since the last look at its head.
    reached: HashMap<Lane, i64>,
    looked: Option<Instant>,
    trouble: Option<Instant>,
    pace: Pace,
}

impl Decider {
    fn new(lanes: Arc<Lanes>) -> Self {
        Self {
            lanes,
            turn: 0,
            ids: HashSet::new(),
            under_way: FuturesUnordered::new(),
            paused: Vec::new(),
            reached: HashMap::new(),
            looked: None,
            trouble: None,
            pace: Pace::default(),
        }
    }

    async fn run(mut self) {
        loop {
            if let Err(error) = self.fill().await {
                tracing::warn!(%error, "orders that wait could not be looked for");
                tokio::time::sleep(AGAIN).await;
            }
            if self.under_way.is_empty() {
                self.pace.idle();
                let _woken_or_time = tokio::time::timeout(LOOK, self.lanes.woken.notified()).await;
                self.looked = None;
                continue;
            }
            self.pace.busy();
            if let Some(decided) = self.under_way.next().await {
                self.settle(decided).await;
            }
            while let Some(Some(decided)) = futures_util::FutureExt::now_or_never(self.under_way.next()) {
                self.settle(decided).await;
            }
            self.pace.tell(&self.lanes).await;
        }
    }

    /// Takes turns until enough is under way, or nothing waits.
    async fn fill(&mut self) -> Result<(), StoreError> {
        if self.trouble.is_some_and(|since| since.elapsed() < AGAIN) {
            if self.under_way.is_empty() {
                tokio::time::sleep(AGAIN).await;
            } else {
                return Ok(());
            }
        }
        self.trouble = None;
        if self.looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
            self.look().await?;
        }
        while self.ids.len() + TURN <= UNDER_WAY {
            let first = if self.turn % LOW_TURN == LOW_TURN - 1 { Lane::Low } else { Lane::High };
            let other = if first == Lane::Low { Lane::High } else { Lane::Low };
            self.turn += 1;
            if self.take_turn(first).await? == 0 && self.take_turn(other).await? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Which lanes are paused, and whose pause is over.
    async fn look(&mut self) -> Result<(), StoreError> {
        self.looked = Some(Instant::now());
        self.paused = self.lanes.store.paused_lanes().await?;
        // What came in behind its back, and what came back undecided, stands before what was taken.
        self.reached.clear();
        let again = self.lanes.store.orders_again(TURN).await?;
        self.submit(again);
        Ok(())
    }

    /// How many more are under way now.
    async fn take_turn(&mut self, lane: Lane) -> Result<usize, StoreError> {
        if self.paused.contains(&lane) {
            return Ok(0);
        }
        let after = self.reached.get(&lane).copied().unwrap_or_default();
        // At the head of the line stand those that are under way.
        let limit = if after == 0 { TURN + self.ids.len() } else { TURN };
        let mut waiting = self.lanes.store.waiting_orders(lane, after, limit).await?;
        waiting.retain(|order| !self.ids.contains(&order.id));
        waiting.truncate(TURN);
        let more = waiting.len();
        if let Some(last) = waiting.last() {
            self.reached.insert(lane, last.seq);
        }
        self.submit(waiting);
        Ok(more)
    }

    fn submit(&mut self, orders: Vec<Waiting>) {
        for order in orders {
            if self.ids.insert(order.id) {
                let mut deciding: BoxFuture<'static, Decided> = Box::pin(decide(self.lanes.clone(), order));
                // Asked now, and in this order: the batches' queue keeps it.
                match futures_util::FutureExt::now_or_never(&mut deciding) {
                    Some(decided) => self.under_way.push(Box::pin(std::future::ready(decided))),
                    None => self.under_way.push(deciding),
                }
            }
        }
    }

    async fn settle(&mut self, decided: Decided) {
        let Decided { order, record, began, outcome } = decided;
        let (id, lane) = (order.id, order.lane);
        match outcome {
            Ok(answer) => {
                self.pace.decided(lane);
                self.lanes.decided(&order, record.as_deref(), &answer.body, began.elapsed());
            }
            Err(problem) => match own_fault(&problem) {
                Some(cause) => self.lanes.set_aside(&order, cause, problem.detail.into_owned()).await,
                None => {
                    tracing::debug!(%id, code = problem.code.as_str(), "an order stays in its line");
                    self.trouble = Some(Instant::now());
                }
            },
        }
        self.ids.remove(&id);
    }
}

/// What trying it again at once would not help, and what is no other order's trouble; one of a few words.
fn own_fault(problem: &Problem) -> Option<&'static str> {
    match problem.code {
        Code::Maintenance | Code::Overloaded | Code::OriginUnavailable | Code::DeadlineExceeded | Code::InProgress => {
            None
        }
        Code::RateLimited => Some("open_units"),
        Code::Internal => Some("database"),
        _ => Some("refused"),
    }
}

async fn decide(lanes: Arc<Lanes>, order: Waiting) -> Decided {
    let began = Instant::now();
    let record = match OrderRecord::decode(&order.record) {
        Ok(record) => Arc::new(record),
        Err(error) => {
            let outcome = Err(Problem::new(Code::Internal, error));
            return Decided { order, record: None, began, outcome };
        }
    };
    let decide = DecideOrder { record: record.clone(), reservation: Uuid::now_v7(), pays: lanes.hook.is_some() };
    let ask = Ask {
        command: Command::Order(Box::new(decide)),
        actor: record.subject.clone(),
        owner: record.owner.clone(),
        sees: Sees::All,
        key: String::new(),
        digest: CallDigest { now: [0; 32], before: None },
        correlation: record.correlation.clone(),
    };
    let outcome = lanes.batches.ask(ask, PATIENCE).await;
    Decided { order, record: Some(record), began, outcome }
}

#[derive(Deserialize)]
struct Outcome {
    state: OrderState,
}

impl Lanes {
    fn decided(&self, order: &Waiting, record: Option<&OrderRecord>, body: &str, took: Duration) {
        let Ok(Outcome { state }) = serde_json::from_str(body) else { return };
        self.metrics.processed(order.lane, state, took);
        if let Some(record) = record {
            tracing::info!(
                target: "onhand::orders",
                event = "order_processed",
                service = "onhand-origin",
                correlation_id = record.correlation,
                user_id = record.subject,
                item_id = record.order.first_sku(),
                order_id = %order.id,
                state = state.as_str(),
                processing_time_ms = took.as_secs_f64() * 1000.0,
                "an order was processed"
            );
        }
    }

    /// A fault of its own: again after a pause that grows, then a dead letter.
    async fn set_aside(&self, order: &Waiting, cause: &'static str, text: String) {
        let attempts = u32::try_from(order.attempts).unwrap_or_default() + 1;
        let again = attempts < self.config.max_attempts;
        let pause = again.then(|| pause(attempts, &self.config));
        let fault = Fault { cause, text: line::short(text) };
        let (id, lane) = (order.id, order.lane.as_str());
        tracing::warn!(%id, lane, cause, attempts, fault = fault.text, again, "an order failed by a fault of its own");
        match self.store.set_order_aside(id, &fault, pause).await {
            Ok(true) if !again => self.metrics.dead_lettered(cause),
            Ok(_) => self.metrics.set_aside(),
            Err(error) => tracing::warn!(%error, %id, "an order could not be set aside"),
        }
    }
}

/// Doubles each time, and is up to a quarter longer, so that what failed together does not come back together.
fn pause(attempts: u32, config: &onhand_orders::Config) -> Duration {
    let doubled = config.shortest_pause.0.saturating_mul(1 << attempts.saturating_sub(1).min(20));
    let pause = doubled.min(config.longest_pause.0);
    // Any number will do that two orders do not share.
    let jitter = f64::from(Uuid::new_v4().as_bytes()[0]) / 1024.0;
    pause + pause.mul_f64(jitter)
}

/// How fast lanes are decided, while there is something to decide.
#[derive(Default)]
struct Pace {
    since: Option<Instant>,
    spent: Duration,
    decided: HashMap<Lane, u64>,
    rates: HashMap<Lane, f64>,
}

/// A rate is told after so much work.
const TOLD_AFTER: Duration = Duration::from_secs(1);
/// Fewer say nothing of what the lane can do.
const LEAST: u64 = 20;

impl Pace {
    fn busy(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    fn idle(&mut self) {
        self.spent += self.since.take().map(|since| since.elapsed()).unwrap_or_default();
    }

    fn decided(&mut self, lane: Lane) {
        *self.decided.entry(lane).or_default() += 1;
    }

    async fn tell(&mut self, lanes: &Lanes) {
        let spent = self.spent + self.since.map(|since| since.elapsed()).unwrap_or_default();
        if spent < TOLD_AFTER {
            return;
        }
        for (lane, decided) in self.decided.drain().filter(|(_, decided)| *decided >= LEAST) {
            let now = decided as f64 / spent.as_secs_f64();
            let rate = self.rates.get(&lane).map_or(now, |before| (before + now) / 2.0);
            self.rates.insert(lane, rate);
            if let Err(error) = lanes.store.set_lane_rate(lane, rate).await {
                tracing::debug!(%error, "a lane's rate could not be told");
            }
        }
        (self.spent, self.since) = (Duration::ZERO, Some(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use onhand_http::setting::Span;

    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let config = onhand_orders::Config { longest_pause: Span::s(10), ..onhand_orders::Config::default() };
        for (attempts, least) in [(1, 1.0), (2, 2.0), (4, 8.0), (5, 10.0), (60, 10.0)] {
            let pause = pause(attempts, &config).as_secs_f64();
            assert!((least..=least * 1.25).contains(&pause), "{attempts}: {pause}");
        }
    }
}
