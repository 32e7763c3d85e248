//! Lanes: what waits, how fast it is decided, and the switch of each.

use axum::{Form, extract::Query, http::StatusCode, response::Response};
use onhand_client::LaneStanding;
use onhand_wire::order::Lane;

use super::{back, done, now::ago, why};
use crate::{
    caller::Caller,
    fields::Fields,
    page::{Cell, Field, Form as PageForm, Page, Section, Table, Tone},
};

type Pairs = Vec<(String, String)>;
const PATH: &str = "/lanes";

fn switch_of(lane: &LaneStanding) -> PageForm {
    let (verb, button) = if lane.paused { ("resume", "Resume") } else { ("pause", "Pause") };
    let form = PageForm::post(PATH, button).about(format!("the lane {}", lane.lane.as_str()));
    form.hidden("lane", lane.lane.as_str()).hidden("verb", verb).field(Field::text("reason", "Reason").required())
}

fn row(lane: &LaneStanding) -> Vec<Cell> {
    let state = if lane.paused { Cell::mark(Tone::Late, "paused") } else { Cell::mark(Tone::Good, "on") };
    let rate = if lane.rate > 0.0 { format!("{:.1} a second", lane.rate) } else { "not known yet".to_owned() };
    vec![
        Cell::text(lane.lane.as_str()),
        state,
        Cell::number(lane.undecided),
        Cell::number(lane.oldest.map_or_else(|| "–".to_owned(), |oldest| ago(Some(oldest)))),
        Cell::number(rate),
        Cell::number(format!("{} s", lane.eta_s)),
        Cell::forms([switch_of(lane)]),
    ]
}

async fn lanes(caller: &Caller) -> Section {
    let section = Section::new("lanes", "Orders that wait").command("onhand orders lanes");
    match caller.origin().order_lanes().await {
        Err(error) => section.failed("The lanes cannot be shown.", why(&error)),
        Ok(lanes) => {
            let head = ["Lane", "State", "Waiting", "Oldest", "Decided", "Empty in", "Switch"];
            section.table(Table::new("By lane", &head).rows(lanes.value.lanes.iter().map(row)))
        }
    }
}

async fn whole(caller: &Caller, query: &Fields) -> Page {
    Page::new(PATH, "Lanes").done(done(query.text("done"))).with(lanes(caller).await)
}

pub(crate) async fn page(caller: Caller, Query(query): Query<Pairs>) -> Response {
    whole(&caller, &Fields::from(query)).await.show(Some(&caller.person))
}

async fn switched(caller: &Caller, form: &Fields) -> Result<bool, String> {
    let lane = Lane::parse(form.text("lane")).ok_or("lane: high or low")?;
    let pause = form.text("verb") == "pause";
    let call = caller.origin().switch_lane(lane, pause, &form.required("reason")?);
    call.key(form.key()).await.map_err(|error| why(&error))?;
    Ok(pause)
}

pub(crate) async fn switch(caller: Caller, Form(form): Form<Pairs>) -> Response {
    match switched(&caller, &Fields::from(form)).await {
        Ok(pause) => back(PATH, if pause { "paused" } else { "resumed" }),
        Err(fault) => {
            let refused = Section::new("refused", "Nothing is switched").failed("", fault);
            let page = Page::new(PATH, "Lanes").status(StatusCode::BAD_REQUEST).with(refused);
            page.with(lanes(&caller).await).show(Some(&caller.person))
        }
    }
}
