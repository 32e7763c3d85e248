//! The region's Redis: one server, or a cluster. Both accept pipelines and scripts whose keys share a hash tag, as
//! those of one partition do.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use onhand_http::{
    outgoing::causes,
    pem::{PemFault, PemFile},
};
use onhand_wire::l2;
use redis::{
    Client, ClientTlsConfig, Cmd, ErrorKind, FromRedisValue, Pipeline, RedisResult, ScriptInvocation, TlsCertificates,
    aio::{ConnectionManager, ConnectionManagerConfig},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
    cluster_routing::{MultipleNodeRoutingInfo, ResponsePolicy, Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr},
};
use tokio::sync::OnceCell;

use crate::config::RedisConfig;

/// How long connecting may take, and how long the library waits for one answer. Callers give up earlier.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long `onhand check` waits.
const PROBE: Duration = Duration::from_secs(5);
/// How often a cluster's answer "not here" is followed.
const REDIRECTIONS: u32 = 3;
/// Keys in one answer of SCAN, and in one UNLINK.
const KEYS: usize = 1000;

/// A Redis that cannot be connected to.
#[derive(Debug, thiserror::Error)]
pub enum BadRedis {
    #[error("edge.redis.url: {0}")]
    Address(#[from] redis::RedisError),
    #[error(transparent)]
    File(#[from] PemFault),
}

/// For `onhand check`: whether it answers; in a cluster, every primary must.
pub async fn probe(config: &RedisConfig) -> Result<(), String> {
    let redis = Redis::new(config).map_err(|error| error.to_string())?;
    match tokio::time::timeout(PROBE, redis.ping()).await {
        Ok(answered) => answered.map_err(|error| causes(&error)),
        Err(_) => Err(format!("no answer within {} s", PROBE.as_secs())),
    }
}

/// A Redis client that connects when it is first used, and again whenever the connection is lost.
pub(crate) enum Redis {
    One(Box<Client>, OnceLock<ConnectionManager>),
    Cluster(Box<ClusterClient>, Arc<OnceCell<ClusterConnection>>),
}

impl Redis {
    /// Does not connect yet.
    pub(crate) fn new(config: &RedisConfig) -> Result<Self, BadRedis> {
        let certificates = if config.is_encrypted() { Some(certificates(config)?) } else { None };
        if !config.cluster {
            let url = config.url.expose();
            let client = match certificates {
                Some(certificates) => Client::build_with_tls(url, certificates)?,
                None => Client::open(url)?,
            };
            return Ok(Self::One(Box::new(client), OnceLock::new()));
        }
        let mut builder = ClusterClient::builder(config.nodes())
            .connection_timeout(PATIENCE)
            .response_timeout(PATIENCE)
            .retries(REDIRECTIONS)
            .min_retry_wait(10)
            .max_retry_wait(100);
        if let Some(certificates) = certificates {
            builder = builder.certs(certificates);
        }
        Ok(Self::Cluster(Box::new(builder.build()?), Arc::default()))
    }

    /// Runs commands whose keys are all of one partition.
    pub(crate) async fn run<T: FromRedisValue>(&self, pipeline: &Pipeline) -> RedisResult<T> {
        match self {
            Self::One(client, manager) => pipeline.query_async(&mut managed(client, manager)?).await,
            Self::Cluster(client, connection) => pipeline.query_async(&mut joined(client, connection).await?).await,
        }
    }

    /// Runs a script on one key, or keys that share a hash tag.
    pub(crate) async fn invoke<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> RedisResult<T> {
        match self {
            Self::One(client, manager) => script.invoke_async(&mut managed(client, manager)?).await,
            Self::Cluster(client, connection) => script.invoke_async(&mut joined(client, connection).await?).await,
        }
    }

    /// Whether it answers; in a cluster, every primary must.
    pub(crate) async fn ping(&self) -> RedisResult<()> {
        let ping = redis::cmd("PING");
        match self {
            Self::One(client, manager) => ping.exec_async(&mut managed(client, manager)?).await,
            Self::Cluster(client, connection) => {
                let all = MultipleNodeRoutingInfo::AllMasters;
                let routing = RoutingInfo::MultiNode((all, Some(ResponsePolicy::AllSucceeded)));
                joined(client, connection).await?.route_command(ping, routing).await.map(drop)
            }
        }
    }

    /// Deletes every hash of a partition. Its offset is already gone, so nobody reads or fills meanwhile.
    pub(crate) async fn clear(&self, partition: i32) -> RedisResult<()> {
        match self {
            Self::One(client, _) => clear_one(client, partition).await,
            Self::Cluster(client, connection) => clear_slot(joined(client, connection).await?, partition).await,
        }
    }
}

fn certificates(config: &RedisConfig) -> Result<TlsCertificates, BadRedis> {
    let file = |setting, path| PemFile { setting, path };
    let read = |file: PemFile<'_>| {
        let pem = file.read()?;
        file.certificates(&pem).map(|_| pem)
    };
    let ca = file("edge.redis.ca_file", config.ca_file.as_str());
    let (cert, key) = (file("edge.redis.cert_file", &config.cert_file), file("edge.redis.key_file", &config.key_file));
    let own = || Ok::<_, PemFault>(ClientTlsConfig { client_cert: read(cert)?, client_key: key.read()? });
    Ok(TlsCertificates {
        client_tls: if config.cert_file.is_empty() { None } else { Some(own()?) },
        root_cert: if config.ca_file.is_empty() { None } else { Some(read(ca)?) },
    })
}

fn managed(client: &Client, manager: &OnceLock<ConnectionManager>) -> RedisResult<ConnectionManager> {
    if let Some(manager) = manager.get() {
        return Ok(manager.clone());
    }
    let config = ConnectionManagerConfig::new()
        .set_number_of_retries(0)
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    let made = ConnectionManager::new_lazy_with_config(client.clone(), config)?;
    Ok(manager.get_or_init(|| made).clone())
}

/// Connecting goes on in a task of its own, because a caller gives up before many nodes can be connected.
async fn joined(
    client: &ClusterClient,
    connection: &Arc<OnceCell<ClusterConnection>>,
) -> RedisResult<ClusterConnection> {
    if let Some(connection) = connection.get() {
        return Ok(connection.clone());
    }
    let (client, cell) = (client.clone(), connection.clone());
    let joining = tokio::spawn(async move { cell.get_or_try_init(|| client.get_async_connection()).await.cloned() });
    joining.await.unwrap_or_else(|_| Err((ErrorKind::Io, "connecting was broken off").into()))
}

/// On a connection of its own, which breaks when the server restarts: a cursor is valid only until then.
async fn clear_one(client: &Client, partition: i32) -> RedisResult<()> {
    let mut redis = client.get_multiplexed_async_connection().await?;
    let pattern = format!("{}*", l2::key_prefix(partition));
    let mut cursor = 0_u64;
    loop {
        let scan = redis::cmd("SCAN").arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(KEYS).take();
        let (next, keys): (u64, Vec<Vec<u8>>) = scan.query_async(&mut redis).await?;
        if !keys.is_empty() {
            redis::cmd("UNLINK").arg(keys).exec_async(&mut redis).await?;
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}

/// A cluster knows the keys of a slot. Repeats until none of our keys is left, because a replica that takes over
/// meanwhile may still have deleted keys.
async fn clear_slot(mut redis: ClusterConnection, partition: i32) -> RedisResult<()> {
    let key = l2::offset_key(partition);
    let slot: u16 = on_primary(&mut redis, redis::cmd("CLUSTER").arg("KEYSLOT").arg(&key), &key).await?;
    let prefix = l2::key_prefix(partition);
    loop {
        let count = redis::cmd("CLUSTER").arg("COUNTKEYSINSLOT").arg(slot).take();
        let count: u64 = on_primary(&mut redis, &count, &key).await?;
        let list = redis::cmd("CLUSTER").arg("GETKEYSINSLOT").arg(slot).arg(count).take();
        let keys: Vec<Vec<u8>> = on_primary(&mut redis, &list, &key).await?;
        let ours: Vec<_> = keys.into_iter().filter(|key| key.starts_with(prefix.as_bytes())).collect();
        if ours.is_empty() {
            return Ok(());
        }
        for some in ours.chunks(KEYS) {
            let _: u64 = on_primary(&mut redis, redis::cmd("UNLINK").arg(some), &key).await?;
        }
    }
}

/// Asks the node that has the key.
async fn on_primary<T: FromRedisValue>(redis: &mut ClusterConnection, cmd: &Cmd, key: &str) -> RedisResult<T> {
    let route = Route::with_key(key, SlotAddr::Master);
    let routing = RoutingInfo::SingleNode(SingleNodeRoutingInfo::SpecificNode(route));
    let answer = redis.route_command(cmd.clone(), routing).await?;
    Ok(T::from_redis_value(answer)?)
}
