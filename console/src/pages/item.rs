//! An item: its stock by location, what may be changed of it, and its ledger.

pub(crate) mod change;

use axum::{
    extract::{Path, Query},
    response::Response,
};
use onhand_client::{LedgerLine, Role, Stocked};
use onhand_wire::{Fact, Sku};

use super::{
    done,
    items::{address, price},
    why,
};
use crate::{
    caller::Caller,
    fields::Fields,
    page::{Block, Cell, Field, Form as PageForm, Page, Section, Table, Tone, word},
};

const PATH: &str = "/items";
const KINDS: [&str; 5] = ["received", "damaged", "found", "lost", "correction"];

/// An item's page, with a section on top where a change was refused.
pub(super) async fn whole(caller: &Caller, sku: &Sku, query: &Fields, first: Option<Section>) -> Page {
    let origin = caller.origin();
    let item = async { origin.item(sku).await };
    let (item, ledger) = tokio::join!(item, ledger(caller, sku, query));
    let page = Page::new(PATH, sku.as_str()).done(done(query.text("done")));
    let page = first.into_iter().fold(page, Page::with);
    let page = match &item {
        Err(error) => page.with(Section::new("item", "The item").failed("It cannot be shown.", why(error))),
        Ok(item) => changes(caller, page.with(shown(&item.value)).with(stock(caller, &item.value)), &item.value),
    };
    page.with(ledger)
}

pub(crate) async fn page(
    caller: Caller,
    Path(sku): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    match Sku::new(&sku) {
        Ok(sku) => whole(&caller, &sku, &Fields::from(query), None).await.show(Some(&caller.person)),
        Err(error) => {
            let section = Section::new("item", "The item").failed("There is no such SKU.", error.to_string());
            Page::new(PATH, sku).status(axum::http::StatusCode::NOT_FOUND).with(section).show(Some(&caller.person))
        }
    }
}

fn shown(stocked: &Stocked) -> Section {
    let item = &stocked.item;
    let sold = if item.active { Cell::mark(Tone::Good, "for sale") } else { Cell::mark(Tone::Plain, "not for sale") };
    let attributes: Vec<String> = item.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let shop = format!("/shop/items/{}", onhand_client::encode(item.sku.as_str()));
    Section::new("item", item.name.clone())
        .facts([
            ("Brand", Cell::text(item.brand.clone().unwrap_or_else(|| "–".to_owned()))),
            ("Price", price(item.price.as_ref())),
            ("Sale", sold),
            ("Attributes", Cell::text(if attributes.is_empty() { "–".to_owned() } else { attributes.join(", ") })),
            ("Changed", Cell::time(item.changed_at)),
        ])
        .block(Block::More { href: shop, text: "As shoppers see it".to_owned() })
        .command(format!("onhand items show {}", word(item.sku.as_str())))
}

/// Sets the count, if it is still the one that is shown.
fn set(fact: &Fact) -> PageForm {
    let at = fact.location.as_str();
    PageForm::post(format!("{}/stock", address(fact.sku.as_str())), "Set")
        .about(format!("the count at {at}"))
        .hidden("location", at)
        .hidden("version", fact.version.to_string())
        .hidden("seen", fact.on_hand.to_string())
        .field(Field::number("quantity", "Counted").value(fact.on_hand.to_string()).required())
        .field(Field::text("reason", "Reason").required())
}

fn row(caller: &Caller, fact: &Fact) -> Vec<Cell> {
    let low = fact.low_stock_at > 0 && fact.available() <= fact.low_stock_at;
    let threshold = if fact.low_stock_at > 0 { fact.low_stock_at.to_string() } else { "–".to_owned() };
    let mut row = vec![
        Cell::text(fact.location.as_str()),
        Cell::number(fact.on_hand),
        Cell::number(fact.reserved),
        if low { Cell::mark(Tone::Late, format!("{} low", fact.available())) } else { Cell::number(fact.available()) },
        Cell::number(fact.safety_stock),
        Cell::number(fact.backorder_limit),
        Cell::number(threshold),
        Cell::text(fact.restock_at.as_ref().map_or("–", |at| at.as_str())),
    ];
    if caller.may(Role::Admin) {
        row.push(Cell::forms([set(fact)]));
    }
    row
}

