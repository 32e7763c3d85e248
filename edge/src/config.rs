//! Every key of `[edge]`, with its unit and what happens beyond its value.

mod limits;
mod redis;

use onhand_http::{
    breaker::BreakerConfig,
    host::host_fault,
    setting::{HttpConfig, Secret, SecretUrl, Span, address_fault, count_fault},
};
use serde::{Deserialize, Serialize};

pub use self::{limits::LimitsConfig, redis::RedisConfig};

/// One regional node.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port for storefronts; port 0 uses a free port.
    pub listen: String,
    /// Address and port for operators: metrics and actuator. Never the public address.
    pub management: String,
    /// Names for the management listener, without port, besides IP addresses and `localhost`. It answers 400 to any
    /// other name, so that no web page can reach it through a browser.
    pub management_hosts: Vec<String>,
    /// Threads that serve storefronts, each with its own connections; 0 uses one for each core.
    pub threads: usize,
    /// The region's name: nodes of one region share Redis and its one writer for each partition.
    pub region: String,
    pub origin: OriginConfig,
    pub redis: RedisConfig,
    pub cache: CacheConfig,
    pub recent: RecentConfig,
    pub limits: LimitsConfig,
    pub audit: AuditConfig,
    /// A section of its own: `[freshness]`.
    #[serde(skip)]
    pub freshness: FreshnessConfig,
    /// A section of its own: `[http]`.
    #[serde(skip)]
    pub http: HttpConfig,
    /// A section of its own: `[orders]`.
    #[serde(skip)]
    pub orders: onhand_orders::Config,
    /// Most streams (`GET /v1/stream`) open at once; beyond, 503 overloaded. Each takes a connection, and
    /// up to 256 changes that wait for its reader. What one caller may have of them: `limits.streams_per_caller`.
    pub streams: usize,
    /// How long requests in flight may take to finish at shutdown; then they are cut off. Streams end at once.
    pub drain: Span,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "0.0.0.0:8080".to_owned(),
            management: "127.0.0.1:8081".to_owned(),
            management_hosts: Vec::new(),
            threads: 0,
            region: "local".to_owned(),
            origin: OriginConfig::default(),
            redis: RedisConfig::default(),
            cache: CacheConfig::default(),
            recent: RecentConfig::default(),
            limits: LimitsConfig::default(),
            audit: AuditConfig::default(),
            freshness: FreshnessConfig::default(),
            http: HttpConfig::default(),
            orders: onhand_orders::Config::default(),
            streams: 10_000,
            drain: Span::s(30),
        }
    }
}

impl Config {
    /// What is wrong with it, key by key.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.limits.faults();
        for (key, address) in [("edge.listen", &self.listen), ("edge.management", &self.management)] {
            faults.extend(address_fault(key, address));
        }
        if !self.origin.token.is_empty() && !self.origin.token_file.is_empty() {
            faults.push("edge.origin: token and token_file are both set; only one of them may be".to_owned());
        }
        faults.extend(self.management_hosts.iter().filter_map(|host| host_fault("edge.management_hosts", host)));
        faults.extend(self.origin.breaker.faults("edge.origin.breaker"));
        faults.extend(count_fault("edge.cache.entries", self.cache.entries == 0));
        faults.extend(count_fault("edge.cache.unknown_entries", self.cache.unknown_entries == 0));
        faults.extend(count_fault("edge.recent.entries", self.recent.entries == 0));
        for (key, span) in [
            ("edge.redis.timeout", self.redis.timeout),
            ("edge.redis.ttl", self.redis.ttl),
            ("edge.origin.timeout", self.origin.timeout),
        ] {
            if span < Span::ms(1) {
                faults.push(format!("{key}: must be 1ms or more"));
            }
        }
        faults.extend(self.redis.fault());
        faults
    }

    /// Tells two configurations apart; secrets are left out, so it may be shown.
    pub fn fingerprint(&self) -> String {
        onhand_http::vitals::fingerprint(&(self, &self.freshness, &self.http))
    }
}

/// How the edge calls the origin.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OriginConfig {
    /// Origins of one region, `https://HOST:PORT` or `http://HOST:PORT` each; the next is tried when one cannot be reached.
    pub urls: Vec<SecretUrl>,
    /// If true, `onhand check` accepts that this hop leaves the machine in the clear.
    pub insecure: bool,
    /// A token of scope edge, for the edge's own calls. Set exactly one of this and `token_file`.
    pub token: Secret,
    /// A file with that token. It may change while the edge runs, and is checked every second. If it then holds no
    /// valid token, that is logged and counted, and the old token stays in use.
    pub token_file: String,
    /// How long a load or a forwarded write may take if its caller names no time; then it is answered 503 or 504.
    pub timeout: Span,
    pub breaker: BreakerConfig,
}

impl Default for OriginConfig {
    fn default() -> Self {
        Self {
            urls: vec![SecretUrl::new("http://127.0.0.1:8090")],
            insecure: false,
            token: Secret::default(),
            token_file: String::new(),
            timeout: Span::s(2),
            breaker: BreakerConfig::default(),
        }
    }
}

/// The first tier.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    /// Most SKUs held; beyond that, the least used are evicted.
    pub entries: u64,
    /// Most unknown names held; beyond that, the least used are evicted and asked for again. They take no room from
    /// `entries`.
    pub unknown_entries: u64,
    /// How long an unknown name is answered without asking the origin; a created item replaces it at once.
    pub unknown_ttl: Span,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { entries: 1_000_000, unknown_entries: 10_000, unknown_ttl: Span::s(5) }
    }
}

/// Facts that are kept for loads in flight and for reads of L2.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecentConfig {
    /// Most SKUs held; beyond that, the oldest are dropped, and loads that began before them are repeated.
    pub entries: usize,
}

impl Default for RecentConfig {
    fn default() -> Self {
        Self { entries: 100_000 }
    }
}

/// The self-audit: compares the node's own answers with the origin.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditConfig {
    /// Most answers that are compared with the origin in a second; each costs the origin one small load. 0 compares
    /// none; more than 1000 counts as 1000.
    pub per_s: u32,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self { per_s: 5 }
    }
}

/// When an answer is too old.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FreshnessConfig {
    /// Milliseconds of staleness below which the node is live; above, misses go to the origin.
    pub live_ms: u64,
    /// Seconds for which cached answers are given, marked stale, while feed and origin are both gone; then lookups are
    /// answered 503.
    pub stale_if_error_s: u64,
}

impl Default for FreshnessConfig {
    fn default() -> Self {
        Self { live_ms: 1000, stale_if_error_s: 300 }
    }
}
