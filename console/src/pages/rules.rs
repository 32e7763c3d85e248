//! Rules: which releases are in force, what came before, and the way back.

use axum::{
    Form,
    extract::{Path, Query},
    http::StatusCode,
    response::Response,
};
use onhand_client::{Client, Role, RuleAtOrigin};
use onhand_wire::{
    release::{Change, Manifest, Released},
    request::RollBack,
};

use super::{back, done, why};
use crate::{
    caller::Caller,
    fields::Fields,
    page::{Cell, Form as PageForm, Page, Section, Table, Tone, word},
};

type Pairs = Vec<(String, String)>;
const PATH: &str = "/rules";

fn released(released: Option<&Released>) -> Cell {
    let Some(released) = released else { return Cell::text("–") };
    let share = released.share.map(|share| format!(" of {:.0} %", 100.0 * share)).unwrap_or_default();
    let digest: String = released.digest.chars().take(12).collect();
    Cell::code(format!("{digest} {}{share} ({})", released.stage.as_str(), released.world))
}

fn row(rule: &RuleAtOrigin) -> Vec<Cell> {
    let name = &rule.manifest.rule;
    let told = if rule.announced { Cell::mark(Tone::Good, "told") } else { Cell::mark(Tone::Late, "not yet told") };
    vec![
        Cell::link(format!("{PATH}/{}", onhand_client::encode(name)), name),
        released(rule.manifest.full.as_ref()),
        released(rule.manifest.next.as_ref()),
        Cell::time(rule.manifest.at),
        Cell::text(&rule.manifest.actor),
        told,
    ]
}

pub(crate) async fn page(caller: Caller, Query(query): Query<Pairs>) -> Response {
    let query = Fields::from(query);
    let mut section = Section::new("rules", "In force").command("onhand rule list --origin ORIGIN");
    let mut call = caller.origin().rules().limit(50);
    if let Some(cursor) = query.given("cursor") {
        call = call.after(&cursor);
    }
    section = match call.await {
        Err(error) => section.failed("The rules cannot be shown.", why(&error)),
        Ok(page) => {
            let head = ["Rule", "Full", "Canary or shadow", "Since", "By", "Nodes"];
            let table = Table::new("What was pushed and is in force", &head).rows(page.value.items.iter().map(row));
            let next = page.value.next_cursor.map(|cursor| query.address(PATH, &[("cursor", &cursor)]));
            section.table(table.empty("No rule has been pushed.")).more(next, "Next page")
        }
    };
    Page::new(PATH, "Rules").with(section).show(Some(&caller.person))
}

fn line(manifest: &Manifest) -> Vec<Cell> {
    let change = match manifest.change {
        Change::Push => "push",
        Change::Rollback => "roll back",
    };
    vec![
        Cell::number(manifest.seq),
        Cell::text(change),
        Cell::time(manifest.at),
        Cell::text(&manifest.actor),
        released(manifest.full.as_ref()),
        released(manifest.next.as_ref()),
    ]
}

async fn history(origin: &Client, rule: &str, query: &Fields) -> Section {
    let section =
        Section::new("releases", "Every change").command(format!("curl ORIGIN/inventory/rules/{rule}/releases"));
    let mut call = origin.releases(rule).limit(50);
    if let Some(cursor) = query.given("cursor") {
        call = call.after(&cursor);
    }
    match call.await {
        Err(error) => section.failed("The releases cannot be shown.", why(&error)),
        Ok(page) => {
            let head = ["No.", "Change", "When", "By", "Full", "Canary or shadow"];
            let table = Table::new("Newest first", &head).rows(page.value.items.iter().map(line));
            let next = page.value.next_cursor.map(|cursor| query.address(&address(rule), &[("cursor", &cursor)]));
            section.table(table).more(next, "Next page")
        }
    }
}

fn address(rule: &str) -> String {
    format!("{PATH}/{}", onhand_client::encode(rule))
}

/// What a roll back would bring back, and its button where the role may.
async fn way_back(caller: &Caller, rule: &str) -> Section {
    let section = Section::new("back", "Roll back").command(format!("onhand rule rollback {}", word(rule)));
    match caller.origin().roll_back_plan(rule).await {
        Err(error) => section.failed("It is not known what would come back.", why(&error)),
        Ok(plan) => {
            let plan = plan.value;
            let facts = [
                ("From no.", Cell::number(plan.seq)),
                ("Full would be", released(plan.full.as_ref())),
                ("Canary or shadow would be", released(plan.next.as_ref())),
            ];
            let section = section.facts(facts);
            if !caller.may(Role::Admin) {
                return section.note("An admin may roll it back.");
            }
            let note =
                "Where releases must be signed, the command above signs a roll back; the console has no key of yours.";
            let form = PageForm::post(format!("{}/roll-back", address(rule)), "Roll back");
            section.note(note).form(form.about(rule).hidden("seq", plan.seq.to_string()).weighty())
        }
    }
}

pub(crate) async fn releases(caller: Caller, Path(rule): Path<String>, Query(query): Query<Pairs>) -> Response {
    let (query, origin) = (Fields::from(query), caller.origin());
    let (history, back) = tokio::join!(history(&origin, &rule, &query), way_back(&caller, &rule));
    let page = Page::new(PATH, format!("Rule {rule}")).done(done(query.text("done")));
    page.with(history).with(back).show(Some(&caller.person))
}

pub(crate) async fn roll_back(caller: Caller, Path(rule): Path<String>, Form(form): Form<Pairs>) -> Response {
    let form = Fields::from(form);
    let seq = form.whole("seq").ok().and_then(|seq| u64::try_from(seq).ok());
    let asked = RollBack { seq, ..RollBack::default() };
    match caller.origin().roll_back(&rule, &asked).key(form.key()).await {
        Ok(_) => back(&address(&rule), "rolled-back"),
        Err(error) => {
            let refused = Section::new("refused", "Nothing is rolled back").failed("", why(&error));
            let page = Page::new(PATH, format!("Rule {rule}")).status(StatusCode::BAD_REQUEST).with(refused);
            page.with(way_back(&caller, &rule).await).show(Some(&caller.person))
        }
    }
}
