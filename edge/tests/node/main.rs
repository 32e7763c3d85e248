//! One whole edge, over HTTP, against a fake origin and a feed in memory. What needs real servers is
//! in the workspace's own tests.

mod origin;
mod world;
mod events;

mod connections;
mod audit;
mod breakers;
mod degraded;
mod limits;
mod lookups;
mod quotes;
mod origins;
mod overload;
mod operators;
mod requests;
mod reservations;
mod streams;
