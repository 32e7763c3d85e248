//! Items: the catalogue as a table, with its filters in the address.

use axum::{Form, extract::Query, http::StatusCode, response::Response};
use onhand_client::{Error, Role, Search};
use onhand_wire::{Fact, Item, Money, Sku, Stock, bulk::LoadFacts, request::PutItem};

use super::{back, done, why};
use crate::{
    caller::Caller,
    fields::{Fields, Read},
    page::{Cell, Field, Form as PageForm, Page, Section, Table, Tone, word},
};

type Pairs = Vec<(String, String)>;
const PATH: &str = "/items";
const ROWS: usize = 50;

/// What a search's fields say; an attribute is written NAME=VALUE.
pub(super) fn search(query: &Fields) -> Search {
    let attribute = query.given("attr").and_then(|text| {
        let (name, value) = text.split_once('=')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    });
    Search {
        q: query.given("q"),
        brand: query.given("brand"),
        attributes: attribute.into_iter().collect(),
        ..Search::default()
    }
}

pub(super) fn filters(path: &str, query: &Fields) -> PageForm {
    PageForm::get(path, "Search")
        .field(Field::search("q", "Words").value(query.text("q")).hint("beginnings of words of SKU, name or brand"))
        .field(Field::text("brand", "Brand").value(query.text("brand")))
        .field(Field::text("attr", "Attribute").value(query.text("attr")).hint("such as colour=red"))
}

pub(super) fn price(price: Option<&Money>) -> Cell {
    match price {
        None => Cell::text("–"),
        Some(money) => Cell::number(format!("{}.{:02} {}", money.amount / 100, money.amount % 100, money.currency)),
    }
}

pub(super) fn address(sku: &str) -> String {
    format!("{PATH}/{}", onhand_client::encode(sku))
}

/// On hand, reserved and available at all locations together.
fn sums(stock: Option<&Stock>) -> [Cell; 3] {
    let Some(stock) = stock else { return ["–"; 3].map(Cell::text) };
    let facts = || stock.facts.iter().filter(|fact| !fact.deleted);
    [
        Cell::number(facts().map(|fact| fact.on_hand).sum::<i64>()),
        Cell::number(facts().map(|fact| fact.reserved).sum::<i64>()),
        Cell::number(facts().map(Fact::available).sum::<i64>()),
    ]
}

fn row(item: &Item, stock: Option<&Stock>) -> Vec<Cell> {
    let sold = if item.active { Cell::mark(Tone::Good, "for sale") } else { Cell::mark(Tone::Plain, "not for sale") };
    vec![
        Cell::link(address(item.sku.as_str()), item.sku.as_str()),
        Cell::text(&item.name),
        Cell::text(item.brand.clone().unwrap_or_default()),
        price(item.price.as_ref()),
        sold,
    ]
    .into_iter()
    .chain(sums(stock))
    .collect()
}

/// In the order of the SKUs.
async fn stocks(caller: &Caller, skus: Vec<Sku>) -> Result<Vec<Stock>, Error> {
    if skus.is_empty() {
        return Ok(Vec::new());
    }
    Ok(caller.origin().facts(&LoadFacts { skus, ..LoadFacts::default() }).await?.value.stocks)
}

async fn list(caller: &Caller, query: &Fields) -> Section {
    let mut call = caller.origin().products(&search(query)).limit(ROWS);
    if let Some(cursor) = query.given("cursor") {
        call = call.after(&cursor);
    }
    let words = query.given("q").map(|q| format!(" {}", word(&q))).unwrap_or_default();
    let section = Section::new("items", "The catalogue").form(filters(PATH, query));
    let section = section.command(format!("onhand items search{words}"));
    match call.await {
        Err(error) => section.failed("The items cannot be shown.", why(&error)),
        Ok(page) => {
            let items = &page.value.items;
            let skus: Vec<Sku> = items.iter().map(|item| item.sku.clone()).collect();
            let (section, stocks) = match stocks(caller, skus).await {
                Ok(stocks) => (section, stocks),
                Err(error) => (section.failed("Their stock cannot be shown.", why(&error)), Vec::new()),
            };
            let head = ["SKU", "Name", "Brand", "Price", "Sale", "On hand", "Reserved", "Available"];
            let rows = items.iter().enumerate().map(|(index, item)| row(item, stocks.get(index)));
            let table = Table::new("By SKU; units at all locations together", &head).rows(rows);
            let next = page.value.next_cursor.map(|cursor| query.address(PATH, &[("cursor", &cursor)]));
            section.table(table.empty("No item has these words.")).more(next, "Next page")
        }
    }
}

/// `given`: what was typed before it was refused.
fn new_item(given: &Fields) -> Section {
    let text = |name, label: &str| Field::text(name, label).value(given.text(name));
    let form = PageForm::post(PATH, "Save the item")
        .field(text("sku", "SKU").required())
        .field(text("name", "Name").required())
        .field(text("brand", "Brand"))
        .field(Field::number("price", "Price").value(given.text("price")).hint("in minor units, such as 1275"))
        .field(text("currency", "Currency").hint("such as GBP"));
    let note = "An item of this SKU that is there already is replaced.";
    Section::new("new", "Add an item").note(note).form(form).command("onhand items put SKU --name NAME")
}

async fn whole(caller: &Caller, query: &Fields, given: &Fields) -> Page {
    let page = Page::new(PATH, "Items").done(done(query.text("done"))).with(list(caller, query).await);
    if caller.may(Role::Admin) { page.with(new_item(given)) } else { page }
}

pub(crate) async fn page(caller: Caller, Query(query): Query<Pairs>) -> Response {
    whole(&caller, &Fields::from(query), &Fields::default()).await.show(Some(&caller.person))
}

fn put_of(form: &Fields) -> Read<PutItem> {
    let price = match (form.given("price"), form.given("currency")) {
        (None, None) => None,
        (Some(_), Some(currency)) => Some(Money { amount: form.whole("price")?, currency }),
        _ => return Err("price: give it together with its currency, or neither".to_owned()),
    };
    let (name, brand) = (form.required("name")?, form.given("brand"));
    Ok(PutItem { name, brand, attributes: Default::default(), price, active: true })
}

pub(crate) async fn add(caller: Caller, Form(form): Form<Pairs>) -> Response {
    let form = Fields::from(form);
    let saved = async {
        if !caller.may(Role::Admin) {
            return Err("Only an admin adds items.".to_owned());
        }
        let (sku, put) = (form.sku("sku")?, put_of(&form)?);
        caller.origin().put_item(&sku, &put).key(form.key()).await.map_err(|error| why(&error))?;
        Ok(sku)
    };
    match saved.await {
        Ok(sku) => back(&address(sku.as_str()), "added"),
        Err(fault) => {
            let refused = Section::new("refused", "The item is not saved").failed("", fault);
            let page = whole(&caller, &Fields::default(), &form).await;
            page.with(refused).status(StatusCode::BAD_REQUEST).show(Some(&caller.person))
        }
    }
}
