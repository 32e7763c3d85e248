//! Assembles a node: caches, feed, and background work.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::AtomicBool},
};

use onhand_http::{auth::refusal::Sparing, connections::Connections, cors::Cors, host::Hosts, vitals};
use onhand_kafka::Brokers;
use onhand_orders::{Acceptor, Log};
use onhand_rules::{Announcements, Rules};
use onhand_wire::release::{Manifest, Release};
use tokio::sync::{Mutex, mpsc, watch};

use super::{Background, StartError};
use crate::{
    Auth, Config, Feed,
    admission::{Queue, RateLimits, RegionCounts, ShareLimit, Shares},
    audit,
    cache::{
        Cache, Intake, LoaderDeps,
        l1::L1,
        l2::{self, L2},
        recent::Recent,
    },
    feed::{self, Apply, L2Writer, Stop},
    first_bodies::FirstBodies,
    freshness::Freshness,
    metrics::Metrics,
    node::Node,
    open_streams::OpenStreams,
    origin::Origin,
    position::Position,
    redis_client::Redis,
    sampler::Sampler,
    topology::Topology,
};

pub(super) fn start(
    config: &Config,
    feed: Feed,
    auth: Auth,
    rules: Rules,
    build: String,
) -> Result<(Arc<Node>, Background), StartError> {
    let metrics = Arc::new(Metrics::new());
    rules.register(metrics.registry())?;
    vitals::register(metrics.registry(), "edge", &build, &config.fingerprint())?;
    let freshness = Arc::new(Freshness::new(config.freshness.clone()));
    let topology = Arc::new(Topology::default());
    let position = Arc::new(Position::default());
    let origin = Arc::new(Origin::new(config, metrics.clone())?);
    let recent = Arc::new(Recent::new(config.recent.entries));
    let l1 = Arc::new(L1::new(&config.cache, recent.clone()));
    let stop = Stop::default();
    let second = second_tier(config, &feed, &position, &recent, &metrics, &stop)?;
    let (tier, fills) = second.unzip();
    let deps = LoaderDeps {
        l1: l1.clone(),
        recent: recent.clone(),
        l2: tier.clone(),
        origin: origin.clone(),
        freshness: freshness.clone(),
        metrics: metrics.clone(),
    };
    let cache = Cache::start(config, deps);
    let (ready_sender, ready) = watch::channel(false);
    let rates = RateLimits::new(&config.limits, counts(config)?, metrics.clone());
    let kafka = matches!(feed, Feed::Kafka { .. });
    let apply = Apply {
        intake: Intake { l1: l1.clone(), recent },
        topology: topology.clone(),
        freshness: freshness.clone(),
        position: position.clone(),
        metrics: metrics.clone(),
        origin: origin.clone(),
        runtime: tokio::runtime::Handle::current(),
        ready: Arc::new(ready_sender),
        logged: HashSet::new(),
    };
    let orders = Acceptor::new(&config.orders, lanes(&feed))?.map(Arc::new);
    if let Feed::Kafka { brokers, .. } = &feed {
        follow(&rules, brokers, origin.clone())?;
    }
    feed::start(feed, apply, stop.clone())?;
    let (sampler, samples) = Sampler::new();
    let node = Arc::new(Node {
        build,
        started: std::time::Instant::now(),
        loggers: std::sync::OnceLock::new(),
        openapi: std::sync::OnceLock::new(),
        console: std::sync::OnceLock::new(),
        region: config.region.clone(),
        auth,
        refusals: Sparing::default(),
        rates,
        trusted_proxies: config.limits.trusted_proxies,
        management_hosts: Hosts::new(&config.management_hosts, "edge.management_hosts"),
        queue: Queue::new(config.limits.queue, config.limits.queue_time.0, super::workers::threads(config.threads)),
        connections: connections(config, metrics.clone()),
        cors: Cors::new(&config.http.cors_origins),
        rules,
        cache,
        streams: OpenStreams::new(config.streams, config.limits.streams_per_caller, metrics.clone()),
        reservation_lookups: reservation_lookups(config, &metrics),
        topology,
        freshness,
        origin,
        orders,
        first_bodies: first_bodies(config)?,
        metrics,
        l2: tier.clone(),
        sampler,
        position,
        kafka,
        redis_answers: AtomicBool::new(false),
        ready,
        was_ready: AtomicBool::new(false),
        body_timeout: config.http.header_timeout.0,
        refreshed: Mutex::new(None),
    });
    let audited = audit::run(node.clone(), config.audit.clone(), samples);
    let carrier = node.origin.clone();
    let followed = node.clone().follow_lanes();
    let mut tasks =
        vec![tokio::spawn(followed), tokio::spawn(node.clone().keep_health_current()), tokio::spawn(audited)];
    tasks.push(tokio::spawn(async move { carrier.follow_token().await }));
    if let (Some(tier), Some(fills)) = (tier, fills) {
        tasks.push(tokio::spawn(l2::fill_for_ever(tier, l1, fills)));
    }
    Ok((node, Background { stop, tasks }))
}

