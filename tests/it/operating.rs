//! What an operator is given: metrics that are documented, rules and alerts that answer, alerting that is watched.

mod alerting;
mod expressions;
mod files;
mod outage;
mod pages;
mod stores;

use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
