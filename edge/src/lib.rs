//! One regional node: answers lookups from a cache that the change feed keeps right.
//!
//! **A lookup**, in the order in which it passes the modules:
//!
//! | step | module | cost |
//! |---|---|---|
//! | accept, limits, drain | [`serve`] | |
//! | correlation, CORS, route, token, body | `http`, `admission` | |
//! | `as_of`, staleness, mode: **before** the entry | `freshness` | two loads |
//! | names of locations and channels | `topology` | one load |
//! | L1 | `cache::l1` | one hash lookup |
//! | coalesce and gather the misses | `cache::load` | a task switch |
//! | L2, joined with what lately came in | `cache::l2`, `cache::recent` | one round trip for all |
//! | the origin, within its deadline and breaker | `origin` | one request for all |
//! | facts + topology + rules → body, kept beside the entry | `view` | none on a hit |
//!
//! A quote (`quote`) goes the same way, to prices and a proposed allocation. A stream (`http::stream`)
//! does so once, and is then told by `cache::watch` of what changes.
//!
//! **A change**, in the order in which it passes them:
//!
//! | step | module |
//! |---|---|
//! | Kafka, or the log of the same process | `feed::kafka`, `feed::memory` |
//! | decode; count and skip what cannot be | `feed::apply` |
//! | a location or a channel → the topology | `topology` |
//! | a fact or an item → `recent`, **then** L1, then the streams that watch it | `cache::recent`, `cache::l1`, `cache::watch` |
//! | a watermark → `as_of`; loaded facts that it has passed leave `recent` | `freshness` |
//! | the region's one writer of each partition → Redis | `feed::l2_writer` |
//!
//! Beside both: `audit` compares answers that were given with the origin; `http::explain` and
//! `http::warm` are for operators.
//!
//! What is absent: nothing but `cache::l1` touches the moka cache; nothing here decides a
//! reservation; nothing here depends on the origin's crate.

mod config;
pub mod serve;
mod node;
mod http;
mod admission;
mod freshness;
mod topology;
mod view;
mod quote;
mod streams;
mod cache;
mod audit;
mod origin;
mod breaker;
mod feed;
mod metrics;

pub use self::http::routed;
pub use admission::Auth;
pub use config::{
    AuditConfig, BreakerConfig, CacheConfig, Config, FreshnessConfig, LimitsConfig, OriginConfig, RateConfig,
    RecentConfig, RedisConfig,
};
pub use feed::Feed;
pub use origin::{BadToken, BadUrl};
pub use serve::{Edge, StartError};