fn connections(config: &Config, metrics: Arc<Metrics>) -> Arc<Connections> {
    let (most, per_peer) = (config.http.max_connections, config.http.max_connections_per_peer);
    Connections::new(most, per_peer, move |refusal| metrics.connection_refused(refusal))
}

/// Where orders are written to.
fn lanes(feed: &Feed) -> Log {
    match feed {
        Feed::Kafka { brokers, .. } => Log::Kafka(brokers.clone()),
        Feed::Memory(_, lanes) => Log::Memory(lanes.clone()),
    }
}

/// Hears of releases that were pushed; with the in-process feed, the origin beside does, of the same rules.
fn follow(rules: &Rules, brokers: &Brokers, origin: Arc<Origin>) -> std::io::Result<()> {
    let (runtime, brokers) = (tokio::runtime::Handle::current(), brokers.clone());
    rules.follow(Announcements::Kafka { brokers }, Asked { origin, runtime })
}

struct Asked {
    origin: Arc<Origin>,
    runtime: tokio::runtime::Handle,
}

impl onhand_rules::Origin for Asked {
    fn manifest(&self, rule: &str) -> Result<Option<Manifest>, String> {
        self.runtime.block_on(self.origin.manifest(rule)).map_err(|error| error.to_string())
    }

    fn release(&self, digest: &str) -> Result<Option<Release>, String> {
        self.runtime.block_on(self.origin.release(digest)).map_err(|error| error.to_string())
    }
}

/// Where the region counts callers' requests, if it has a Redis.
fn counts(config: &Config) -> Result<Option<RegionCounts>, StartError> {
    if config.redis.url.is_empty() {
        return Ok(None);
    }
    Ok(Some(RegionCounts::new(Redis::new(&config.redis)?, config.redis.timeout.0)))
}

/// Where the region's edges tell each other of orders' bodies, if it has a Redis.
fn first_bodies(config: &Config) -> Result<Option<FirstBodies>, StartError> {
    if config.redis.url.is_empty() || !config.orders.is_on() {
        return Ok(None);
    }
    Ok(Some(FirstBodies::new(Redis::new(&config.redis)?, config.redis.timeout.0)))
}

type SecondTier = (Arc<L2>, mpsc::Receiver<onhand_wire::Sku>);

/// L2 and its writer, if Redis and Kafka are both configured.
fn second_tier(
    config: &Config,
    feed: &Feed,
    position: &Arc<Position>,
    recent: &Arc<Recent>,
    metrics: &Arc<Metrics>,
    stop: &Stop,
) -> Result<Option<SecondTier>, StartError> {
    let Feed::Kafka { brokers, topic } = feed else { return Ok(None) };
    if config.redis.url.is_empty() {
        return Ok(None);
    }
    let writer = L2Writer {
        brokers: brokers.clone(),
        topic: topic.clone(),
        region: config.region.clone(),
        redis: Arc::new(Redis::new(&config.redis)?),
        runtime: tokio::runtime::Handle::current(),
        position: position.clone(),
        metrics: metrics.clone(),
    };
    writer.start(stop.clone())?;
    Ok(Some(L2::new(Redis::new(&config.redis)?, &config.redis, position.clone(), recent.clone(), metrics.clone())))
}

/// The share of one caller in the lookups that leave a reservation out.
fn reservation_lookups(config: &Config, metrics: &Arc<Metrics>) -> Shares {
    let right = |most| format!("reservation: one caller may have {most} such lookups waiting here; try again");
    let most = config.limits.reservation_lookups_per_caller;
    Shares::new(ShareLimit::new("reservation_lookups", most, right, metrics.clone()))
}