fn stock(caller: &Caller, stocked: &Stocked) -> Section {
    let mut head = vec!["Location", "On hand", "Reserved", "Available", "Safety", "Backorder", "Low at", "Restock"];
    if caller.may(Role::Admin) {
        head.push("Count");
    }
    let rows = stocked.stock.iter().map(|fact| row(caller, fact));
    let table = Table::new("By location", &head).rows(rows).empty("No location has any of it.");
    Section::new("stock", "Stock")
        .table(table)
        .command(format!("onhand stock show {}", word(stocked.item.sku.as_str())))
}

/// Fields of the forms are in the order in which the commands take them.
fn changes(caller: &Caller, page: Page, stocked: &Stocked) -> Page {
    let at = address(stocked.item.sku.as_str());
    let kinds = Field::select("kind", "Kind", KINDS.map(|kind| (kind, kind)));
    let reason = || Field::text("reason", "Reason").required();
    let adjust = PageForm::post(format!("{at}/adjust"), "Adjust")
        .field(Field::text("location", "Location").required())
        .field(Field::number("delta", "Change").required().hint("such as -2"))
        .field(kinds)
        .field(reason());
    let transfer = PageForm::post(format!("{at}/transfer"), "Transfer")
        .field(Field::text("from", "From").required())
        .field(Field::text("to", "To").required())
        .field(Field::number("quantity", "Units").required())
        .field(reason());
    let policy = PageForm::post(format!("{at}/policy"), "Change the policy")
        .field(Field::text("location", "Location").hint("empty: every one"))
        .field(Field::number("safety_stock", "Safety stock"))
        .field(Field::number("backorder_limit", "Backorder limit"))
        .field(Field::number("low_stock_at", "Low at"));
    let sku = &stocked.item.sku;
    let page = page
        .with(
            Section::new("adjust", "Adjust")
                .form(adjust)
                .command(format!("onhand stock adjust {}", word(sku.as_str()))),
        )
        .with(
            Section::new("transfer", "Transfer")
                .form(transfer)
                .command(format!("onhand stock transfer {}", word(sku.as_str()))),
        )
        .with(Section::new("policy", "Selling policy").note("Empty fields stay as they are.").form(policy));
    if !caller.may(Role::Admin) {
        return page;
    }
    let delete = PageForm::post(format!("{at}/delete"), "Delete the item").weighty();
    let note = "It is refused while units of it are reserved. Its ledger stays.";
    page.with(
        Section::new("delete", "Delete")
            .note(note)
            .form(delete)
            .command(format!("onhand items delete {}", word(sku.as_str()))),
    )
}

fn line(line: &LedgerLine) -> Vec<Cell> {
    let change = |before: i64, after: i64| {
        if before == after { after.to_string() } else { format!("{before} → {after}") }
    };
    vec![
        Cell::time(line.time),
        Cell::text(&line.actor),
        Cell::text(&line.kind),
        Cell::text(&line.location),
        Cell::number(change(line.before.on_hand, line.after.on_hand)),
        Cell::number(change(line.before.reserved, line.after.reserved)),
        Cell::text(line.reason.clone().unwrap_or_default()),
    ]
}

async fn ledger(caller: &Caller, sku: &Sku, query: &Fields) -> Section {
    let section = Section::new("ledger", "Ledger").command(format!("onhand stock ledger {}", word(sku.as_str())));
    let mut call = caller.origin().ledger(sku, None).limit(20);
    if let Some(cursor) = query.given("cursor") {
        call = call.after(&cursor);
    }
    match call.await {
        Err(error) => section.failed("The ledger cannot be shown.", why(&error)),
        Ok(page) => {
            let head = ["When", "Who", "Kind", "Location", "On hand", "Reserved", "Reason"];
            let table = Table::new("Newest first", &head).rows(page.value.items.iter().map(line));
            let next =
                page.value.next_cursor.map(|cursor| query.address(&address(sku.as_str()), &[("cursor", &cursor)]));
            section.table(table).more(next, "Earlier")
        }
    }
}
