//! All stock, or the whole ledger, read from one snapshot and handed on piece by piece.

use async_trait::async_trait;
use onhand_wire::{Item, LocationId, Sku, Timestamp};
use tokio::sync::mpsc;

use super::{LedgerEntry, Result};
use crate::record::StockRow;

/// A stock row and its item.
#[derive(Debug)]
pub struct StockLine {
    pub item: Item,
    pub location: LocationId,
    pub row: StockRow,
}

#[derive(Debug, Default, Clone)]
pub struct StockFilter {
    /// None: all.
    pub locations: Option<Vec<LocationId>>,
    /// The row or its item has changed at this moment or later.
    pub changed_since: Option<Timestamp>,
}

#[derive(Debug, Default, Clone)]
pub struct LedgerFilter {
    pub sku: Option<Sku>,
    pub location: Option<LocationId>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

/// Where the pieces go: who does not take them is waited for, and who is gone ends the export.
pub type Pieces<T> = mpsc::Sender<Result<Vec<T>>>;

/// Rows in a piece.
pub(super) const PIECE: usize = 1000;

#[async_trait]
pub trait Exports: Send + Sync {
    /// In the order of SKU and location.
    async fn export_stock(&self, filter: &StockFilter, pieces: &Pieces<StockLine>) -> Result<()>;
    /// Oldest first.
    async fn export_ledger(&self, filter: &LedgerFilter, pieces: &Pieces<LedgerEntry>) -> Result<()>;
}
