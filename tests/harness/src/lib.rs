//! A world of real servers for tests and the demo: PostgreSQL, Redis, Apache Kafka and onhand processes, each on its
//! own port in a temporary directory. All of them are removed afterwards, even after a panic or a `kill -9` of the test
//! itself.
//!
//! ```no_run
//! use onhand_harness::{World, eventually};
//!
//! # async fn test() {
//! let world = World::start().edges(2).origins(2).ready().await;
//! world.location("eu-1", 0).await;
//! world.stock("22423", "eu-1", 55).await;
//! let shop = world.edge(0).client(&world.tokens.storefront);
//! let other = world.edge(1).client(&world.tokens.storefront);
//! let hold = serde_json::json!({"lines": [{"sku": "22423", "quantity": 5}]});
//! shop.post("/v1/reservations", hold).await.expect(201);
//! eventually!(other.get("/v1/availability/22423").await.json()["available"] == 50);
//! # }
//! ```
//!
//! Read in this order: what keeps a child from outliving us (scratch, spawn), processes (port, process), the servers,
//! the onhand nodes, the world, the caller.

mod error;
mod find;
mod port;
mod scratch;
mod authority;
mod spawn;
mod tree;
mod clock;
mod proxy;

pub mod kafka;
pub mod postgres;
mod process;
pub mod redis;
mod servers;
mod standby;

mod binary;
mod builder;
mod config;
mod links;
mod node;
mod seeds;
mod site;
mod tokens;
mod world;

mod cheap;
mod client;
pub mod watchers;
pub mod cores;
pub mod drill;
mod generator;
mod spread;
pub mod wait;

pub use authority::{Authority, Pair};
pub use builder::Builder;
pub use cheap::Cheap;
pub use client::{Call, Client, Reply, encode};
pub use clock::Clock;
pub use error::Error;
pub use generator::Load;
pub use links::Links;
pub use node::Node;
pub use process::Process;
pub use proxy::Proxy;
pub use seeds::{catalogue_sku, random_seed};
pub use servers::{Kafka, Postgres, Redis, RedisCluster, Servers};
pub use spread::Spread;
pub use tokens::Tokens;
pub use watchers::Watcher;
pub use world::World;
