//! New rows by COPY: the server need not unpack arrays, which is half of a row's cost. COPY waits for an extra answer
//! before it sends rows, so it is faster only for a large batch.

use std::{error::Error, pin::pin};

use bytes::{BufMut, BytesMut};
use onhand_wire::Sku;
use tokio_postgres::{
    Client, Statement,
    binary_copy::BinaryCopyInWriter,
    types::{IsNull, Json, ToSql, Type, to_sql_checked},
};

use super::{
    super::row::{STOCK, utc},
    ITEM_COLUMNS, LEDGER_COLUMNS, LEDGER_LINES,
    columns::Key,
};
use crate::{
    state::{BatchState, LedgerLine},
    store::{Result, words},
};

/// A batch with this many changes is an import's chunk, or similar.
const MANY: usize = 500;

pub(super) struct Copies {
    items: Statement,
    stock: Statement,
    number: Statement,
    ledger: Statement,
}

/// Whether the batch's new rows are copied, and its writes sent one after the other.
pub(in super::super) fn copied(state: &BatchState) -> bool {
    state.changes.ledger.len() >= MANY
}

impl Copies {
    pub(super) async fn prepare(client: &Client) -> Result<Self> {
        Ok(Self {
            items: client.prepare(&format!("COPY products ({ITEM_COLUMNS}) FROM STDIN (FORMAT binary)")).await?,
            stock: client.prepare(&format!("COPY inventory_items ({STOCK}) FROM STDIN (FORMAT binary)")).await?,
            number: client.prepare("SELECT nextval('ledger_batches')").await?,
            ledger: client.prepare(&format!("COPY ledger ({LEDGER_COLUMNS}) FROM STDIN (FORMAT binary)")).await?,
        })
    }

    pub(super) async fn items(&self, client: &Client, state: &BatchState, skus: Vec<&Sku>) -> Result<()> {
        let types = [
            [Type::TEXT, Type::TEXT, Type::TEXT, Type::JSONB, Type::INT8, Type::TEXT].as_slice(),
            &[Type::BOOL, Type::BOOL, Type::INT8, Type::TIMESTAMPTZ, Type::TS_VECTOR],
        ];
        let mut copy = pin!(BinaryCopyInWriter::new(client.copy_in(&self.items).await?, &types.concat()));
        for item in skus.into_iter().map(|sku| &state.items[sku]) {
            let price = item.price.as_ref();
            copy.as_mut()
                .write(&[
                    &item.sku.as_str(),
                    &item.name,
                    &item.brand,
                    &Json(&item.attributes),
                    &price.map(|price| price.amount),
                    &price.map(|price| price.currency.as_str()),
                    &item.active,
                    &item.deleted,
                    &(item.version.seq() as i64),
                    &utc(item.changed_at),
                    &Lexemes(words::of_item(item)),
                ])
                .await?;
        }
        copy.finish().await?;
        Ok(())
    }

    pub(super) async fn stock(&self, client: &Client, state: &BatchState, keys: Vec<&Key>) -> Result<()> {
        let types = [
            [Type::TEXT, Type::TEXT, Type::INT8, Type::INT8].as_slice(),
            &[Type::INT8, Type::INT8, Type::INT8, Type::TEXT],
            &[Type::INT8, Type::TIMESTAMPTZ, Type::BOOL],
        ];
        let mut copy = pin!(BinaryCopyInWriter::new(client.copy_in(&self.stock).await?, &types.concat()));
        for (sku, location) in keys {
            let row = &state.stock[sku][location];
            let restock_at = row.restock_at.as_ref().map(|at| at.as_str());
            let (seq, changed_at) = (row.seq as i64, utc(row.changed_at));
            copy.as_mut()
                .write(&[
                    &sku.as_str(),
                    &location.as_str(),
                    &row.on_hand,
                    &row.reserved,
                    &row.safety_stock,
                    &row.backorder_limit,
                    &row.low_stock_at,
                    &restock_at,
                    &seq,
                    &changed_at,
                    &row.deleted,
                ])
                .await?;
        }
        copy.finish().await?;
        Ok(())
    }

    /// At most `LEDGER_LINES`.
    pub(super) async fn ledger(&self, client: &Client, state: &BatchState, lines: &[LedgerLine]) -> Result<()> {
        let number: i64 = client.query_one(&self.number, &[]).await?.get(0);
        let types = [
            [Type::TIMESTAMPTZ, Type::TEXT, Type::TEXT, Type::TEXT, Type::TEXT, Type::TEXT].as_slice(),
            &[Type::INT8, Type::INT8, Type::INT8, Type::INT8, Type::INT8],
            &[Type::UUID, Type::TEXT, Type::JSON, Type::INT8],
        ];
        let mut copy = pin!(BinaryCopyInWriter::new(client.copy_in(&self.ledger).await?, &types.concat()));
        let at = utc(state.now);
        for (id, line) in (number * LEDGER_LINES as i64 + 1..).zip(lines) {
            let policy = line.policy.as_ref().map(Json);
            copy.as_mut()
                .write(&[
                    &at,
                    &line.actor,
                    &line.kind,
                    &line.reason,
                    &line.sku.as_str(),
                    &line.location.as_str(),
                    &line.before.0,
                    &line.before.1,
                    &line.after.0,
                    &line.after.1,
                    &(line.seq as i64),
                    &line.reservation,
                    &line.correlation,
                    &policy,
                    &id,
                ])
                .await?;
        }
        copy.finish().await?;
        Ok(())
    }
}

/// A tsvector as the server reads it: how many words, and each with no positions.
#[derive(Debug)]
struct Lexemes(Vec<String>);

impl ToSql for Lexemes {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> std::result::Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_u32(u32::try_from(self.0.len())?);
        for word in &self.0 {
            out.put_slice(word.as_bytes());
            out.put_slice(&[0, 0, 0]); // the word's end, then no positions
        }
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TS_VECTOR
    }

    to_sql_checked!();
}
