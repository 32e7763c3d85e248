//! A hold: what it has, how long it lasts, and what becomes of it.

use axum::{
    Form,
    extract::{Path, Query},
    http::StatusCode,
    response::Response,
};
use onhand_wire::{
    request::{Cancel, Confirm, Extend},
    reservation::{Line, Reservation, State},
};
use uuid::Uuid;

use super::{PATH, status_of};
use crate::{
    caller::Caller,
    fields::Fields,
    page::{Block, Cell, Field, Form as PageForm, Page, Section, Table, Tone},
    pages::{back, done, why},
};

type Pairs = Vec<(String, String)>;

fn address(id: Uuid) -> String {
    format!("{PATH}/holds/{id}")
}

fn state(state: State) -> Cell {
    let tone = match state {
        State::Held => Tone::Late,
        State::Confirmed | State::Fulfilled => Tone::Good,
        State::Cancelled | State::Expired => Tone::Plain,
    };
    Cell::mark(tone, state.as_str())
}

fn row(line: &Line) -> Vec<Cell> {
    let from: Vec<String> =
        line.allocations.iter().map(|from| format!("{} from {}", from.quantity, from.location)).collect();
    vec![Cell::text(line.sku.as_str()), Cell::number(line.quantity), Cell::text(from.join(", "))]
}

fn verb_of(id: Uuid, what: &str, button: &str) -> PageForm {
    PageForm::post(address(id), button).hidden("what", what)
}

fn shown(held: &Reservation) -> Section {
    let section = Section::new("hold", "What you hold").command(format!("onhand reservations show {}", held.id));
    let section = section.facts([("State", state(held.state)), ("Since", Cell::time(held.created_at))]);
    let section = section.table(Table::new("Lines", &["SKU", "Units", "Where from"]).rows(held.lines.iter().map(row)));
    let Some(until) = held.expires_at.filter(|_| held.state == State::Held) else {
        let cancel = verb_of(held.id, "cancel", "Cancel it").weighty();
        return if held.state == State::Confirmed { section.form(cancel) } else { section };
    };
    let text = format!("It ends at {until}");
    let reason = Field::text("reason", "Reason");
    section
        .block(Block::Until { at: until.to_string(), text })
        .form(verb_of(held.id, "confirm", "Confirm"))
        .form(verb_of(held.id, "extend", "Ten more minutes"))
        .form(verb_of(held.id, "cancel", "Cancel it").field(reason).weighty())
}

async fn whole(caller: &Caller, id: Uuid, query: &Fields, first: Option<Section>) -> Page {
    let page = Page::new(PATH, "Your hold").done(done(query.text("done")));
    let page = first.into_iter().fold(page, Page::with);
    match caller.edge().reservation(id).await {
        Ok(held) => page.with(shown(&held.value)),
        Err(error) => {
            let section = Section::new("hold", "What you hold").failed("It cannot be shown.", why(&error));
            page.status(status_of(&error)).with(section)
        }
    }
}

pub(crate) async fn page(caller: Caller, Path(id): Path<Uuid>, Query(query): Query<Pairs>) -> Response {
    whole(&caller, id, &Fields::from(query), None).await.show(Some(&caller.person))
}

pub(crate) async fn verb(caller: Caller, Path(id): Path<Uuid>, Form(form): Form<Pairs>) -> Response {
    let form = Fields::from(form);
    let edge = caller.edge();
    let (word, changed) = match form.text("what") {
        "confirm" => ("confirmed", edge.confirm(id, &Confirm::default()).key(form.key()).await),
        "extend" => ("extended", edge.extend(id, &Extend { ttl_s: 600 }).key(form.key()).await),
        _ => {
            let cancel = Cancel { reason: form.given("reason") };
            ("cancelled", edge.cancel(id, &cancel).key(form.key()).await)
        }
    };
    match changed {
        Ok(_) => back(&address(id), word),
        Err(error) => {
            let section = Section::new("refused", "Nothing is changed").failed("", why(&error));
            let page = whole(&caller, id, &Fields::default(), Some(section)).await;
            let status = if error.is("not_found") { StatusCode::NOT_FOUND } else { StatusCode::BAD_REQUEST };
            page.status(status).show(Some(&caller.person))
        }
    }
}
