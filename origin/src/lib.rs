//! The authoritative side: decides every reservation, keeps the ledger, publishes every change.
//!
//! A change passes through these modules, in this order:
//!
//! | step | module | what it does |
//! |---|---|---|
//! | 1 | `http` | judges the token, reads the body, makes a [`command`] of it |
//! | 2 | `batch` | gathers commands while the last batch commits |
//! | 3 | `store` | locks and reads what they name into a [`state`], in one round trip |
//! | 4 | `decide` | pure: decides each command in turn |
//! | 5 | `answer` | makes its caller's answer, and what its key keeps |
//! | 6 | `store` | writes rows, ledger, reservations, keys, outbox; one commit |
//! | 7 | `handoff` | takes what the commit changed to this process's relay |
//! | 8 | `relay` | outbox → [`feed`], then the watermark |
//!
//! The modules stand bottom-up: each uses only those above it.

// What everything may use.
mod config;
pub mod metrics;
mod thread;
mod topic;
pub mod feed;

// What a batch is made of.
pub mod key;
pub mod record;
pub mod trail;
pub mod users;
pub mod command;
pub mod state;
pub mod decide;

// Where it is kept.
mod terms;
pub mod store;
pub mod answer;

// A change's way out.
pub mod handoff;
pub mod batch;
pub mod relay;

// What goes on beside calls.
mod webhook;
mod lanes;
mod expire;
mod import;
mod warehouse;
mod reconcile;
pub mod restock;
pub mod alerting;
mod watch;
mod announce;
mod start;

// How callers reach it.
mod serve;
mod http;

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use onhand_http::{
    actuator::Loggers,
    auth::Verifier,
    hop::Hop,
    host::Hosts,
    outgoing::{Outgoing, tls::ClientFault},
    rate::RateLimit,
    serve::{Drain, Tls},
    setting::HttpConfig,
    tls::{Acceptor, TlsFault},
    vitals,
};
use onhand_kafka::Brokers;
use onhand_orders::{Log, MemoryLanes};
use onhand_rules::{Announcements, Rules};
use onhand_wire::{
    memory_log::MemoryLog,
    release::{Manifest, Release},
};
use tokio::{net::TcpListener, task::JoinSet};

use self::{
    announce::{Announced, Announcer},
    expire::Sweeper,
    feed::{Feed as FeedSeam, FeedError, Feeds, KafkaFeed, MemoryFeed},
    handoff::{Handoff, Handoffs},
    metrics::Metrics,
    relay::Relay,
    store::{Store, StoreError, postgres, sqlite::Sqlite},
    topic::{Shape, Topic},
};
pub use self::{
    config::{
        Alerting, Among, CallLimits, Config, Database, Decisions, Home, Limits, MetricsConfig, Payment, Reservations,
        Restock, Warehouse, Webhook,
    },
    http::{openapi::document as openapi, routed},
    lanes::probe as probe_lanes,
};

pub use self::{store::postgres::site, terms::REGIONS};

/// A feed and its region.
type Named = (String, Arc<dyn FeedSeam>);

