//! An item: what is available where, now and as it changes; holding and ordering it.

use axum::{
    Form,
    extract::{Path, Query},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use onhand_client::{Reply, Role, Search, View};
use onhand_wire::{
    Item, Quantity, Sku,
    availability::Availability,
    order::ShownOrder,
    request::{Hold, HoldLine, HoldPolicy, PlaceOrder},
};

use super::{PATH, address, shown};
use crate::{
    caller::Caller,
    fields::{Fields, Read},
    page::{Block, Cell, Field, Form as PageForm, Page, Section, word},
    pages::{done, items::price, why},
};

type Pairs = Vec<(String, String)>;

/// How long a hold lasts, and an order's hold once it is confirmed.
const HELD_S: u32 = 600;

fn live(sku: &Sku, looked: &Reply<Availability>) -> Section {
    let (table, age) = (shown::table(&looked.value), shown::age(looked.as_of, looked.stale));
    Section::new("stock", "Available")
        .block(Block::Live { stream: format!("{}/live", address(sku)), table, age })
        .more(Some(address(sku)), "Look again")
        .command(format!("onhand watch {}", word(sku.as_str())))
}

fn buy(sku: &Sku) -> Section {
    let quantity = || Field::number("quantity", "Units").value("1").required();
    let hold = PageForm::post(format!("{}/hold", address(sku)), "Hold for ten minutes").field(quantity());
    let order = PageForm::post(format!("{}/order", address(sku)), "Order").field(quantity());
    let note = "A hold keeps units for you while you decide. An order waits in line, and is decided in its turn.";
    Section::new("buy", "Hold or order").note(note).form(hold).form(order)
}

/// The catalogue's word for it, which lookups do not have; none while the origin does not answer.
async fn item(caller: &Caller, sku: &Sku) -> Option<Item> {
    let named = Search { q: Some(sku.as_str().split_whitespace().next()?.to_owned()), ..Search::default() };
    let found = caller.origin().products(&named).limit(100).await.ok()?;
    found.value.items.into_iter().find(|item| item.sku == *sku)
}

fn about(item: &Item) -> Section {
    let brand = item.brand.clone().unwrap_or_else(|| "–".to_owned());
    let facts =
        [("SKU", Cell::code(item.sku.as_str())), ("Brand", Cell::text(brand)), ("Price", price(item.price.as_ref()))];
    let attributes = item.attributes.iter().map(|(name, value)| (name.as_str(), Cell::text(value)));
    Section::new("item", "The item").facts(facts.into_iter().chain(attributes))
}

async fn whole(caller: &Caller, sku: &Sku, query: &Fields, first: Option<Section>) -> Page {
    let edge = caller.edge();
    let looked = async { edge.availability(sku, &View::default()).await };
    let (looked, item) = tokio::join!(looked, item(caller, sku));
    let title = item.as_ref().map_or(sku.as_str(), |item| &item.name);
    let mut page = Page::new(PATH, title).done(done(query.text("done")));
    page = first.into_iter().fold(page, Page::with);
    page = match &looked {
        Ok(looked) => page.with(live(sku, looked)).with(buy(sku)),
        Err(error) => page.with(Section::new("stock", "Available").failed("It is not known.", why(error))),
    };
    page = item.iter().map(about).fold(page, Page::with);
    if caller.may(Role::Operator) {
        let link =
            Block::More { href: crate::pages::items::address(sku.as_str()), text: "Its stock and ledger".to_owned() };
        page = page.with(Section::new("manage", "For you as an operator").block(link));
    }
    page
}

fn named(sku: &str) -> Result<Sku, StatusCode> {
    Sku::new(sku).map_err(|_| StatusCode::NOT_FOUND)
}

pub(crate) async fn page(
    caller: Caller,
    Path(sku): Path<String>,
    Query(query): Query<Pairs>,
) -> Result<Response, StatusCode> {
    let sku = named(&sku)?;
    Ok(whole(&caller, &sku, &Fields::from(query), None).await.show(Some(&caller.person)))
}

fn line(sku: &Sku, form: &Fields) -> Read<HoldLine> {
    let quantity: Quantity = form.quantity("quantity")?;
    Ok(HoldLine { sku: sku.clone(), quantity, location: None })
}

async fn refused(caller: &Caller, sku: &Sku, title: &str, fault: String) -> Response {
    let section = Section::new("refused", title).failed("", fault);
    let page = whole(caller, sku, &Fields::default(), Some(section)).await;
    page.status(StatusCode::BAD_REQUEST).show(Some(&caller.person))
}

pub(crate) async fn hold(
    caller: Caller,
    Path(sku): Path<String>,
    Form(form): Form<Pairs>,
) -> Result<Response, StatusCode> {
    let (sku, form) = (named(&sku)?, Fields::from(form));
    let held = async {
        let hold = Hold { ttl_s: HELD_S, ..Hold::of(vec![line(&sku, &form)?]) };
        caller.edge().hold(&hold).key(form.key()).await.map_err(|error| why(&error))
    };
    Ok(match held.await {
        Ok(held) => Redirect::to(&format!("{PATH}/holds/{}", held.value.id)).into_response(),
        Err(fault) => refused(&caller, &sku, "Nothing is held", fault).await,
    })
}

pub(crate) async fn order(
    caller: Caller,
    Path(sku): Path<String>,
    Form(form): Form<Pairs>,
) -> Result<Response, StatusCode> {
    let (sku, form) = (named(&sku)?, Fields::from(form));
    let placed = async {
        let order = PlaceOrder {
            lines: vec![line(&sku, &form)?],
            channel: None,
            destination: None,
            ttl_s: HELD_S,
            order_ref: None,
            policy: HoldPolicy::default(),
            priority: Default::default(),
            payment_ref: None,
            decide_within_s: None,
        };
        let placed: Read<Reply<ShownOrder>> =
            caller.edge().place_order(&order).key(form.key()).await.map_err(|error| why(&error));
        placed
    };
    Ok(match placed.await {
        Ok(placed) => Redirect::to(&format!("{PATH}/orders/{}", placed.value.id)).into_response(),
        Err(fault) => refused(&caller, &sku, "Nothing is ordered", fault).await,
    })
}
