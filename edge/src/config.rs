//! Every key of `[edge]`, with its unit and what happens beyond the value.

mod limits;
mod redis;

use onhand_http::{
    host::host_fault,
    setting::{HttpConfig, Secret, SecretUrl, Span, address_fault, count_fault},
};
use serde::{Deserialize, Serialize};

pub use self::{
    limits::{LimitsConfig, RateConfig},
    redis::RedisConfig,
};

/// One regional node.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port for storefronts; port 0 takes a free one.
    pub listen: String,
    /// Address and port for operators: metrics and actuator. Never the public address.
    pub management: String,
    /// Names under which the management listener may be reached, without port, beside IP addresses and
    /// `localhost`; under any other name it answers 400, so that no web page reaches it through a browser.
    pub management_hosts: Vec<String>,
    /// Threads that serve storefronts, each with connections of its own; 0: one on each core.
    pub threads: usize,
    /// Names the region: nodes of one region share Redis and its one writer for each partition.
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
    /// Most streams (`GET /v1/stream`) open at once; beyond, 503 overloaded. Each takes a connection, and
    /// up to 256 changes that wait for its reader. What one caller may have of them: `limits.streams_per_caller`.
    pub streams: usize,
    /// How long requests in flight may take to finish at shutdown; beyond, they are cut. Streams end at once.
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
            faults.push("edge.origin: token and token_file are both set, exactly one of them may be".to_owned());
        }
        faults.extend(self.management_hosts.iter().filter_map(|host| host_fault("edge.management_hosts", host)));
        let breaker = &self.origin.breaker;
        faults.extend(count_fault("edge.origin.breaker.failure_threshold", breaker.failure_threshold == 0));
        faults.extend(count_fault("edge.origin.breaker.success_threshold", breaker.success_threshold == 0));
        faults.extend(count_fault("edge.cache.entries", self.cache.entries == 0));
        faults.extend(count_fault("edge.cache.unknown_entries", self.cache.unknown_entries == 0));
        faults.extend(count_fault("edge.recent.entries", self.recent.entries == 0));
        if breaker.max_timeout < breaker.base_timeout {
            faults.push("edge.origin.breaker.max_timeout: must be base_timeout or more".to_owned());
        }
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

/// How the origin is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OriginConfig {
    /// Origins of one region, `https://HOST:PORT` or `http://HOST:PORT` each; the next is tried when one cannot be reached.
    pub urls: Vec<SecretUrl>,
    /// `onhand check` does not mind that it leaves the machine in the clear.
    pub insecure: bool,
    /// A token of scope edge, for the edge's own calls. Exactly one of this and `token_file` is set.
    pub token: Secret,
    /// The same, in a file that may change while the edge runs: looked at every second. A file that then
    /// holds no good token is logged and counted, and the token before stays in use.
    pub token_file: String,
    /// How long a load or a forwarded write may take when its caller names no time; beyond, 503 or 504.
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

/// When calls to the origin are given up for a while.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerConfig {
    /// Calls in a row that must fail before it opens.
    pub failure_threshold: u32,
    /// Calls in a row that must succeed, half open, before it closes.
    pub success_threshold: u32,
    /// How long it stays open the first time; doubled each time it opens again.
    pub base_timeout: Span,
    /// The longest that it stays open.
    pub max_timeout: Span,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { failure_threshold: 5, success_threshold: 2, base_timeout: Span::s(30), max_timeout: Span::s(300) }
    }
}

/// The first tier.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    /// Most SKUs held; beyond, the least used leave.
    pub entries: u64,
    /// Most names held that are no SKU's; beyond, the least used leave and are asked for again. They take no
    /// room of `entries`.
    pub unknown_entries: u64,
    /// How long "no such SKU" is believed without asking; a created item replaces it at once.
    pub unknown_ttl: Span,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { entries: 1_000_000, unknown_entries: 10_000, unknown_ttl: Span::s(5) }
    }
}

/// Facts kept for loads in flight and for reads of the second tier.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecentConfig {
    /// Most SKUs held; beyond, the oldest leave, and loads that began before them are made again.
    pub entries: usize,
}

impl Default for RecentConfig {
    fn default() -> Self {
        Self { entries: 100_000 }
    }
}

/// The node's own answers against the origin.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditConfig {
    /// Answers a second that are compared with the origin, at most; each costs it one small load. 0: none;
    /// beyond 1000: 1000.
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
    /// Milliseconds of staleness below which the node is live; beyond, misses go to the origin.
    pub live_ms: u64,
    /// Seconds for which cached answers are given, marked stale, while feed and origin are both gone;
    /// beyond, 503.
    pub stale_if_error_s: u64,
}

impl Default for FreshnessConfig {
    fn default() -> Self {
        Self { live_ms: 1000, stale_if_error_s: 300 }
    }
}