/// Where changes are published.
#[allow(clippy::large_enum_variant)] // there is one, at the start
pub enum Feed {
    /// `others`: the brokers of other regions, by the region's name. Topics are alike everywhere.
    Kafka { brokers: Brokers, others: Vec<(String, Brokers)>, topic: String, partitions: i32, replication: i32 },
    /// The change feed and the order lanes of this process.
    Memory(MemoryLog, MemoryLanes),
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{listener}: cannot listen on {address}: {cause}")]
    Listen { listener: &'static str, address: String, cause: std::io::Error },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Feed(#[from] FeedError),
    #[error("a client of HTTP cannot be made: {0}")]
    Http(#[from] reqwest::Error),
    #[error(transparent)]
    Client(#[from] ClientFault),
    #[error(transparent)]
    Tls(#[from] TlsFault),
    #[error("a thread cannot be started: {0}")]
    Thread(#[from] std::io::Error),
}

impl Feed {
    /// The feeds by the name of their region, this origin's own first.
    fn open(self, region: &str) -> Result<Vec<Named>, FeedError> {
        let (brokers, others, topic, partitions, replication) = match self {
            Self::Kafka { brokers, others, topic, partitions, replication } => {
                (brokers, others, topic, partitions, replication)
            }
            Self::Memory(log, _) => return Ok(vec![(region.to_owned(), Arc::new(MemoryFeed(log)))]),
        };
        let all = std::iter::once((region.to_owned(), brokers)).chain(others);
        let open = |(region, brokers): (String, Brokers)| {
            let feed: Arc<dyn FeedSeam> = Arc::new(KafkaFeed::new(&brokers, &topic, partitions, replication)?);
            Ok((region, feed))
        };
        all.map(open).collect()
    }

    /// The highest end of all feeds that can be read.
    pub async fn find_end(self, region: &str) -> Result<feed::FeedEnd, FeedError> {
        let feeds: Feeds = self.open(region)?.into_iter().map(|(_, feed)| feed).collect();
        Ok(feed::find_end(&feeds).await)
    }

    /// Where the order lanes are, and how their topics are made.
    fn lanes(&self) -> (Log, Shape) {
        match self {
            Self::Kafka { brokers, partitions, replication, .. } => {
                let shape = Shape { partitions: *partitions, replication: *replication, compacted: false };
                (Log::Kafka(brokers.clone()), shape)
            }
            Self::Memory(_, lanes) => {
                (Log::Memory(lanes.clone()), Shape { partitions: 1, replication: 1, compacted: false })
            }
        }
    }

    /// A topic beside the feed; none without Kafka, or without a name.
    fn topic(&self, name: &str, compacted: bool) -> Result<Option<Topic>, StartError> {
        let Self::Kafka { brokers, partitions, replication, .. } = self else { return Ok(None) };
        if name.is_empty() {
            return Ok(None);
        }
        // What is compacted has few keys.
        let shape = Shape { partitions: if compacted { 1 } else { *partitions }, replication: *replication, compacted };
        Ok(Some(Topic::new(brokers, name, shape).map_err(|error| FeedError(error.to_string()))?))
    }
}

/// Where releases of rules are announced, and this process hears of them like any other node; none if they are not.
fn start_rules(rules: &Rules, feed: &Feed, store: &Arc<dyn Store>) -> Result<Option<Announced>, StartError> {
    let Some(name) = rules.topic() else { return Ok(None) };
    let (to, from) = match (feed, feed.topic(name, true)?) {
        (Feed::Kafka { brokers, .. }, Some(topic)) => {
            (Announced::Kafka(topic), Announcements::Kafka { brokers: brokers.clone() })
        }
        _ => {
            let log = MemoryLog::new(1);
            (Announced::Memory(log.clone()), Announcements::Memory(log))
        }
    };
    rules.follow(from, Stored { store: store.clone(), runtime: tokio::runtime::Handle::current() })?;
    Ok(Some(to))
}

/// One for each feed.
fn relays(store: &Arc<dyn Store>, named: Vec<Named>, feeds: &Feeds, metrics: &Metrics) -> Vec<Relay> {
    let relay = |(index, (name, feed)): (usize, (String, Arc<dyn FeedSeam>))| Relay {
        store: store.clone(),
        backlog: store.backlog(&name, index == 0),
        feed,
        feeds: feeds.clone(),
        handoff: Arc::new(Handoff::default()),
        metrics: metrics.feed(&name),
        name,
    };
    named.into_iter().enumerate().map(relay).collect()
}

/// An origin follows like any node, but asks its own store.
struct Stored {
    store: Arc<dyn Store>,
    runtime: tokio::runtime::Handle,
}

impl onhand_rules::Origin for Stored {
    fn manifest(&self, rule: &str) -> Result<Option<Manifest>, String> {
        let found = self.runtime.block_on(self.store.manifests(rule, None, 1)).map_err(|error| error.to_string())?;
        Ok(found.into_iter().next())
    }

    fn release(&self, digest: &str) -> Result<Option<Release>, String> {
        self.runtime.block_on(self.store.release(digest)).map_err(|error| error.to_string())
    }
}

/// How long a webhook or the warehouse system may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// A lane of batches, the relay or the sweeper ended by itself.
#[derive(Debug, thiserror::Error)]
#[error("a background task of the origin ended: {0}")]
pub struct BackgroundEnded(String);

/// Opens the configured database; does not yet connect to PostgreSQL. `home`: only that region's origins may write.
pub fn open_store(database: &Database, home: Option<Home>) -> Result<Arc<dyn Store>, StoreError> {
    let url = database.url.expose();
    match url.strip_prefix("sqlite:") {
        Some(":memory:") => Ok(Arc::new(Sqlite::open(None)?)),
        Some(path) => Ok(Arc::new(Sqlite::open(Some(Path::new(path)))?)),
        None => {
            let timeouts = postgres::Timeouts {
                connect: database.connect_timeout.0,
                statement: database.statement_timeout.0,
                lock: database.lock_timeout.0,
            };
            Ok(Arc::new(postgres::Postgres::new(url, database.read_connections, timeouts, home)?))
        }
    }
}

/// The schema, and settings of the server that could lose what is acknowledged.
async fn check(store: &dyn Store) -> Result<(), StoreError> {
    store.check_schema().await?;
    for hazard in store.check_durability().await? {
        tracing::warn!("origin.database: {hazard}");
    }
    Ok(())
}

/// How safe the hop to the database is.
pub fn database_hop(database: &Database) -> Result<Hop, StoreError> {
    let url = database.url.expose();
    if url.starts_with("sqlite:") { Ok(Hop::Local) } else { postgres::hop(url) }
}

/// A bound origin, ready to serve.
pub struct Origin {
    api: TcpListener,
    management: TcpListener,
    context: Arc<http::Context>,
    lanes: Vec<batch::Batcher>,
    relays: Vec<Relay>,
    feed_patience: Duration,
    watch: watch::Watch,
    http: Arc<HttpConfig>,
    tls: Option<Arc<Acceptor>>,
    management_hosts: Hosts,
    drain: Duration,
    /// Its database may be a standby that follows another region.
    waits: bool,
}

impl Origin {
    /// Binds both listeners (port 0: any free one) and checks the schema.
    pub async fn bind(config: Config, feed: Feed, verifier: Arc<Verifier>, rules: Rules) -> Result<Self, StartError> {
        let store = open_store(&config.database, Some(config.home()))?;
        match check(&*store).await {
            // Its database is a standby that follows another region: it serves as soon as that is opened here.
            Err(StoreError::Unreachable(cause)) if config.among.is_some() => {
                tracing::warn!(cause, region = config.region, "this region's database takes no writes: waiting");
            }
            checked => checked?,
        }
        Self::bind_on(store, config, feed, verifier, rules).await
    }

    /// The same, for a database of this process's own: brings its schema up to date first.
    pub async fn bind_and_migrate(
        config: Config,
        feed: Feed,
        verifier: Arc<Verifier>,
        rules: Rules,
    ) -> Result<Self, StartError> {
        let store = open_store(&config.database, None)?;
        store.migrate().await?;
        Self::bind_on(store, config, feed, verifier, rules).await
    }

    async fn bind_on(
        store: Arc<dyn Store>,
        config: Config,
        feed: Feed,
        verifier: Arc<Verifier>,
        rules: Rules,
    ) -> Result<Self, StartError> {
        let api = listen("origin.listen", &config.listen).await?;
        let management = listen("origin.management", &config.management).await?;
        let topic = feed.topic(&config.restock.topic, false)?;
        let (log, shape) = feed.lanes();
        let announced = start_rules(&rules, &feed, &store)?;
        let named = feed.open(&config.region)?;
        let feeds: Feeds = named.iter().map(|(_, feed)| feed.clone()).collect();
        let registry = prometheus::Registry::new();
        if let Err(error) = rules.register(&registry) {
            tracing::warn!(%error, "the rules' metrics are not shown");
        }
        let fingerprint = config.fingerprint();
        if let Err(error) = vitals::register(&registry, "origin", env!("CARGO_PKG_VERSION"), &fingerprint) {
            tracing::warn!(%error, "the process's own metrics are not shown");
        }
        let metrics = Metrics::new(registry.clone());
        let relays = relays(&store, named, &feeds, &metrics);
        let handoffs = Handoffs(relays.iter().map(|relay| relay.handoff.clone()).collect());
        let work = batch::Work {
            store: store.clone(),
            feeds: feeds.clone(),
            rules: rules.clone(),
            limits: config.reservations.limits(),
            handoffs: Arc::new(handoffs),
            metrics: metrics.clone(),
        };
        let (batches, lanes) = batch::batches(work, config.queue);
        let client = Outgoing::new(&config.http.client)?.client(CONNECT)?;
        let parts = lanes::Parts {
            store: store.clone(),
            batches: batches.clone(),
            config: config.orders.clone(),
            log,
            shape,
            registry,
            payment: config.payment.clone(),
            decisions: config.decisions.clone(),
            client: client.clone(),
        };
        let orders = lanes::Lanes::new(parts).map_err(|error| FeedError(error.to_string()))?;
        let (trail_keep, feed_patience) = (config.trail_keep.0, config.feed_patience.0);
        let sweeper = Sweeper { store: store.clone(), batches: batches.clone(), metrics: metrics.clone(), trail_keep };
        let restocker = restock::Restocker::new(store.clone(), config.restock, client.clone(), topic, metrics.clone());
        let skus = config.metrics.skus();
        let alerting = alerting::Alerting::new(
            store.clone(),
            config.alerting,
            client.clone(),
            metrics.clone(),
            config.region.clone(),
        );
        let announcer = announced.map(|to| {
            let (store, metrics) = (store.clone(), metrics.clone());
            Arc::new(Announcer { store, to, metrics, due: tokio::sync::Notify::new() })
        });
        let watch = watch::Watch { store: store.clone(), feed: feeds[0].clone(), metrics: metrics.clone(), skus };
        let context = http::Context {
            store,
            rules,
            batches,
            sweeper,
            feed: feeds[0].clone(),
            verifier,
            refusals: onhand_http::auth::refusal::Sparing::default(),
            metrics,
            region: config.region,
            write_timeout: config.write_timeout.0,
            stuck_after: config.reservations.stuck_after.0,
            warehouse: config.warehouse,
            client,
            imports: config.imports,
            importing: tokio::sync::Semaphore::new(config.imports.at_once.min(tokio::sync::Semaphore::MAX_PERMITS)),
            exporting: Arc::new(tokio::sync::Semaphore::new(http::EXPORTS_AT_ONCE)),
            restocker: Arc::new(restocker),
            alerting: Arc::new(alerting),
            announcer,
            orders,
            order_rate: RateLimit::new(config.limits.orders, config.limits.callers),
            loggers: std::sync::OnceLock::new(),
            passwords: users::Passwords::default(),
            attempts: users::Attempts::default(),
            started: std::time::Instant::now(),
            fingerprint,
        };
        let (context, http) = (Arc::new(context), Arc::new(config.http));
        let tls = Acceptor::start(&http.tls)?;
        let management_hosts = Hosts::new(&config.management_hosts, "origin.management_hosts");
        Ok(Self {
            api,
            management,
            context,
            lanes,
            relays,
            feed_patience,
            watch,
            http,
            tls,
            management_hosts,
            drain: config.drain.0,
            waits: config.among.is_some(),
        })
    }

    /// Lets `/actuator/loggers` change log levels while it runs; without it, the page is not there.
    pub fn with_loggers(self, loggers: Arc<dyn Loggers>) -> Self {
        let _first_one_stays = self.context.loggers.set(loggers);
        self
    }

    /// Records in the trail the configuration of this start (with secrets hidden), and what it changes. A start never
    /// fails because of this.
    pub async fn with_configuration(self, configuration: &str) -> Self {
        let line = start::started(&*self.context.store, &self.context.region, configuration).await;
        if let Err(error) = line {
            tracing::warn!(%error, "the start could not be recorded in the trail");
        }
        self
    }

    pub fn api(&self) -> SocketAddr {
        self.api.local_addr().expect("a bound listener has an address")
    }

    pub fn management(&self) -> SocketAddr {
        self.management.local_addr().expect("a bound listener has an address")
    }

    /// Serves until `shutdown`, then finishes what is under way, within the drain time.
    ///
    /// Fails when a background task ends: an origin that cannot decide or publish must be restarted.
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), BackgroundEnded> {
        let (drain, stop) = Drain::new();
        let mut background = JoinSet::new();
        for lane in self.lanes {
            background.spawn(thread::own(lane.name, lane.run()));
        }
        background.spawn(relay::leave_out_silent(self.context.store.clone(), self.feed_patience));
        for relay in self.relays {
            background.spawn(relay.run());
        }
        background.spawn(self.context.alerting.clone().run());
        background.spawn(self.watch.run());
        let (sweeper, restocker) = (self.context.sweeper.clone(), self.context.restocker.clone());
        let (announcer, orders) = (self.context.announcer.clone(), self.context.orders.clone());
        let lanes = orders.clone();
        let store = self.context.store.clone();
        background.spawn(async move {
            if self.waits {
                writable(&*store).await;
            }
            let mut running = JoinSet::new();
            running.spawn(sweeper.run());
            running.spawn(restocker.run());
            announcer.map(|announcer| running.spawn(announcer.run()));
            lanes.map(|lanes| running.spawn(lanes.run()));
            running.join_next().await;
        });
        let mut listeners = JoinSet::new();
        let metrics = self.context.metrics.clone();
        let api = http::api(self.context.clone(), &self.http);
        let management = http::management(self.context, &self.http, self.management_hosts);
        for (listener, pages, plain_on_loopback) in [(self.api, api, false), (self.management, management, true)] {
            let tls = self.tls.clone().map(|acceptor| Tls { acceptor, plain_on_loopback });
            listeners.spawn(serve::serve(listener, tls, pages, self.http.clone(), metrics.clone(), stop.clone()));
        }
        drop(stop);
        let ended = tokio::select! {
            () = shutdown => Ok(()),
            Some(task) = background.join_next() => Err(BackgroundEnded(task.err().map(|error| error.to_string()).unwrap_or_default())),
        };
        if drain.end(self.drain).await {
            tracing::warn!("calls were still under way at the end of the drain time");
        }
        // Awaited: a task that is polled while the runtime shuts down panics.
        listeners.shutdown().await;
        background.shutdown().await;
        if let Some(orders) = orders {
            orders.leave().await;
        }
        ended
    }
}

/// Returns once the database takes writes: a region's may be a standby for months.
async fn writable(store: &dyn Store) {
    while store.standing().await.is_err() {
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

async fn listen(listener: &'static str, address: &str) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|cause| StartError::Listen {
        listener,
        address: address.to_owned(),
        cause,
    })
}
