//! What stops a replay. Every message says what to do.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot read {}: {source}; name an existing CSV file, or none to play generated orders", path.display())]
    Unreadable { path: PathBuf, source: csv::Error },
    #[error("{} has no column {column}; it needs InvoiceNo, StockCode, Description, Quantity and CustomerID in its header", path.display())]
    Column { path: PathBuf, column: &'static str },
    #[error("{} holds no order lines; check that it is the right file, or raise --limit-lines", path.display())]
    Empty { path: PathBuf },
    #[error("{url} is not an address; write it like http://127.0.0.1:8080")]
    Address { url: String },
    #[error(
        "no definite answer to {call} within {seconds} s (last: {last}); check that the processes behind --edge and --origin run, or raise --patience-s"
    )]
    NoAnswer { call: String, seconds: u64, last: String },
    #[error("{call} was refused with {status}: {detail}; {advice}")]
    Refused { call: String, status: u16, detail: String, advice: &'static str },
    #[error(
        "{call} gave an answer that this version does not understand ({what}); run the same version of onhand on both sides"
    )]
    Strange { call: String, what: String },
    #[error("Redis at {url}: {source}; check --redis (the address in the edges' [edge.redis] url), or leave it out")]
    Redis { url: String, source: redis::RedisError },
    #[error("cannot write {}: {source}; name a file in a directory that exists", path.display())]
    Unwritable { path: PathBuf, source: std::io::Error },
    #[error("cannot print the report: {0}; see that standard output is open, or use --json FILE")]
    Print(std::io::Error),
}
