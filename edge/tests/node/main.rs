//! One whole edge, over HTTP, against a fake origin and a feed in memory. What needs real servers is
//! in the workspace's own tests.

mod origin;
mod world;

mod audit;
mod degraded;
mod lookups;
mod operators;
mod requests;
mod reservations;
