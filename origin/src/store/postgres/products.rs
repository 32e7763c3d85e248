//! Product search.
//!
//! Two steps, so that neither a common nor a rare word is slow. The first reads a bounded range of the primary key; a
//! common word fills a page from there. The second runs only if the page is not full; it finds rare words through the
//! filters' own indexes and then sorts. Without this the planner, because of ORDER BY … LIMIT, would read the whole
//! primary key in search of a rare word.

use std::collections::HashSet;

use deadpool_postgres::Object;
use onhand_wire::{Item, Sku};
use tokio_postgres::{Client, types::ToSql};

use super::row;
use crate::store::{ProductQuery, Result, words};

/// Items that the first step reads for each item of a page.
const STRETCH: usize = 20;

type Param = Box<dyn ToSql + Sync + Send>;

/// A query's WHERE, and its parameters; $1 is where the page starts.
struct Filter {
    sql: String,
    params: Vec<Param>,
}

impl Filter {
    fn of(query: &ProductQuery) -> Self {
        let after: Param = Box::new(query.after.clone().unwrap_or_default());
        let mut filter = Self { sql: "NOT deleted".to_owned(), params: vec![after] };
        if !query.words.is_empty() {
            filter.add("search @@ ?::text::tsquery", Box::new(prefixes(&query.words)));
        }
        if let Some(brand) = &query.brand {
            filter.add("brand = ?", Box::new(brand.clone()));
        }
        if !query.attributes.is_empty() {
            let pair = |(name, text): &(String, String)| serde_json::json!({ name: text }).to_string();
            for attribute in query.attributes.iter().map(pair) {
                filter.add("attributes @> ?::text::jsonb", Box::new(attribute));
            }
        }
        if let Some(price) = query.min_price {
            filter.add("price >= ?", Box::new(price));
        }
        if let Some(price) = query.max_price {
            filter.add("price <= ?", Box::new(price));
        }
        filter
    }

    fn add(&mut self, clause: &str, param: Param) {
        self.params.push(param);
        self.sql += &format!(" AND {}", clause.replace('?', &format!("${}", self.params.len())));
    }

    fn params(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.params.iter().map(|param| &**param as &(dyn ToSql + Sync)).collect()
    }

    fn walk(&self, limit: usize) -> String {
        let (columns, sql, stretch) = (row::ITEM, &self.sql, limit * STRETCH);
        format!(
            "SELECT {columns} FROM (SELECT * FROM products WHERE sku > $1 ORDER BY sku LIMIT {stretch}) stretch
            WHERE {sql} ORDER BY sku LIMIT {limit}"
        )
    }

    fn find(&self, limit: usize) -> String {
        let (columns, sql) = (row::ITEM, &self.sql);
        format!(
            "WITH found AS MATERIALIZED (SELECT sku FROM products WHERE {sql} AND sku > $1)
            SELECT {columns} FROM products JOIN (SELECT sku FROM found ORDER BY sku LIMIT {limit}) page USING (sku)
            ORDER BY sku"
        )
    }

    fn all(&self, limit: usize) -> String {
        format!("SELECT {} FROM products WHERE {} AND sku > $1 ORDER BY sku LIMIT {limit}", row::ITEM, self.sql)
    }

    /// Without a filter except for deletion, the primary key alone is right.
    fn is_open(&self) -> bool {
        self.params.len() == 1
    }
}

/// A tsquery: every word a prefix, quoted, so that nothing in it is an operator.
fn prefixes(words: &[String]) -> String {
    let quoted = |word: &String| format!("'{}':*", word.replace('\\', "\\\\").replace('\'', "''"));
    words.iter().map(quoted).collect::<Vec<_>>().join(" & ")
}

pub(super) async fn products(client: &Object, query: &ProductQuery) -> Result<Vec<Item>> {
    let term = client.query_one("SELECT term FROM origin_state", &[]).await?.get::<_, i32>(0) as u16;
    let filter = Filter::of(query);
    if filter.is_open() {
        return items(client, &filter.all(query.limit), &filter, term).await;
    }
    let page = items(client, &filter.walk(query.limit), &filter, term).await?;
    if page.len() == query.limit {
        return Ok(page);
    }
    items(client, &filter.find(query.limit), &filter, term).await
}

async fn items(client: &Object, sql: &str, filter: &Filter, term: u16) -> Result<Vec<Item>> {
    client.query(sql, &filter.params()).await?.iter().map(|found| row::item(found, term)).collect()
}

/// Whether any SKU of digits begins with a zero: those lie together in the key's order.
pub(super) const LEADING_ZEROS: &str = "SELECT EXISTS (SELECT FROM products
    WHERE sku >= '0' AND sku < '1' AND sku ~ '^0[0-9]+$' AND NOT deleted)";

/// Those of `skus` that no live item has.
pub(super) async fn missing(client: &Object, skus: &[&Sku]) -> Result<HashSet<Sku>> {
    let sql = client.prepare_cached("SELECT sku FROM products WHERE sku = ANY($1) AND NOT deleted").await?;
    let names: Vec<&str> = skus.iter().map(|sku| sku.as_str()).collect();
    let found = client.query(&sql, &[&names]).await?;
    let found: HashSet<&str> = found.iter().map(|found| found.get(0)).collect();
    Ok(skus.iter().filter(|sku| !found.contains(sku.as_str())).map(|sku| Sku::clone(sku)).collect())
}

/// Both steps as the planner runs them.
pub(super) async fn explain(client: &Object, query: &ProductQuery) -> Result<[String; 2]> {
    let filter = Filter::of(query);
    let explain = async |sql: String| -> Result<String> {
        let found = client.query(&format!("EXPLAIN (ANALYZE) {sql}"), &filter.params()).await?;
        Ok(found.iter().map(|line| line.get::<_, String>(0) + "\n").collect())
    };
    Ok([explain(filter.walk(query.limit)).await?, explain(filter.find(query.limit)).await?])
}

/// Adds words to rows that have none yet, from before words existed. Page by page.
pub(super) async fn fill_words(client: &Client) -> Result<()> {
    let rows = format!("SELECT {} FROM products WHERE search IS NULL ORDER BY sku LIMIT 1000", row::ITEM);
    let write = "UPDATE products p SET search = array_to_tsvector(string_to_array(substr(u.words, 2), chr(1)))
        FROM unnest($1::text[], $2::text[]) AS u (sku, words) WHERE p.sku = u.sku AND p.search IS NULL";
    loop {
        let found = client.query(&rows, &[]).await?;
        if found.is_empty() {
            return Ok(());
        }
        let items = found.iter().map(|found| row::item(found, 0)).collect::<Result<Vec<_>>>()?;
        let skus: Vec<&str> = items.iter().map(|item| item.sku.as_str()).collect();
        let words: Vec<String> = items.iter().map(words::search_text).collect();
        client.execute(write, &[&skus, &words]).await?;
    }
}
