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
    #[error(transparent)]
    Client(#[from] onhand_client::Error),
    #[error(transparent)]
    Tiers(#[from] crate::tiers::Error),
    #[error(
        "the stock could not be imported: {0}; the file's SKUs and names must satisfy the contract; play another file"
    )]
    NotImported(String),
    #[error("cannot write {}: {source}; name a file in a directory that exists", path.display())]
    Unwritable { path: PathBuf, source: std::io::Error },
    #[error("cannot print the report: {0}; see that standard output is open, or use --json FILE")]
    Print(std::io::Error),
}
