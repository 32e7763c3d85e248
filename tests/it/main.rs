//! The whole, on real PostgreSQL, Redis and Kafka: one binary.

#![allow(clippy::print_stdout)] // figures and seeds for whoever reads the run

mod auth;
mod dev;
mod errors;
mod faults;
mod flow;
mod hard_minute;
mod freshness;
mod last_unit;
mod layers;
mod promotion;
mod onhand;
mod origin_http;
mod origin_table;
mod rules;
mod runbook;
mod settings;
