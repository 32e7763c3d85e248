//! The shop: search, an item whose stock moves by itself, a hold with its countdown, an order with its place in line.

pub(crate) mod hold;
pub(crate) mod item;
pub(crate) mod live;
pub(crate) mod order;
mod shown;

use axum::{extract::Query, http::StatusCode, response::Response};
use onhand_client::Error;
use onhand_wire::{Item, Sku, availability::Availability, request::AvailabilityQuery};

use super::{
    items::{filters, price, search as asked},
    why,
};
use crate::{
    caller::Caller,
    fields::Fields,
    page::{Cell, Page, Section, Table, word},
};

const PATH: &str = "/shop";
const ROWS: usize = 25;

/// The page's status where a hold or an order could not be shown: 404 also if it is another person's.
fn status_of(error: &Error) -> StatusCode {
    if error.is("not_found") { StatusCode::NOT_FOUND } else { StatusCode::OK }
}

fn address(sku: &Sku) -> String {
    format!("{PATH}/items/{}", onhand_client::encode(sku.as_str()))
}

fn row(item: &Item, stock: Option<&Availability>) -> Vec<Cell> {
    vec![
        Cell::link(address(&item.sku), &item.name),
        Cell::text(item.brand.clone().unwrap_or_default()),
        price(item.price.as_ref()),
        stock.map_or_else(|| Cell::text("not known"), shown::status),
        stock.map_or_else(|| Cell::text("–"), |stock| Cell::number(stock.available)),
    ]
}

/// The origin searches; what is available of what it finds, the edge says.
async fn found(caller: &Caller, query: &Fields) -> Section {
    let mut call = caller.origin().products(&asked(query)).limit(ROWS);
    if let Some(cursor) = query.given("cursor") {
        call = call.after(&cursor);
    }
    let words = query.given("q").map(|q| format!(" {}", word(&q))).unwrap_or_default();
    let section = Section::new("found", "Search").form(filters(PATH, query));
    let section = section.command(format!("onhand items search{words}"));
    let page = match call.await {
        Err(error) => return section.failed("The search does not answer.", why(&error)),
        Ok(page) => page.value,
    };
    let skus: Vec<Sku> = page.items.iter().map(|item| item.sku.clone()).collect();
    let (section, stocks) = match skus.is_empty() {
        true => (section, Vec::new()),
        false => match caller.edge().query(&AvailabilityQuery { skus, channel: None, locations: None }).await {
            Ok(answers) => (section, answers.value.items),
            Err(error) => (section.failed("What is available is not known.", why(&error)), Vec::new()),
        },
    };
    let stock_of = |item: &Item| stocks.iter().find(|stock| stock.sku == item.sku);
    let rows = page.items.iter().map(|item| row(item, stock_of(item)));
    let table = Table::new("By SKU", &["Item", "Brand", "Price", "Stock", "Available"]).rows(rows);
    let next = page.next_cursor.map(|cursor| query.address(PATH, &[("cursor", &cursor)]));
    section.table(table.empty("No item has these words.")).more(next, "Next page")
}

pub(crate) async fn search(caller: Caller, Query(query): Query<Vec<(String, String)>>) -> Response {
    let section = found(&caller, &Fields::from(query)).await;
    Page::new(PATH, "Shop").with(section).show(Some(&caller.person))
}
