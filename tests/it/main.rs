//! The whole, on real PostgreSQL, Redis and Kafka: one binary.

#![allow(clippy::print_stdout)] // figures and seeds for whoever reads the run

mod auth;
mod dev;
mod errors;
mod faults;
mod flow;
mod freshness;
mod hard_minute;
mod imports;
mod last_unit;
mod layers;
mod ledger;
mod onhand;
mod origin_http;
mod origin_table;
mod plugin;
mod promotion;
mod rules;
mod runbook;
mod scenarios;
mod settings;
mod trouble;
