//! Lists of reservations, over SQLite.

use async_trait::async_trait;
use onhand_wire::{Timestamp, reservation::State};
use rusqlite::{params_from_iter, types::Value};

use super::{Sqlite, now_in_tx, row};
use crate::{
    record::ReservationRecord,
    store::{
        Result,
        reservation_lists::{ReservationLists, ReservationQuery},
    },
};

const BY_SKU: &str = "id IN (SELECT reservation FROM ledger WHERE sku = ? AND reservation IS NOT NULL)";
const AT: &str = "EXISTS (SELECT 1 FROM json_each(body, '$.lines') line, json_each(line.value, '$.shares') share
    WHERE share.value ->> 'location' = ?)";

#[async_trait]
impl ReservationLists for Sqlite {
    async fn reservations(&self, query: &ReservationQuery) -> Result<(Vec<ReservationRecord>, Timestamp)> {
        self.with(|connection| {
            let now = now_in_tx(connection)?;
            let (mut sql, mut params) = ("SELECT body FROM reservations WHERE 1".to_owned(), Vec::<Value>::new());
            let mut add = |condition: &str, value: Option<Value>| {
                if let Some(value) = value {
                    sql += " AND ";
                    sql += condition;
                    params.push(value);
                }
            };
            let micros = |moment: Timestamp| Value::from(moment.micros());
            match query.state {
                None => {}
                Some(State::Held) => add("state = 'held' AND expires_at > ?", Some(micros(now))),
                Some(State::Expired) => {
                    add("(state = 'expired' OR state = 'held' AND expires_at <= ?)", Some(micros(now)));
                }
                Some(state) => add("state = ?", Some(state.as_str().to_owned().into())),
            }
            add("owner = ?", query.owner.clone().map(Value::from));
            add("order_ref = ?", query.order_ref.clone().map(Value::from));
            add(BY_SKU, query.sku.as_ref().map(|sku| sku.to_string().into()));
            add(AT, query.location.as_ref().map(|location| location.to_string().into()));
            add("created_at >= ?", query.from.map(micros));
            add("created_at < ?", query.to.map(micros));
            add("id < ?", query.before.map(|id| id.to_string().into()));
            sql += " ORDER BY id DESC LIMIT ?";
            params.push((query.limit as i64).into());
            let record = |row: &rusqlite::Row<'_>| row::json("a reservation", &row.get::<_, String>(0)?);
            Ok((row::all(connection, &sql, params_from_iter(params), record)?, now))
        })
    }
}
