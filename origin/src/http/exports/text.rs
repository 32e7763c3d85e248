//! Lines of an export: CSV as an import reads it, or NDJSON with the same names.

use std::fmt::Write;

use serde_json::json;

use crate::store::{LedgerEntry, exports::StockLine};

pub(super) const STOCK_COLUMNS: &str = "sku,location,quantity,name,brand,price,currency,safety_stock,backorder_limit,\
low_stock_at,restock_at,active,attributes,reserved,available\n";

pub(super) const LEDGER_COLUMNS: &str = "id,time,actor,kind,reason,sku,location,on_hand_before,on_hand_after,\
reserved_before,reserved_after,reservation,correlation\n";

/// Quoted where a reader would else take it for something else.
fn cell(text: &str, into: &mut String) {
    if text.contains([',', '"', '\r', '\n']) {
        into.push('"');
        into.push_str(&text.replace('"', "\"\""));
        into.push('"');
    } else {
        into.push_str(text);
    }
    into.push(',');
}

fn row<const N: usize>(cells: [&str; N], into: &mut String) {
    cells.iter().for_each(|text| cell(text, into));
    into.pop();
    into.push('\n');
}

pub(super) fn stock_line(line: &StockLine, csv: bool, into: &mut String) {
    let (item, row_) = (&line.item, &line.row);
    if !csv {
        let mut shown = json!({
            "sku": item.sku, "location": line.location, "quantity": row_.on_hand, "name": item.name,
            "safety_stock": row_.safety_stock, "backorder_limit": row_.backorder_limit,
            "low_stock_at": row_.low_stock_at, "active": item.active, "attributes": item.attributes,
            "reserved": row_.reserved, "available": row_.available(),
        });
        if let Some(brand) = &item.brand {
            shown["brand"] = json!(brand);
        }
        if let Some(price) = &item.price {
            (shown["price"], shown["currency"]) = (json!(price.amount), json!(price.currency));
        }
        if let Some(restock_at) = &row_.restock_at {
            shown["restock_at"] = json!(restock_at);
        }
        let _infallible = writeln!(into, "{shown}");
        return;
    }
    let price = item.price.as_ref();
    let attributes = match item.attributes.is_empty() {
        true => String::new(),
        false => serde_json::to_string(&item.attributes).expect("plain data encodes"),
    };
    row(
        [
            item.sku.as_str(),
            line.location.as_str(),
            &row_.on_hand.to_string(),
            &item.name,
            item.brand.as_deref().unwrap_or_default(),
            &price.map(|price| price.amount.to_string()).unwrap_or_default(),
            price.map(|price| price.currency.as_str()).unwrap_or_default(),
            &row_.safety_stock.to_string(),
            &row_.backorder_limit.to_string(),
            &row_.low_stock_at.to_string(),
            row_.restock_at.as_ref().map(|at| at.as_str()).unwrap_or_default(),
            if item.active { "true" } else { "false" },
            &attributes,
            &row_.reserved.to_string(),
            &row_.available().to_string(),
        ],
        into,
    );
}

pub(super) fn ledger_line(entry: &LedgerEntry, csv: bool, into: &mut String) {
    if !csv {
        let _infallible = writeln!(into, "{}", serde_json::to_string(entry).expect("plain data encodes"));
        return;
    }
    row(
        [
            &entry.id.to_string(),
            &entry.time.to_string(),
            &entry.actor,
            &entry.kind,
            entry.reason.as_deref().unwrap_or_default(),
            &entry.sku,
            &entry.location,
            &entry.before.on_hand.to_string(),
            &entry.after.on_hand.to_string(),
            &entry.before.reserved.to_string(),
            &entry.after.reserved.to_string(),
            &entry.reservation.map(|id| id.to_string()).unwrap_or_default(),
            &entry.correlation,
        ],
        into,
    );
}
