//! `World::start().edges(2).origins(2).ready()`.

mod secure;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::{
    Error, Links, Postgres, RedisCluster, Servers, Tokens, World, binary, config, redis, scratch::Scratch, site::Site,
};

/// A standby of the world's database.
#[derive(Clone, Copy)]
struct Follows {
    name: &'static str,
    /// Whether the world's origins turn to it when it is promoted.
    known: bool,
}

/// The options of a world.
#[must_use = "a world starts with .ready().await"]
pub struct Builder {
    edges: usize,
    origins: usize,
    idle_origins: usize,
    dedicated: bool,
    standby: Option<Follows>,
    redis_cluster: bool,
    links: bool,
    encrypted: bool,
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
            standby: None,
            redis_cluster: false,
            links: false,
            encrypted: false,
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

    /// Origins that the edges know and the test starts itself, numbered after the others:
    /// `world.origin(2).start().await`.
    pub fn idle_origins(self, idle_origins: usize) -> Self {
        Self { idle_origins, ..self }
    }

    /// With its own servers, which the test may kill.
    pub fn dedicated(self) -> Self {
        Self { dedicated: true, ..self }
    }

    /// With a streaming standby of the database, which origins know; on its own servers.
    pub fn standby(self) -> Self {
        Self { standby: Some(Follows { name: "standby", known: true }), dedicated: true, ..self }
    }

    /// With a streaming standby in another region, under this name, which this region's origins do not know; on its own
    /// servers.
    pub fn standby_of(self, name: &'static str) -> Self {
        Self { standby: Some(Follows { name, known: false }), dedicated: true, ..self }
    }

    /// With its own Redis Cluster for the edges.
    pub fn redis_cluster(self) -> Self {
        Self { redis_cluster: true, ..self }
    }

    /// With TLS on every hop, with passwords and certificates; on its own servers.
    pub fn encrypted(self) -> Self {
        Self { encrypted: true, dedicated: true, ..self }
    }

    /// With proxies between nodes and servers, which the test may cut; on its own servers.
    pub fn links(self) -> Self {
        Self { links: true, dedicated: true, ..self }
    }

    /// With a directory of rules, for origins and edges.
    pub fn rules(self, dir: impl AsRef<Path>) -> Self {
        Self { rules: dir.as_ref().to_string_lossy().into_owned(), ..self }
    }

    /// The region's name. Worlds on shared servers get a unique one by default.
    pub fn region(self, region: &str) -> Self {
        Self { region: Some(region.to_owned()), ..self }
    }

    /// The partitions of the change topic; 8 by default.
    pub fn partitions(self, partitions: i32) -> Self {
        Self { partitions, ..self }
    }

    /// Uses another command than the one that was built, such as an older version.
    pub fn binary(self, path: impl Into<PathBuf>) -> Self {
        Self { binary: Some(path.into()), ..self }
    }

    /// A setting for every onhand process, by its environment variable: `("ONHAND_EDGE__FRESHNESS__LIVE_MS", "500")`.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts everything and waits until it answers; panics with what to do if it doesn't.
    pub async fn ready(self) -> World {
        self.try_ready().await.unwrap_or_else(|error| panic!("{error}"))
    }

    pub async fn try_ready(mut self) -> Result<World, Error> {
        let binary = self.binary.clone().map_or_else(binary::find, Ok)?;
        let servers = match self {
            Self { encrypted: true, .. } => Servers::encrypted().await?,
            Self { dedicated: true, .. } => Servers::dedicated().await?,
            _ => Servers::shared().await?,
        };
        let scratch = Scratch::new()?;
        let tokens = Tokens::mint(&binary, &scratch)?;
        let name = format!("w{}", &uuid::Uuid::new_v4().simple().to_string()[..12]);
        let redis_database = redis_database();
        let follow = |follows: Follows| servers.postgres.standby_in(&scratch, follows.name);
        let standby = self.standby.map(follow).transpose()?;
        let known = standby.as_ref().filter(|_| self.standby.is_some_and(|follows| follows.known));
        let by = self.encrypted.then(|| servers.authority());
        let redis_cluster = if self.redis_cluster { Some(RedisCluster::start_in(&scratch, by)?) } else { None };
        let mut shared = self.shared(&servers, known, &tokens, &name, redis_database);
        if let Some(cluster) = &redis_cluster {
            (shared.redis_url, shared.redis_cluster) = (cluster.url(), true);
        }
        servers.postgres.sql("postgres", &format!("CREATE DATABASE {name}")).await;
        let mut http = crate::client::http();
        if self.encrypted {
            servers.postgres.let_in().await;
            secure::lead(&mut shared, &servers, &name, redis_database, redis_cluster.as_ref());
            self.env.extend(secure::settings(servers.authority()));
            http = crate::client::https(&servers.authority().root());
        }
        let mut links = if self.links { Some(Links::lay(&servers).await) } else { None };
        let site = Site {
            config: &shared,
            binary: &binary,
            scratch: &scratch,
            env: &self.env,
            http,
            servers: &servers,
            encrypted: self.encrypted,
        };
        let origins = site.origins(self.origins + self.idle_origins, links.as_ref())?;
        if let Some(links) = &mut links {
            links.lay_to(&origins).await;
        }
        let edges = site.edges(self.edges, &origins, self.origins, &tokens.edge, links.as_ref())?;
        let migrate = scratch.path().join("origin-0.toml");
        binary::run(&binary, &["migrate", "--config", &migrate.to_string_lossy()])?;
        let world = World {
            tokens,
            binary,
            origins,
            edges,
            servers,
            standby,
            redis_cluster,
            links,
            name,
            redis_database,
            topic: shared.topic,
            rules_topic: shared.rules_topic,
            orders_topic: shared.orders_topic,
            _scratch: scratch,
        };
        world.start_nodes(self.origins).await;
        Ok(world)
    }

    fn shared(
        &self,
        servers: &Arc<Servers>,
        standby: Option<&Postgres>,
        tokens: &Tokens,
        name: &str,
        redis_database: u32,
    ) -> config::Shared {
        // On its own servers a world can use the default names.
        let suffix = |separator: &str| if self.dedicated { String::new() } else { format!("{separator}{name}") };
        config::Shared {
            key_file: tokens.public_key().to_string_lossy().into_owned(),
            database_url: servers.postgres.url_with(standby, name),
            redis_url: servers.redis.url(redis_database),
            redis_cluster: false,
            brokers: servers.kafka.brokers(),
            topic: format!("onhand.stock-changes{}", suffix(".")),
            partitions: self.partitions,
            region: self.region.clone().unwrap_or(format!("eu{}", suffix("-"))),
            rules: self.rules.clone(),
            rules_topic: format!("onhand.rules{}", suffix(".")),
            orders_topic: format!("orders{}", suffix(".")),
        }
    }
}

/// Each world has its own.
fn redis_database() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed) % redis::DATABASES
}
