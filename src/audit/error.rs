//! What stops an audit. Every message says what to do.

use crate::tiers;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Client(#[from] onhand_client::Error),
    #[error(transparent)]
    Tiers(#[from] tiers::Error),
    #[error("there is nothing to audit: the catalogue is empty; name SKUs with --sku, or import some")]
    NothingToAudit,
    #[error("cannot print the report: {0}; see that standard output is open, or write to a file that can grow")]
    Print(std::io::Error),
}
