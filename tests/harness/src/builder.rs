//! `World::start().edges(2).origins(2).ready()`.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::{
    Error, Node, Servers, Tokens, World, binary, config,
    node::{Addresses, Plan},
    redis,
    scratch::Scratch,
};

/// What a world shall have.
#[must_use = "a world starts with .ready().await"]
pub struct Builder {
    edges: usize,
    origins: usize,
    idle_origins: usize,
    dedicated: bool,
    rules: String,
    region: Option<String>,
    partitions: i32,
    binary: Option<PathBuf>,
    env: Vec<(String, String)>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            edges: 1,
            origins: 1,
            idle_origins: 0,
            dedicated: false,
            rules: String::new(),
            region: None,
            partitions: 8,
            binary: None,
            env: vec![],
        }
    }
}

impl Builder {
    pub fn edges(self, edges: usize) -> Self {
        Self { edges, ..self }
    }

    pub fn origins(self, origins: usize) -> Self {
        Self { origins, ..self }
    }

    /// Origins that the edges know of and the test starts, numbered after the others:
    /// `world.origin(2).start().await`.
    pub fn idle_origins(self, idle_origins: usize) -> Self {
        Self { idle_origins, ..self }
    }

    /// Servers of its own, which the test may kill.
    pub fn dedicated(self) -> Self {
        Self { dedicated: true, ..self }
    }

    /// A directory of rules, for origins and edges.
    pub fn rules(self, dir: impl AsRef<Path>) -> Self {
        Self { rules: dir.as_ref().to_string_lossy().into_owned(), ..self }
    }

    /// Worlds on shared servers get one of their own unless it is given.
    pub fn region(self, region: &str) -> Self {
        Self { region: Some(region.to_owned()), ..self }
    }

    /// Of the change topic; 8 unless given.
    pub fn partitions(self, partitions: i32) -> Self {
        Self { partitions, ..self }
    }

    /// Another command than the one that was built, such as an older version.
    pub fn binary(self, path: impl Into<PathBuf>) -> Self {
        Self { binary: Some(path.into()), ..self }
    }

    /// A setting for every onhand process, by its environment name: `("ONHAND_EDGE__FRESHNESS__LIVE_MS", "500")`.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts everything and waits until it answers; panics with what to do if it doesn't.
    pub async fn ready(self) -> World {
        self.try_ready().await.unwrap_or_else(|error| panic!("{error}"))
    }

    pub async fn try_ready(self) -> Result<World, Error> {
        let binary = self.binary.clone().map_or_else(binary::find, Ok)?;
        let servers = if self.dedicated { Servers::dedicated().await? } else { Servers::shared().await? };
        let scratch = Scratch::new()?;
        let tokens = Tokens::mint(&binary, &scratch)?;
        let name = format!("w{}", &uuid::Uuid::new_v4().simple().to_string()[..12]);
        let redis_database = redis_database();
        let shared = self.shared(&servers, &tokens, &name, redis_database);
        servers.postgres.sql("postgres", &format!("CREATE DATABASE {name}")).await;
        let http = crate::client::http();
        let (origins, urls) = self.plan_origins(&shared, &binary, &scratch, &http)?;
        let edges = self.plan_edges(&shared, &binary, &scratch, &http, &urls, &tokens)?;
        let migrate = scratch.path().join("origin-0.toml");
        binary::run(&binary, &["migrate", "--config", &migrate.to_string_lossy()])?;
        let world = World {
            tokens,
            binary,
            origins,
            edges,
            servers,
            name,
            redis_database,
            topic: shared.topic,
            _scratch: scratch,
        };
        world.start_nodes(self.origins).await;
        Ok(world)
    }

    fn shared(&self, servers: &Arc<Servers>, tokens: &Tokens, name: &str, redis_database: u32) -> config::Shared {
        let shared_region = if self.dedicated { "eu".to_owned() } else { format!("eu-{name}") };
        config::Shared {
            key_file: tokens.public_key().to_string_lossy().into_owned(),
            database_url: servers.postgres.url(name),
            redis_url: servers.redis.url(redis_database),
            brokers: servers.kafka.brokers(),
            topic: format!("onhand.stock-changes.{name}"),
            partitions: self.partitions,
            region: self.region.clone().unwrap_or(shared_region),
            rules: self.rules.clone(),
        }
    }

    fn plan_origins(
        &self,
        shared: &config::Shared,
        binary: &Path,
        scratch: &Scratch,
        http: &reqwest::Client,
    ) -> Result<(Vec<Node>, Vec<String>), Error> {
        let mut nodes = Vec::new();
        for index in 0..self.origins + self.idle_origins {
            let addresses = Addresses::reserve();
            let (listen, management) = addresses.listen();
            let config = scratch.file(&format!("origin-{index}.toml"), &shared.origin(&listen, &management))?;
            nodes.push(self.node("origin", index, binary, config, scratch, addresses, http));
        }
        let urls = nodes.iter().map(Node::url).collect();
        Ok((nodes, urls))
    }

    fn plan_edges(
        &self,
        shared: &config::Shared,
        binary: &Path,
        scratch: &Scratch,
        http: &reqwest::Client,
        origins: &[String],
        tokens: &Tokens,
    ) -> Result<Vec<Node>, Error> {
        let mut nodes = Vec::new();
        for index in 0..self.edges {
            let addresses = Addresses::reserve();
            let (listen, management) = addresses.listen();
            // Each edge prefers another origin, so that all of them work.
            let mut origins = origins.to_vec();
            origins[..self.origins].rotate_left(index % self.origins.max(1));
            let text = shared.edge(&listen, &management, &origins, &tokens.operator);
            let config = scratch.file(&format!("edge-{index}.toml"), &text)?;
            nodes.push(self.node("edge", index, binary, config, scratch, addresses, http));
        }
        Ok(nodes)
    }

    #[expect(clippy::too_many_arguments, reason = "one call's worth of plain values")]
    fn node(
        &self,
        role: &'static str,
        index: usize,
        binary: &Path,
        config: std::path::PathBuf,
        scratch: &Scratch,
        addresses: Addresses,
        http: &reqwest::Client,
    ) -> Node {
        let (binary, logs, env) = (binary.to_owned(), scratch.path().to_owned(), self.env.clone());
        Node::new(Plan { role, index, binary, config, logs, env }, addresses, http.clone())
    }
}

/// Each world's own.
fn redis_database() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed) % redis::DATABASES
}
