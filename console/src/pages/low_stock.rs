//! Low stock: rows with no more available than their threshold.

use axum::{extract::Query, response::Response};
use onhand_client::LowStock;

use super::{items::address, why};
use crate::{
    caller::Caller,
    fields::Fields,
    page::{Cell, Page, Section, Table},
};

const PATH: &str = "/low-stock";

fn row(low: &LowStock) -> Vec<Cell> {
    vec![
        Cell::link(address(low.sku.as_str()), low.sku.as_str()),
        Cell::text(low.location.as_str()),
        Cell::number(low.available),
        Cell::number(low.threshold),
        Cell::time(low.since),
    ]
}

pub(crate) async fn page(caller: Caller, Query(query): Query<Vec<(String, String)>>) -> Response {
    let query = Fields::from(query);
    let mut call = caller.origin().low_stock().limit(50);
    if let Some(cursor) = query.given("cursor") {
        call = call.after(&cursor);
    }
    let section = Section::new("low", "At or below their threshold").command("onhand stock low");
    let section = match call.await {
        Err(error) => section.failed("The list cannot be shown.", why(&error)),
        Ok(page) => {
            let head = ["SKU", "Location", "Available", "Threshold", "Since"];
            let table = Table::new("By SKU and location; the threshold is part of an item’s selling policy", &head);
            let next = page.value.next_cursor.map(|cursor| query.address(PATH, &[("cursor", &cursor)]));
            let table = table.rows(page.value.items.iter().map(row)).empty("Nothing is low.");
            section.table(table).more(next, "Next page")
        }
    };
    Page::new(PATH, "Low stock").with(section).show(Some(&caller.person))
}
