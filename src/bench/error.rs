//! What stops a benchmark. Every message says what to do.

use std::path::PathBuf;

use onhand_http::{outgoing::tls::ClientFault, setting::SecretUrl};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("--edge: {url} is not an address; write it like http://127.0.0.1:8080 or https://edge-1.example")]
    Address { url: SecretUrl },
    #[error(transparent)]
    Tls(ClientFault),
    #[error("--edge: {url}: {source}; check that the edge runs and listens there")]
    Connect { url: SecretUrl, source: std::io::Error },
    #[error("cannot read {}: {source}; name a file with one SKU per line", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}, line {line}: {why}", path.display())]
    Sku { path: PathBuf, line: usize, why: String },
    #[error("{} names no SKU", path.display())]
    NoSkus { path: PathBuf },
    #[error("--orders: {0}")]
    Orders(crate::replay::Error),
    #[error("--mix: holds need --token, a storefront token")]
    NoToken,
    #[error("--for: must be longer than 0")]
    NoTime,
    #[error(
        "nothing that was due after --warmup was answered; see that the edge answers, or offer less: --closed finds the peak"
    )]
    Nothing,
    #[error("the sockets cannot be watched: {0}; is `ulimit -n` above --connections?")]
    Poll(std::io::Error),
    #[error("a thread cannot be started: {0}")]
    Thread(std::io::Error),
    #[error("cannot write {}: {source}; name a file in a directory that exists", path.display())]
    Unwritable { path: PathBuf, source: std::io::Error },
    #[error("cannot print the report: {0}; see that standard output is open, or use --json FILE")]
    Print(std::io::Error),
}
