//! One whole edge, over HTTP, against a fake origin and a feed in memory. What needs real servers is
//! in the workspace's own tests.

mod origin;
mod world;
mod events;

mod degraded;
mod lookups;
mod quotes;
mod requests;
mod reservations;
mod streams;
