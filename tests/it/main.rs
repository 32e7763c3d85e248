//! The whole, on real PostgreSQL, Redis and Kafka: one binary.

#![allow(clippy::print_stdout)] // figures and seeds for whoever reads the run

mod audit;
mod auth;
mod bench;
mod bounds;
mod client;
mod dev;
mod durability;
mod errors;
mod explain;
mod faults;
mod flow;
mod freshness;
mod hard_minute;
mod hostile;
mod imports;
mod issuers;
mod keycloak;
mod last_unit;
mod layers;
mod ledger;
mod lookups;
mod limits;
mod onhand;
mod operating;
mod origin_http;
mod origin_table;
mod promotion;
mod refused_bodies;
mod rule;
mod rules;
mod runbook;
mod scenarios;
mod returns;
mod second_tier;
mod secrets;
mod settings;
mod stampede;
mod trouble;
mod tls;
mod who_may;
mod owners;
