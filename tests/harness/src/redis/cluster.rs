//! A Redis Cluster of three primaries.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::Redis;
use crate::{Authority, Error, port::Port, scratch::Scratch};

const NODES: u16 = 3;
const SLOTS: u16 = 16384;
/// How long the nodes may take to learn of each other.
const MEET: Duration = Duration::from_secs(30);

/// Its nodes come back with their slots, and empty.
pub struct RedisCluster {
    nodes: Vec<Redis>,
    /// The ports of the cluster bus, held for as long as the nodes may come back.
    _buses: Vec<Port>,
}

impl RedisCluster {
    /// `by`: signs its nodes' certificates; without it, the cluster has no TLS.
    pub(crate) fn start_in(scratch: &Scratch, by: Option<&Authority>) -> Result<Self, Error> {
        let buses: Vec<Port> = (0..NODES).map(|_| Port::reserve()).collect();
        let start = |(index, bus): (usize, &Port)| {
            // The remaining nodes go on while one is gone: its slots are misses.
            let more = format!(
                "--cluster-enabled yes --cluster-port {} --cluster-node-timeout 2000 --cluster-require-full-coverage no \
                 --tls-cluster {}",
                bus.number,
                // Only then do nodes know each other's ports for TLS.
                if by.is_some() { "yes" } else { "no" }
            );
            Redis::start_with(scratch, &format!("redis-{index}"), &more, false, by)
        };
        let nodes = buses.iter().enumerate().map(start).collect::<Result<Vec<_>, _>>()?;
        let cluster = Self { nodes, _buses: buses };
        cluster.join()?;
        Ok(cluster)
    }

    fn join(&self) -> Result<(), Error> {
        let failed = |error: ::redis::RedisError| Error::DidNotStart {
            name: "the Redis cluster".to_owned(),
            why: error.to_string(),
            log: self.log_tail(20),
        };
        for (index, node) in (0..NODES).zip(&self.nodes) {
            let mut connection = node.connect().map_err(failed)?;
            let (first, last) = (SLOTS / NODES * index, SLOTS / NODES * (index + 1));
            let last = if index + 1 == NODES { SLOTS - 1 } else { last - 1 };
            ::redis::cmd("CLUSTER")
                .arg(&["ADDSLOTSRANGE", &first.to_string(), &last.to_string()])
                .exec(&mut connection)
                .map_err(failed)?;
            for (other, bus) in self.nodes.iter().zip(&self._buses) {
                let (port, bus) = (other.port.number.to_string(), bus.number.to_string());
                ::redis::cmd("CLUSTER")
                    .arg(&["MEET", "127.0.0.1", &port, &bus])
                    .exec(&mut connection)
                    .map_err(failed)?;
            }
        }
        let began = Instant::now();
        while !self.nodes.iter().all(Self::knows_all) {
            if began.elapsed() > MEET {
                return Err(Error::DidNotStart {
                    name: "the Redis cluster".to_owned(),
                    why: format!("its nodes do not know each other after {} s", MEET.as_secs()),
                    log: self.log_tail(20),
                });
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn knows_all(node: &Redis) -> bool {
        let info = node.connect().and_then(|mut redis| ::redis::cmd("CLUSTER").arg("INFO").query::<String>(&mut redis));
        let all =
            ["cluster_state:ok".to_owned(), format!("cluster_known_nodes:{NODES}"), format!("cluster_size:{NODES}")];
        info.is_ok_and(|info| all.iter().all(|line| info.contains(line.as_str())))
    }

    /// Two of the three nodes; the third is found through them.
    pub fn url(&self) -> String {
        self.nodes[..2].iter().map(|node| node.url(0)).collect::<Vec<_>>().join(",")
    }

    /// The same by TLS.
    pub fn secure_url(&self, password: &str) -> String {
        let url = |node: &Redis| node.secure_url(0, password).trim_end_matches("/0").to_owned();
        self.nodes[..2].iter().map(url).collect::<Vec<_>>().join(",")
    }

    /// Whether one of its nodes has a key.
    pub async fn holds_something(&self) -> bool {
        for node in &self.nodes {
            let mut client = node.client(0).await;
            let size: u64 = ::redis::cmd("DBSIZE").query_async(&mut client).await.unwrap_or_default();
            if size > 0 {
                return true;
            }
        }
        false
    }

    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }

    fn log_tail(&self, lines: usize) -> String {
        self.nodes.iter().map(|node| node.log_tail(lines)).collect()
    }
}

impl Redis {
    fn connect(&self) -> ::redis::RedisResult<::redis::Connection> {
        ::redis::Client::open(self.url(0))?.get_connection_with_timeout(Duration::from_secs(1))
    }
}
