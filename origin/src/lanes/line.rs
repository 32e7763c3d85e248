//! From a record of a lane to a row, whatever the record is.

use std::panic::{AssertUnwindSafe, catch_unwind};

use onhand_orders::Ids;
use onhand_wire::{Timestamp, order::OrderRecord};
use uuid::Uuid;

use super::source::Taken;
use crate::store::orders::{Fault, NewOrder};

/// Bytes of a text that says what is wrong.
const FAULT_CHARS: usize = 500;

/// An order, or a dead letter under an id of its own: every record has a row.
pub(super) fn row(taken: Taken, ids: &Ids, now: Timestamp) -> NewOrder {
    match judged(&taken.value, ids) {
        Ok(record) => NewOrder {
            id: record.id,
            partition: taken.partition,
            offset: taken.offset,
            sku: record.order.first_sku().to_owned(),
            subject: record.subject,
            owner: record.owner,
            digest: record.digest,
            order_ref: record.order.order_ref,
            accepted_at: record.accepted_at,
            decide_by: record.decide_by,
            record: taken.value,
            fault: None,
        },
        Err(fault) => NewOrder {
            id: Uuid::now_v7(),
            partition: taken.partition,
            offset: taken.offset,
            sku: String::new(),
            subject: String::new(),
            owner: None,
            digest: String::new(),
            order_ref: None,
            accepted_at: now,
            decide_by: now,
            record: taken.value,
            fault: Some(fault),
        },
    }
}

/// A record that kills its decoder kills nothing else.
fn judged(value: &[u8], ids: &Ids) -> Result<OrderRecord, Fault> {
    let undecodable = |text: String| Fault { cause: "undecodable", text: short(text) };
    let decoded = catch_unwind(AssertUnwindSafe(|| OrderRecord::decode(value)));
    let record = decoded.map_err(|_| undecodable("its decoder panicked".to_owned()))?.map_err(undecodable)?;
    if record.id != ids.id(&record.subject, record.owner.as_deref(), &record.key) {
        let text = "its id was made with another orders.id_key, or by nobody who has it".to_owned();
        return Err(Fault { cause: "foreign_id", text });
    }
    Ok(record)
}

pub(super) fn short(text: String) -> String {
    // PostgreSQL takes no zero bytes.
    text.chars().filter(|c| *c != '\0').take(FAULT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use onhand_http::setting::Secret;

    use super::*;

    fn ids() -> Ids {
        Ids::new(Secret::new("0123456789abcdef0123456789abcdef"))
    }

    fn record() -> OrderRecord {
        OrderRecord {
            v: OrderRecord::V,
            id: ids().id("shop", None, "k"),
            subject: "shop".to_owned(),
            owner: None,
            key: "k".to_owned(),
            digest: "d".to_owned(),
            accepted_at: Timestamp::from_micros(1),
            decide_by: Timestamp::from_micros(2),
            amount: None,
            correlation: String::new(),
            order: onhand_wire::request::read(br#"{"lines":[{"sku":"x","quantity":1}]}"#).unwrap(),
        }
    }

    fn cause(value: Vec<u8>) -> Option<&'static str> {
        row(Taken { partition: 1, offset: 2, value }, &ids(), Timestamp::default()).fault.map(|fault| fault.cause)
    }

    #[test]
    fn every_record_has_a_row() {
        assert_eq!(cause(record().encode()), None);
        assert_eq!(cause(OrderRecord { key: "other".to_owned(), ..record() }.encode()), Some("foreign_id"));
        let mut none = record();
        none.order.lines.clear();
        for bytes in [vec![], vec![0xc1], b"text".to_vec(), vec![0x91; 100_000], none.encode()] {
            assert_eq!(cause(bytes), Some("undecodable"));
        }
    }
}
