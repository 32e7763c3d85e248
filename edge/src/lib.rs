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
//! does so once, and then gets each change from `cache::subscriptions`.
//!
//! **A change**, in the order in which it passes them:
//!
//! | step | module |
//! |---|---|
//! | Kafka, or the log of the same process | `feed::kafka`, `feed::memory` |
//! | decode; count and skip what cannot be | `feed::apply` |
//! | a location or a channel → the topology | `topology` |
//! | a fact or an item → `recent`, **then** L1, then the streams that subscribe to it | `cache::recent`, `cache::l1`, `cache::subscriptions` |
//! | a watermark → `as_of`; loaded facts that it has passed leave `recent` | `freshness` |
//! | the region's one writer of each partition → Redis | `feed::l2_writer` |
//!
//! Beside both: `audit` compares answers that were given with the origin; `explain` and `http::warm` are
//! for operators.
//!
//! Modules are declared from the bottom up: each uses only those above it.
//!
//! What is absent: nothing but `cache::l1` touches the moka cache; nothing here decides a
//! reservation; nothing here depends on the origin's crate.

/// What the operator sets.
mod config;
/// L1, L2 and the origin: where an answer may come from.
mod tier;
/// Every number that the node shows.
mod metrics;
/// Locations and channels.
mod topology;
/// `as_of`, staleness, and the mode that follows from them.
mod freshness;
/// How far the feed has been read.
mod position;
/// The connection to the region's Redis.
mod redis_client;
/// Which body an order's key stands for, as the region's edges know it.
mod first_bodies;
/// Tokens, rates, shares, and the line for the processor.
mod admission;
/// Streams that are open.
mod open_streams;
/// The client of the origin.
mod origin;
/// What is held of one SKU.
mod entry;
/// From an entry to the body that a channel is shown.
mod view;
/// From entries to prices and an allocation.
mod quote;
/// L1, then L2, then the origin.
mod cache;
/// From the change feed into the cache.
mod feed;
/// Answers set aside for the self-audit.
mod sampler;
/// All of the above together, as requests share it.
mod node;
/// What the node holds of a SKU, and why it shows what it shows.
mod explain;
/// Compares answers that were given with the origin.
mod audit;
/// One request, from its head to its reply.
mod http;
/// Binds, starts the node, accepts connections, and drains.
pub mod serve;

pub use self::http::routed;
pub use admission::Auth;
pub use config::{
    AuditConfig, CacheConfig, Config, FreshnessConfig, LimitsConfig, OriginConfig, RecentConfig, RedisConfig,
};
pub use feed::Feed;
pub use origin::{BadOrigin, BadToken, BadUrl};
pub use redis_client::{BadRedis, probe as probe_redis};
pub use serve::{Edge, StartError};
