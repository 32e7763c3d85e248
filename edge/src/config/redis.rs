//! `[edge.redis]`: L2.

use onhand_http::{
    hop::Hop,
    setting::{SecretUrl, Span},
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedisConfig {
    /// `redis://[USER]:[PASSWORD]@HOST:PORT`, or `rediss://…` for TLS; empty means no L2. For a cluster, any of its
    /// nodes; several are separated by commas.
    pub url: SecretUrl,
    /// Roots for the server's certificate, in PEM; empty uses the system's. Only with `rediss://`.
    pub ca_file: String,
    /// The node's own certificate, for a server that asks for one; empty means none. Only with `rediss://`.
    pub cert_file: String,
    pub key_file: String,
    /// If true, `onhand check` accepts that this hop leaves the machine in the clear.
    pub insecure: bool,
    /// Whether it is a Redis Cluster: its other nodes are found through those in `url`.
    pub cluster: bool,
    /// How long a read may take; beyond that, it is a miss.
    pub timeout: Span,
    /// How long a SKU stays if no edge fills it again.
    pub ttl: Span,
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self {
            url: SecretUrl::default(),
            ca_file: String::new(),
            cert_file: String::new(),
            key_file: String::new(),
            insecure: false,
            cluster: false,
            timeout: Span::ms(50),
            ttl: Span::s(24 * 3600),
        }
    }
}

impl RedisConfig {
    /// The nodes in `url`. `REDIS_ADDR=a:6379,b:6379` gives only the first a scheme; the others have the same.
    pub(crate) fn nodes(&self) -> Vec<String> {
        let url = self.url.expose();
        let scheme = if self.is_encrypted() { "rediss" } else { "redis" };
        let named = |node: &str| if node.contains("://") { node.to_owned() } else { format!("{scheme}://{node}") };
        url.split(',').map(|node| named(node.trim())).collect()
    }

    /// Whether connections use TLS.
    pub fn is_encrypted(&self) -> bool {
        ["rediss://", "valkeys://"].iter().any(|scheme| self.url.expose().starts_with(scheme))
    }

    /// How safe the hop to it is.
    pub fn hop(&self) -> Hop {
        let local = self.nodes().into_iter().all(|node| SecretUrl::new(node).is_local());
        Hop::by(self.is_encrypted(), local)
    }

    pub(super) fn fault(&self) -> Option<String> {
        let files = [("ca_file", &self.ca_file), ("cert_file", &self.cert_file), ("key_file", &self.key_file)];
        if !self.url.is_empty()
            && !self.is_encrypted()
            && let Some((key, _)) = files.into_iter().find(|(_, path)| !path.is_empty())
        {
            return Some(format!("edge.redis.{key}: needs a url that begins with rediss://"));
        }
        if self.cluster && self.is_encrypted() && self.nodes().iter().any(|node| node.starts_with("redis://")) {
            return Some("edge.redis.url: either all nodes of a cluster are rediss://, or none".to_owned());
        }
        match (self.cert_file.is_empty(), self.key_file.is_empty()) {
            (true, false) => Some("edge.redis.cert_file: must be set where key_file is".to_owned()),
            (false, true) => Some("edge.redis.key_file: must be set where cert_file is".to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> RedisConfig {
        RedisConfig { url: SecretUrl::new(url), ..RedisConfig::default() }
    }

    #[test]
    fn the_first_nodes_scheme_is_the_others() {
        assert_eq!(config("redis://a:1, b:2").nodes(), ["redis://a:1", "redis://b:2"]);
        assert_eq!(config("rediss://:p@a:1,b:2").nodes(), ["rediss://:p@a:1", "rediss://b:2"]);
    }

    #[test]
    fn files_need_tls_and_each_other() {
        let fault = |url: &str, ca: &str, cert: &str, key: &str| {
            let files = [ca, cert, key].map(str::to_owned);
            let [ca_file, cert_file, key_file] = files;
            RedisConfig { ca_file, cert_file, key_file, ..config(url) }.fault().unwrap_or_default()
        };
        assert!(fault("redis://a:1", "ca.pem", "", "").starts_with("edge.redis.ca_file:"));
        assert!(fault("rediss://a:1", "ca.pem", "c.pem", "").starts_with("edge.redis.key_file:"));
        assert!(fault("rediss://a:1", "", "", "k.pem").starts_with("edge.redis.cert_file:"));
        assert_eq!(fault("rediss://a:1", "ca.pem", "c.pem", "k.pem"), "");
        let mixed = RedisConfig { cluster: true, ..config("rediss://a:1,redis://b:1") };
        assert!(mixed.fault().is_some());
    }
}
