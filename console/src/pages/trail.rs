//! Who did what: the trail, with its filters in the address.

use axum::{extract::Query, response::Response};
use onhand_client::{TrailLine, TrailQuery};

use super::why;
use crate::{
    caller::Caller,
    fields::Fields,
    page::{Cell, Field, Form as PageForm, Page, Section, Table},
};

const PATH: &str = "/trail";
/// Letters of a line's detail that the table shows.
const DETAIL: usize = 160;

fn filters(query: &Fields) -> PageForm {
    let field = |name, label: &str| Field::text(name, label).value(query.text(name));
    PageForm::get(PATH, "Filter")
        .field(field("actor", "Who"))
        .field(field("kind", "Kind").hint("such as location_put"))
        .field(field("from", "From").hint("such as 2026-01-31T09:30:00Z"))
        .field(field("to", "Before"))
}

fn row(line: &TrailLine) -> Vec<Cell> {
    let detail = line.detail.to_string();
    let short: String = detail.chars().take(DETAIL).collect();
    let short = if short.len() < detail.len() { format!("{short}…") } else { short };
    vec![
        Cell::time(line.time),
        Cell::text(&line.actor),
        Cell::text(&line.kind),
        Cell::text(&line.what),
        Cell::code(short),
        Cell::code(&line.correlation),
    ]
}

pub(crate) async fn page(caller: Caller, Query(query): Query<Vec<(String, String)>>) -> Response {
    let query = Fields::from(query);
    let asked = TrailQuery {
        actor: query.given("actor"),
        kind: query.given("kind"),
        from: query.given("from"),
        to: query.given("to"),
    };
    let mut call = caller.origin().trail(&asked).limit(50);
    if let Some(cursor) = query.given("cursor") {
        call = call.after(&cursor);
    }
    let section = Section::new("lines", "The trail").form(filters(&query)).command("onhand audit-log");
    let section = match call.await {
        Err(error) => section.failed("The trail cannot be shown.", why(&error)),
        Ok(page) => {
            let head = ["When", "Who", "Kind", "What", "Detail", "Correlation"];
            let table = Table::new("Newest first; changes of stock stand in an item’s ledger", &head);
            let next = page.value.next_cursor.map(|cursor| query.address(PATH, &[("cursor", &cursor)]));
            section.table(table.rows(page.value.items.iter().map(row))).more(next, "Next page")
        }
    };
    Page::new(PATH, "Who did what").with(section).show(Some(&caller.person))
}
