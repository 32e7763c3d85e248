//! The connections between a world's processes, each of which a test may cut.

use std::collections::BTreeMap;

use crate::{Node, Proxy, Servers};

/// Proxies between nodes and servers. Edge 0 has proxies of its own, so that edge 1 can be compared with it.
pub struct Links {
    /// From edge 0 to each origin.
    pub edge_origins: Vec<Proxy>,
    /// From edge 0 to the broker.
    pub edge_kafka: Proxy,
    /// From all edges to Redis.
    pub edges_redis: Proxy,
    /// From all origins to the broker.
    pub origins_kafka: Proxy,
    /// From all origins to PostgreSQL.
    pub origins_postgres: Proxy,
}

impl Links {
    /// Makes the proxies to servers; those to origins follow when there are origins.
    pub(crate) async fn lay(servers: &Servers) -> Self {
        Self {
            edge_origins: Vec::new(),
            edge_kafka: servers.kafka.proxy().await,
            edges_redis: Proxy::to(servers.redis.port()).await,
            origins_kafka: servers.kafka.proxy().await,
            origins_postgres: Proxy::to(servers.postgres.port()).await,
        }
    }

    pub(crate) async fn lay_to(&mut self, origins: &[Node]) {
        for origin in origins {
            self.edge_origins.push(Proxy::to(origin.port()).await);
        }
    }

    pub(crate) fn of_origins(&self, servers: &Servers) -> Detours {
        Detours::default()
            .by(servers.kafka.port(), &self.origins_kafka)
            .by(servers.postgres.port(), &self.origins_postgres)
    }

    pub(crate) fn of_edge(&self, index: usize, servers: &Servers, origins: &[Node]) -> Detours {
        let detours = Detours::default().by(servers.redis.port(), &self.edges_redis);
        if index > 0 {
            return detours;
        }
        let to_origins = origins.iter().zip(&self.edge_origins);
        to_origins
            .fold(detours, |detours, (origin, proxy)| detours.by(origin.port(), proxy))
            .by(servers.kafka.port(), &self.edge_kafka)
    }

    /// Restores all connections.
    pub fn heal(&self) {
        let Self { edge_origins, edge_kafka, edges_redis, origins_kafka, origins_postgres } = self;
        let ways = [edge_kafka, edges_redis, origins_kafka, origins_postgres];
        edge_origins.iter().chain(ways).for_each(Proxy::heal);
    }
}

/// Ports, and the ports of the proxies in front of them.
#[derive(Default)]
pub(crate) struct Detours(BTreeMap<u16, u16>);

impl Detours {
    fn by(mut self, port: u16, proxy: &Proxy) -> Self {
        self.0.insert(port, proxy.port());
        self
    }

    /// A configuration whose addresses lead through the proxies. Ports have five digits and are all different.
    pub(crate) fn lead(&self, text: &str) -> String {
        let led = |text: String, (port, proxy): (&u16, &u16)| {
            text.replace(&format!("127.0.0.1:{port}"), &format!("127.0.0.1:{proxy}"))
        };
        self.0.iter().fold(text.to_owned(), led)
    }
}
