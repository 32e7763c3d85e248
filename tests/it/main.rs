//! The whole, on real PostgreSQL, Redis and Kafka: one binary.

mod dev;
mod errors;
mod faults;
mod flow;
mod freshness;
mod last_unit;
mod layers;
mod rules;
mod settings;
