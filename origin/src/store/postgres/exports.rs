//! Exports, over PostgreSQL: one transaction, read by a portal, so that nothing is gathered on the way.

use async_trait::async_trait;
use onhand_wire::{LocationId, Sku};
use tokio_postgres::{IsolationLevel, Row, types::ToSql};

use super::{Postgres, read, row, session::Purpose};
use crate::store::{
    LedgerEntry, Result,
    exports::{Exports, LedgerFilter, PIECE, Pieces, StockFilter, StockLine},
};

const STOCK: &str = "SELECT p.sku, p.name, p.brand, p.attributes::text, p.price, p.currency, p.active, p.deleted, p.seq, p.changed_at,
        i.sku, i.location, i.on_hand, i.reserved, i.safety_stock, i.backorder_limit, i.low_stock_at, i.restock_at, i.seq,
        i.changed_at, i.deleted
    FROM inventory_items i JOIN products p ON p.sku = i.sku
    WHERE NOT i.deleted AND NOT p.deleted AND ($1::text[] IS NULL OR i.location = ANY($1))
        AND ($2::timestamptz IS NULL OR i.changed_at >= $2 OR p.changed_at >= $2)
    ORDER BY i.sku, i.location";

fn ledger() -> String {
    format!(
        "SELECT {} FROM ledger WHERE ($1::text IS NULL OR sku = $1) AND ($2::text IS NULL OR location = $2)
            AND ($3::timestamptz IS NULL OR at >= $3) AND ($4::timestamptz IS NULL OR at < $4)
        ORDER BY id, sku",
        read::LEDGER
    )
}

impl Postgres {
    async fn export<T>(
        &self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
        read: impl Fn(&Row) -> Result<T>,
        pieces: &Pieces<T>,
    ) -> Result<()> {
        // A connection of its own: whoever reads slowly keeps nobody else from reading.
        let mut session = self.connect(Purpose::Migration).await?;
        let snapshot = session.client.build_transaction();
        let snapshot = snapshot.isolation_level(IsolationLevel::RepeatableRead).read_only(true).start().await?;
        let portal = snapshot.bind(sql, params).await?;
        loop {
            let found = snapshot.query_portal(&portal, PIECE as i32).await?;
            if found.is_empty() {
                return Ok(());
            }
            let piece = found.iter().map(&read).collect::<Result<Vec<T>>>()?;
            if pieces.send(Ok(piece)).await.is_err() {
                return Ok(());
            }
        }
    }
}

#[async_trait]
impl Exports for Postgres {
    async fn export_stock(&self, filter: &StockFilter, pieces: &Pieces<StockLine>) -> Result<()> {
        let locations = filter.locations.as_ref();
        let locations: Option<Vec<&str>> = locations.map(|all| all.iter().map(LocationId::as_str).collect());
        let since = filter.changed_since.map(row::utc);
        let line = |found: &Row| {
            let item = row::item(found, 0)?;
            let (_, location, stock) = row::stock_from(found, 10)?;
            Ok(StockLine { item, location, row: stock })
        };
        self.export(STOCK, &[&locations, &since], line, pieces).await
    }

    async fn export_ledger(&self, filter: &LedgerFilter, pieces: &Pieces<LedgerEntry>) -> Result<()> {
        let (sku, location) = (filter.sku.as_ref().map(Sku::as_str), filter.location.as_ref().map(LocationId::as_str));
        let (from, to) = (filter.from.map(row::utc), filter.to.map(row::utc));
        self.export(&ledger(), &[&sku, &location, &from, &to], read::ledger_entry, pieces).await
    }
}
