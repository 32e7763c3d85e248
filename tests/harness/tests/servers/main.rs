//! The harness itself, without the onhand command: servers start, keep their data over `kill -9`, and never outlive the
//! test.

mod end;
mod clock;
mod proxy;
mod restart;
mod world;
