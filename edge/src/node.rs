//! The parts of one node, which requests share.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use onhand_http::{
    actuator::Loggers, auth::refusal::Sparing, breaker::BreakerState, connections::Connections, cors::Cors, host::Hosts,
};
use onhand_orders::Acceptor;
use onhand_rules::Rules;
use tokio::sync::{Mutex, watch};

use crate::{
    admission::{Auth, Queue, RateLimits, Shares},
    cache::{Cache, l2::L2},
    first_bodies::FirstBodies,
    freshness::{Freshness, Mode},
    metrics::{Gauges, Metrics},
    open_streams::OpenStreams,
    origin::{Origin, OriginError, Way},
    position::Position,
    sampler::Sampler,
    topology::Topology,
};

/// How often health and mode are checked while no request checks them.
const CHECK_EVERY: Duration = Duration::from_secs(1);

pub(crate) struct Node {
    pub(crate) build: String,
    pub(crate) started: Instant,
    pub(crate) loggers: OnceLock<Arc<dyn Loggers>>,
    /// The OpenAPI document of the public listener.
    pub(crate) openapi: OnceLock<bytes::Bytes>,
    /// Where `/` leads.
    pub(crate) console: OnceLock<http::HeaderValue>,
    pub(crate) region: String,
    pub(crate) auth: Auth,
    /// Limits how many refused tokens are logged.
    pub(crate) refusals: Sparing,
    pub(crate) rates: RateLimits,
    /// The number of the operator's proxies whose `X-Forwarded-For` is trusted.
    pub(crate) trusted_proxies: usize,
    /// Names under which the management listener may be reached.
    pub(crate) management_hosts: Hosts,
    pub(crate) queue: Queue,
    pub(crate) connections: Arc<Connections>,
    pub(crate) cors: Cors,
    pub(crate) rules: Rules,
    pub(crate) cache: Cache,
    pub(crate) streams: OpenStreams,
    /// The shares of lookups that leave a reservation out, each of which goes to the origin.
    pub(crate) reservation_lookups: Shares,
    pub(crate) topology: Arc<Topology>,
    pub(crate) freshness: Arc<Freshness>,
    pub(crate) origin: Arc<Origin>,
    /// None: orders are not taken here.
    pub(crate) orders: Option<Arc<Acceptor>>,
    /// None: no Redis, or no orders.
    pub(crate) first_bodies: Option<FirstBodies>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) l2: Option<Arc<L2>>,
    pub(crate) sampler: Sampler,
    pub(crate) position: Arc<Position>,
    /// Whether the feed comes from Kafka.
    pub(crate) kafka: bool,
    pub(crate) redis_answers: AtomicBool,
    pub(crate) ready: watch::Receiver<bool>,
    /// The last value of `ready`; it never becomes false, and reading it takes a lock.
    pub(crate) was_ready: AtomicBool,
    /// How long a body may take to arrive.
    pub(crate) body_timeout: Duration,
    /// When the last load of the topology for a bounded caller was sent.
    pub(crate) refreshed: Mutex<Option<Instant>>,
}

impl Node {
    pub(crate) fn is_ready(&self) -> bool {
        self.was_ready.load(Ordering::Relaxed) || {
            let ready = *self.ready.borrow();
            self.was_ready.store(ready, Ordering::Relaxed);
            ready
        }
    }

    pub(crate) fn mode(&self) -> Mode {
        self.freshness.mode(Instant::now(), self.origin.reachable())
    }

    /// Loads locations and channels again, for callers whose bound the feed does not meet. Callers that come while a
    /// load is under way wait for the next one, and share it.
    pub(crate) async fn refresh_topology(&self) -> Result<(), OriginError> {
        let asked = Instant::now();
        let mut refreshed = self.refreshed.lock().await;
        if refreshed.is_some_and(|sent| sent >= asked) {
            return Ok(());
        }
        let sent = Instant::now();
        self.topology.join_loaded(self.origin.topology().await?);
        *refreshed = Some(sent);
        Ok(())
    }

    /// The lanes' breaker, where it is not closed; else the one of callers' calls to the origin.
    pub(crate) fn breaker(&self) -> BreakerState {
        let lanes = self.orders.as_ref().map(|orders| orders.breaker());
        lanes.filter(|state| *state != BreakerState::Closed).unwrap_or_else(|| self.origin.breaker(Way::Calls))
    }

    /// How far the order lanes have come, so that callers can be told of their wait.
    pub(crate) async fn follow_lanes(self: Arc<Self>) {
        let Some(orders) = &self.orders else { return };
        loop {
            orders.prepare().await;
            match self.origin.order_lanes().await {
                Ok(Some(standing)) => orders.learn(standing),
                Ok(None) => tracing::debug!("the origin takes no orders"),
                Err(error) => tracing::debug!(%error, "the origin does not say how far its order lanes have come"),
            }
            tokio::time::sleep(CHECK_EVERY).await;
        }
    }

    pub(crate) fn gauges(&self) -> Gauges {
        let (l1_entries, unknown_entries, recent_entries) = self.cache.sizes();
        Gauges {
            as_of_age: self.freshness.staleness(Instant::now()).unwrap_or_default(),
            mode: self.mode() as i64,
            l1_entries,
            unknown_entries,
            waiting: self.cache.waiting(),
            redis: self.l2.is_some().then(|| self.redis_answers.load(Ordering::Relaxed)),
            kafka: self.kafka.then(|| self.position.connected()),
            origin: self.origin.reachable(),
            recent_entries,
            breakers: [Way::Calls, Way::Loads].map(|way| self.origin.breaker(way).as_number()),
            forwarded: self.origin.forwarded(),
            queued: self.queue.len(),
            connections: self.connections.open(),
            breaker: self.breaker().as_number(),
            l2_breaker: self.l2.as_ref().map_or(0, |l2| l2.breaker()),
            auth: self.auth.verifier.standing(),
        }
    }

    /// Keeps health and mode current while no request does: asks Redis, and the origin unless the feed is live.
    pub(crate) async fn keep_health_current(self: Arc<Self>) {
        loop {
            if let Some(l2) = &self.l2 {
                self.redis_answers.store(l2.ping().await, Ordering::Relaxed);
            }
            let closed = |way| self.origin.breaker(way) == BreakerState::Closed;
            let origin_well = self.origin.reachable() && closed(Way::Calls) && closed(Way::Loads);
            if self.is_ready() && (self.mode() != Mode::Live || !origin_well) {
                self.origin.probe().await;
                let _told_by_mode = self.refresh_topology().await;
            }
            tokio::time::sleep(CHECK_EVERY).await;
        }
    }
}
