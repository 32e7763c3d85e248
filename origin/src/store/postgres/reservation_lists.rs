//! Lists of reservations, over PostgreSQL.

use async_trait::async_trait;
use onhand_wire::{LocationId, Sku, Timestamp, reservation::State};
use tokio_postgres::types::ToSql;

use super::{Postgres, row};
use crate::{
    record::ReservationRecord,
    store::{
        Result,
        reservation_lists::{ReservationLists, ReservationQuery},
    },
};

/// Ids are in the order of time. What an item was ever held by stands in the ledger, whose key begins with the SKU.
const BY_SKU: &str = "id IN (SELECT reservation FROM ledger WHERE sku = ? AND reservation IS NOT NULL)";
const AT: &str =
    "EXISTS (SELECT FROM json_array_elements(body->'lines') line, json_array_elements(line->'shares') share
    WHERE share->>'location' = ?)";
const LIVE: &str = "state = 'held' AND expires_at > (SELECT greatest(clock_timestamp(), t) FROM relay)";
const DEAD: &str =
    "(state = 'expired' OR state = 'held' AND expires_at <= (SELECT greatest(clock_timestamp(), t) FROM relay))";

struct Search {
    sql: String,
    params: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Search {
    fn add(&mut self, condition: &str, value: impl ToSql + Sync + Send + 'static) {
        self.params.push(Box::new(value));
        let numbered = condition.replace('?', &format!("${}", self.params.len()));
        self.sql += " AND ";
        self.sql += &numbered;
    }

    fn of(query: &ReservationQuery) -> Self {
        let mut search = Self { sql: "SELECT body::text FROM reservations WHERE true".to_owned(), params: Vec::new() };
        match query.state {
            None => {}
            Some(State::Held) => search.sql = format!("{} AND {LIVE}", search.sql),
            Some(State::Expired) => search.sql = format!("{} AND {DEAD}", search.sql),
            Some(state) => search.add("state = ?", state.as_str()),
        }
        let text = |name: &str| name.to_owned();
        if let Some(owner) = &query.owner {
            search.add("owner = ?", owner.clone());
        }
        if let Some(order_ref) = &query.order_ref {
            search.add("order_ref = ?", order_ref.clone());
        }
        if let Some(sku) = query.sku.as_ref().map(Sku::as_str).map(text) {
            search.add(BY_SKU, sku);
        }
        if let Some(location) = query.location.as_ref().map(LocationId::as_str).map(text) {
            search.add(AT, location);
        }
        if let Some(from) = query.from.map(row::utc) {
            search.add("created_at >= ?", from);
        }
        if let Some(to) = query.to.map(row::utc) {
            search.add("created_at < ?", to);
        }
        if let Some(before) = query.before {
            search.add("id < ?", before);
        }
        search.params.push(Box::new(query.limit as i64));
        search.sql += &format!(" ORDER BY id DESC LIMIT ${}", search.params.len());
        search
    }
}

#[async_trait]
impl ReservationLists for Postgres {
    async fn reservations(&self, query: &ReservationQuery) -> Result<(Vec<ReservationRecord>, Timestamp)> {
        let Search { sql, params } = Search::of(query);
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| &**param as &(dyn ToSql + Sync)).collect();
        let client = self.reader().await?;
        let found = client.query(&sql, &params).await?;
        let now = row::time(&client.query_one(row::MOMENT, &[]).await?, 0);
        let records = found.iter().map(|found| row::json("a reservation", found.get(0)));
        Ok((records.collect::<Result<_>>()?, now))
    }
}
