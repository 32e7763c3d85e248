//! The harness itself, without the onhand command: servers start, keep what they should over
//! `kill -9`, and never outlive the test.

mod end;
mod clock;
mod proxy;
mod restart;
mod world;
