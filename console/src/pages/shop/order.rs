//! An order: its place in the line, and what became of it.

use axum::{extract::Path, response::Response};
use onhand_wire::order::{OrderState, ShownOrder};
use uuid::Uuid;

use super::{PATH, status_of};
use crate::{
    caller::Caller,
    page::{Block, Cell, Page, Section, Tone},
    pages::why,
};

fn state(state: OrderState) -> Cell {
    let tone = match state {
        OrderState::Queued | OrderState::Processing => Tone::Late,
        OrderState::Confirmed => Tone::Good,
        _ => Tone::Bad,
    };
    Cell::mark(tone, state.as_str().replace('_', " "))
}

fn shown(order: &ShownOrder) -> Section {
    let mut facts = vec![("State", state(order.state))];
    if let Some(ahead) = order.ahead {
        facts.push(("Before it in the line", Cell::number(ahead)));
    }
    if let Some(eta) = order.eta_s {
        facts.push(("Decided in about", Cell::number(format!("{eta} s"))));
    }
    if let Some(reason) = &order.reason {
        facts.push(("Why", Cell::text(reason)));
    }
    let page = format!("{PATH}/orders/{}", order.id);
    let mut section =
        Section::new("order", "Your order").facts(facts).command(format!("onhand orders show {}", order.id));
    if let Some(id) = order.reservation_id {
        section =
            section.block(Block::More { href: format!("{PATH}/holds/{id}"), text: "What is kept for it".to_owned() });
    }
    if order.state.is_final() { section } else { section.more(Some(page.clone()), "Look again").again(page) }
}

pub(crate) async fn page(caller: Caller, Path(id): Path<Uuid>) -> Response {
    let page = Page::new(PATH, "Your order");
    let page = match caller.edge().order(id).await {
        Ok(order) => page.with(shown(&order.value)),
        Err(error) => {
            let section = Section::new("order", "Your order").failed("It cannot be shown.", why(&error));
            page.status(status_of(&error)).with(section)
        }
    };
    page.show(Some(&caller.person))
}
