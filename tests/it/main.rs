//! The whole, on real PostgreSQL, Redis and Kafka: one binary.

#![allow(clippy::print_stdout)] // figures and seeds for whoever reads the run

mod dev;
mod errors;
mod faults;
mod flow;
mod freshness;
mod last_unit;
mod layers;
mod rules;
mod scenarios;
mod settings;
