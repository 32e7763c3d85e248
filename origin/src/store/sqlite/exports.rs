//! Exports, over SQLite: its one connection is everybody's, so all is read at once and then handed on.

use async_trait::async_trait;
use onhand_wire::LocationId;
use rusqlite::params;

use super::{Sqlite, read, row};
use crate::store::{
    LedgerEntry, Result,
    exports::{Exports, LedgerFilter, PIECE, Pieces, StockFilter, StockLine},
};

const STOCK: &str = "SELECT p.sku, p.name, p.brand, p.attributes, p.price, p.currency, p.active, p.deleted, p.seq, p.changed_at,
        i.sku, i.location, i.on_hand, i.reserved, i.safety_stock, i.backorder_limit, i.low_stock_at, i.restock_at, i.seq,
        i.changed_at, i.deleted
    FROM inventory_items i JOIN products p ON p.sku = i.sku
    WHERE NOT i.deleted AND NOT p.deleted AND (?1 IS NULL OR i.location IN (SELECT value FROM json_each(?1)))
        AND (?2 IS NULL OR i.changed_at >= ?2 OR p.changed_at >= ?2)
    ORDER BY i.sku, i.location";

async fn hand_on<T>(mut all: Vec<T>, pieces: &Pieces<T>) -> Result<()> {
    while !all.is_empty() {
        let rest = all.split_off(all.len().min(PIECE));
        if pieces.send(Ok(std::mem::replace(&mut all, rest))).await.is_err() {
            break;
        }
    }
    Ok(())
}

#[async_trait]
impl Exports for Sqlite {
    async fn export_stock(&self, filter: &StockFilter, pieces: &Pieces<StockLine>) -> Result<()> {
        let locations = filter.locations.as_ref();
        let locations = locations.map(|all| all.iter().map(LocationId::as_str).collect::<Vec<_>>());
        let locations = locations.map(|all| serde_json::to_string(&all).expect("plain data encodes"));
        let since = filter.changed_since.map(|since| since.micros());
        let line = |found: &rusqlite::Row<'_>| {
            let item = row::item(found, 0)?;
            let (_, location, stock) = row::stock_from(found, 10)?;
            Ok(StockLine { item, location, row: stock })
        };
        let all = self.with(|connection| row::all(connection, STOCK, params![locations, since], line))?;
        hand_on(all, pieces).await
    }

    async fn export_ledger(&self, filter: &LedgerFilter, pieces: &Pieces<LedgerEntry>) -> Result<()> {
        let sql_text = format!(
            "SELECT {} FROM ledger WHERE (?1 IS NULL OR sku = ?1) AND (?2 IS NULL OR location = ?2)
                AND (?3 IS NULL OR at >= ?3) AND (?4 IS NULL OR at < ?4) ORDER BY id",
            read::LEDGER
        );
        let (from, to) = (filter.from.map(|at| at.micros()), filter.to.map(|at| at.micros()));
        let (sku, location) =
            (filter.sku.as_ref().map(|sku| sku.as_str()), filter.location.as_ref().map(LocationId::as_str));
        let read = |connection: &mut rusqlite::Connection| {
            row::all(connection, &sql_text, params![sku, location, from, to], read::ledger_entry)
        };
        let all = self.with(read)?;
        hand_on(all, pieces).await
    }
}
