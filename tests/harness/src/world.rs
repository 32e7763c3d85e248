//! A running world: what a test holds.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{Builder, Kafka, Links, Node, Postgres, Redis, RedisCluster, Servers, Tokens, scratch::Scratch};

/// Edges and origins over real servers, all removed when it is dropped. On a panic it first prints the last lines of
/// every process.
pub struct World {
    pub tokens: Tokens,
    pub(crate) binary: PathBuf,
    pub(crate) origins: Vec<Node>,
    pub(crate) edges: Vec<Node>,
    pub(crate) standby: Option<Postgres>,
    pub(crate) redis_cluster: Option<RedisCluster>,
    pub(crate) links: Option<Links>,
    pub(crate) servers: Arc<Servers>,
    pub(crate) name: String,
    pub(crate) redis_database: u32,
    pub(crate) topic: String,
    pub(crate) rules_topic: String,
    pub(crate) orders_topic: String,
    /// Last, so that the directory goes after the processes.
    pub(crate) _scratch: Scratch,
}

impl World {
    /// By default, one edge and one origin on the shared servers.
    pub fn start() -> Builder {
        Builder::default()
    }

    pub fn edge(&self, index: usize) -> &Node {
        &self.edges[index]
    }

    pub fn edges(&self) -> &[Node] {
        &self.edges
    }

    pub fn origin(&self, index: usize) -> &Node {
        &self.origins[index]
    }

    /// The file with an edge's own token; it may be rewritten at any time.
    pub fn carried(&self, edge: usize) -> PathBuf {
        self._scratch.path().join(crate::site::carried(edge))
    }

    /// All origins, including the idle ones.
    pub fn origins(&self) -> &[Node] {
        &self.origins
    }

    /// May be killed only in a `dedicated` world.
    pub fn postgres(&self) -> &Postgres {
        &self.servers.postgres
    }

    /// Panics in a world without one.
    pub fn standby(&self) -> &Postgres {
        self.standby.as_ref().expect("World::start().standby()")
    }

    /// Panics in a world without one.
    pub fn redis_cluster(&self) -> &RedisCluster {
        self.redis_cluster.as_ref().expect("World::start().redis_cluster()")
    }

    /// Panics in a world without them.
    pub fn links(&self) -> &Links {
        self.links.as_ref().expect("World::start().links()")
    }

    /// The name of its database.
    pub fn database(&self) -> &str {
        &self.name
    }

    /// May be killed only in a `dedicated` world.
    pub fn redis(&self) -> &Redis {
        &self.servers.redis
    }

    /// May be killed only in a `dedicated` world.
    pub fn kafka(&self) -> &Kafka {
        &self.servers.kafka
    }

    pub fn is_encrypted(&self) -> bool {
        self.servers.is_encrypted()
    }

    /// Who signed its certificates; panics in a world without.
    pub fn authority(&self) -> &crate::Authority {
        self.servers.authority()
    }

    /// The onhand command that this world runs.
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    pub fn database_url(&self) -> String {
        self.servers.postgres.url(&self.name)
    }

    pub fn redis_url(&self) -> String {
        self.servers.redis.url(self.redis_database)
    }

    /// The same for its user, by TLS; panics in a world without.
    pub fn secure_redis_url(&self) -> String {
        self.servers.redis.secure_url(self.redis_database, crate::redis::PASSWORD)
    }

    /// The change topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Where releases of rules are announced.
    pub fn rules_topic(&self) -> &str {
        &self.rules_topic
    }

    /// The topic of the high lane.
    pub fn orders_topic(&self) -> &str {
        &self.orders_topic
    }

    /// Runs one statement in the world's database.
    pub async fn sql(&self, statement: &str) -> Vec<tokio_postgres::Row> {
        self.servers.postgres.sql(&self.name, statement).await
    }

    /// A connection to the world's Redis database.
    pub async fn redis_client(&self) -> ::redis::aio::MultiplexedConnection {
        self.servers.redis.client(self.redis_database).await
    }

    /// The origins one after the other (the first creates the topic), then all edges at once.
    pub(crate) async fn start_nodes(&self, origins: usize) {
        for origin in &self.origins[..origins] {
            origin.start().await;
        }
        let mut starting = tokio::task::JoinSet::new();
        for edge in self.edges.clone() {
            starting.spawn(async move { edge.start().await });
        }
        starting.join_all().await;
    }

    /// The last lines of every process.
    pub fn log_tails(&self, lines: usize) -> String {
        let servers = [
            self.servers.postgres.log_tail(lines),
            self.servers.redis.log_tail(lines),
            self.servers.kafka.log_tail(lines),
        ];
        let nodes = self.origins.iter().chain(&self.edges).map(|node| node.log_tail(lines));
        servers.into_iter().chain(nodes).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log_tails(20));
        }
    }
}
