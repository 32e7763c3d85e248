//! Dead letters: by cause, then each; sent back, after a dry run, or given up.

use axum::{Form, extract::Query, http::StatusCode, response::Response};
use onhand_client::{CauseOfDeath, DiscardOrders, OrderRow, ReplayOrders};

use super::{back, done, why};
use crate::{
    caller::Caller,
    fields::{Fields, Read},
    page::{Cell, Field, Form as PageForm, Page, Section, Table, word},
};

type Pairs = Vec<(String, String)>;
const PATH: &str = "/dead-letters";

fn row(cause: &CauseOfDeath) -> Vec<Cell> {
    let list = format!("{PATH}?cause={}", onhand_client::encode(&cause.cause));
    vec![
        Cell::link(list, &cause.cause),
        Cell::number(cause.count),
        Cell::time(cause.first_seen),
        Cell::time(cause.last_seen),
        Cell::text(cause.fault.clone().unwrap_or_default()),
        Cell::forms(verbs(&cause.cause)),
    ]
}

fn verbs(cause: &str) -> [PageForm; 2] {
    let rate = Field::number("rate", "Orders a second").hint("empty: all at once");
    let replay = PageForm::post(format!("{PATH}/replay"), "Replay").about(cause).hidden("cause", cause).field(rate);
    let discard = PageForm::post(format!("{PATH}/discard"), "Discard").about(cause).hidden("cause", cause);
    let dry = Field::check("dry_run", "Only say what it would do").value("yes");
    [replay.field(dry), discard.field(Field::text("reason", "Reason").required()).weighty()]
}

async fn causes(caller: &Caller) -> Section {
    let section = Section::new("causes", "By cause").command("onhand orders dlq");
    match caller.origin().dead_letters_by_cause().await {
        Err(error) => section.failed("The dead letters cannot be shown.", why(&error)),
        Ok(letters) => {
            let head = ["Cause", "Orders", "First", "Last", "Sample’s fault", "What to do"];
            let table = Table::new(format!("{} orders set aside", letters.value.count), &head);
            section.table(table.rows(letters.value.causes.iter().map(row)).empty("No order is set aside."))
        }
    }
}

fn letter(row: &OrderRow) -> Vec<Cell> {
    vec![
        Cell::code(row.id.to_string()),
        Cell::text(row.lane.as_str()),
        Cell::text(&row.sku),
        Cell::text(&row.subject),
        Cell::time(row.accepted_at),
        Cell::number(row.attempts),
        Cell::text(row.fault.clone().unwrap_or_default()),
    ]
}

async fn list(caller: &Caller, cause: &str, query: &Fields) -> Section {
    let command = format!("onhand orders dlq --cause {}", word(cause));
    let section = Section::new("letters", format!("Of the cause {cause}")).command(command);
    let mut call = caller.origin().dead_letters(Some(cause), None).limit(50);
    if let Some(cursor) = query.given("cursor") {
        call = call.after(&cursor);
    }
    match call.await {
        Err(error) => section.failed("The list cannot be shown.", why(&error)),
        Ok(page) => {
            let head = ["Order", "Lane", "SKU", "Of", "Accepted", "Tries", "Fault"];
            let table = Table::new("Newest intake first", &head).rows(page.value.items.iter().map(letter));
            let next = page.value.next_cursor.map(|cursor| query.address(PATH, &[("cursor", &cursor)]));
            section.table(table).more(next, "Next page").more(Some(PATH.to_owned()), "All causes")
        }
    }
}

async fn whole(caller: &Caller, query: &Fields, first: Option<Section>) -> Page {
    let page = Page::new(PATH, "Dead letters").done(done(query.text("done")));
    let page = first.into_iter().fold(page, Page::with).with(causes(caller).await);
    match query.given("cause") {
        Some(cause) => page.with(list(caller, &cause, query).await),
        None => page,
    }
}

pub(crate) async fn page(caller: Caller, Query(query): Query<Pairs>) -> Response {
    whole(&caller, &Fields::from(query), None).await.show(Some(&caller.person))
}

fn asked(form: &Fields) -> Read<ReplayOrders> {
    let rate = form.given("rate").map(|text| text.parse().map_err(|_| format!("rate: a number, not {text:?}")));
    let (rate, cause) = (rate.transpose()?, Some(form.required("cause")?));
    Ok(ReplayOrders { cause, rate, ..ReplayOrders::default() })
}

pub(crate) async fn replay(caller: Caller, Form(form): Form<Pairs>) -> Response {
    let form = Fields::from(form);
    let replay = match asked(&form) {
        Ok(replay) => replay,
        Err(fault) => return refused(&caller, fault).await,
    };
    if !form.ticked("dry_run") {
        return match caller.origin().replay_orders(&replay).key(form.key()).await {
            Ok(_) => back(PATH, "replayed"),
            Err(error) => refused(&caller, why(&error)).await,
        };
    }
    match caller.origin().would_replay_orders(&replay).await {
        Err(error) => refused(&caller, why(&error)).await,
        Ok(told) => {
            let (cause, count) = (replay.cause.unwrap_or_default(), told.value.would_replay.to_string());
            let facts = [("Cause", Cell::text(cause)), ("Orders that would go back", Cell::number(count))];
            let section = Section::new("dry-run", "The dry run").facts(facts).note("Nothing is changed.");
            whole(&caller, &Fields::default(), Some(section)).await.show(Some(&caller.person))
        }
    }
}

pub(crate) async fn discard(caller: Caller, Form(form): Form<Pairs>) -> Response {
    let form = Fields::from(form);
    let asked = form.required("cause").and_then(|cause| Ok((cause, form.required("reason")?)));
    let (cause, reason) = match asked {
        Ok(asked) => asked,
        Err(fault) => return refused(&caller, fault).await,
    };
    let discard = DiscardOrders { cause: Some(cause), reason, ..DiscardOrders::default() };
    match caller.origin().discard_orders(&discard).key(form.key()).await {
        Ok(_) => back(PATH, "discarded"),
        Err(error) => refused(&caller, why(&error)).await,
    }
}

async fn refused(caller: &Caller, fault: String) -> Response {
    let section = Section::new("refused", "Nothing is done").failed("", fault);
    let page = whole(caller, &Fields::default(), Some(section)).await;
    page.status(StatusCode::BAD_REQUEST).show(Some(&caller.person))
}
