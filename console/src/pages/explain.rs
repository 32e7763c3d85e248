//! Explain: what each tier holds of a SKU, side by side, and which one is wrong.

use axum::{extract::Query, response::Response};
use futures_util::future::join_all;
use onhand_wire::{
    Fact, Sku, Stock,
    bulk::{LoadFacts, LoadedFacts},
    explain::{Explained, L2State},
    judge::{Verdict, judge},
};

use super::why;
use crate::{
    caller::Caller,
    fields::Fields,
    page::{Cell, Field, Form as PageForm, Page, Section, Table, Tone, word},
};

const PATH: &str = "/explain";

pub(crate) async fn page(caller: Caller, Query(query): Query<Vec<(String, String)>>) -> Response {
    let query = Fields::from(query);
    let form = PageForm::get(PATH, "Explain").field(Field::search("sku", "SKU").value(query.text("sku")).required());
    let ask = Section::new("ask", "Which item").form(form);
    let page = Page::new(PATH, "Explain").with(ask);
    let page = match query.given("sku").map(|_| query.sku("sku")) {
        None => page,
        Some(Err(fault)) => page.with(Section::new("tiers", "Tiers").failed("There is no such SKU.", fault)),
        Some(Ok(sku)) => page.with(tiers(&caller, &sku).await),
    };
    page.show(Some(&caller.person))
}

/// The edges are asked first, then the origin: whatever a tier holds must then be what the origin has, or older.
async fn tiers(caller: &Caller, sku: &Sku) -> Section {
    let mut section = Section::new("tiers", format!("What each tier holds of {sku}"));
    section = section.command(format!("onhand explain {}", word(sku.as_str())));
    let edges = caller.console.nodes.edges.iter().filter_map(|edge| Some((edge, edge.management.as_ref()?)));
    let asked =
        join_all(edges.map(async |(edge, management)| (edge.name.clone(), management.explain(sku).await))).await;
    let load = LoadFacts { skus: vec![sku.clone()], ..LoadFacts::default() };
    let truth = match caller.origin().facts(&load).await {
        Ok(loaded) => loaded.value,
        Err(error) => return section.failed("The origin does not say what is right.", why(&error)),
    };
    let stock = truth.stocks.first().cloned().unwrap_or_default();
    let mut table = Table::new("By location and tier", &HEAD).empty("No tier holds anything of it.");
    table = table.rows(stock.facts.iter().filter(|fact| !fact.deleted).map(|fact| row("origin", fact, None)));
    for (name, explained) in asked {
        match explained {
            Err(error) => section = section.failed(format!("{name}:"), why(&error)),
            Ok(explained) => table = table.rows(of_edge(&name, &explained.value, &truth)),
        }
    }
    if !stock.known() {
        section = section.note("The origin has no such item.");
    }
    section.table(table)
}

const HEAD: [&str; 7] = ["Tier", "Location", "On hand", "Reserved", "Available", "Version", "Verdict"];

fn of_edge(name: &str, explained: &Explained, truth: &LoadedFacts) -> Vec<Vec<Cell>> {
    let mut rows = Vec::new();
    if let Some(l1) = &explained.l1 {
        rows.extend(of_tier(&format!("L1 of {name}"), &l1.stock, explained, truth));
    }
    let l2 = format!("L2 of {}", explained.node.region);
    match (&explained.l2.state, &explained.l2.stock) {
        (L2State::Held, Some(stock)) => rows.extend(of_tier(&l2, stock, explained, truth)),
        (L2State::Unreachable, _) => rows.push(said(&l2, Tone::Bad, "Redis does not answer")),
        _ => {}
    }
    rows
}

fn said(tier: &str, tone: Tone, text: &str) -> Vec<Cell> {
    let mut row = vec![Cell::text(tier)];
    row.resize_with(HEAD.len() - 1, || Cell::text("–"));
    row.push(Cell::mark(tone, text));
    row
}

/// L2 may lag behind its edge's as-of by what its writer has yet to write, so that it is not called wrong for that.
fn of_tier(tier: &str, held: &Stock, explained: &Explained, truth: &LoadedFacts) -> Vec<Vec<Cell>> {
    let as_of = explained.node.as_of.filter(|_| tier.starts_with("L1")).unwrap_or_default();
    let good_since = truth.good_since.max(explained.node.good_since);
    let right = truth.stocks.first();
    let verdict = |fact: &Fact| {
        let true_one = right.and_then(|stock| stock.fact(fact.location.as_str()));
        match judge(Some(fact), true_one, as_of, good_since) {
            Verdict::Agrees => Cell::mark(Tone::Good, "right"),
            Verdict::Behind => Cell::mark(Tone::Late, "behind: it lags"),
            Verdict::Void => Cell::mark(Tone::Plain, "void: of a lost history"),
            Verdict::Wrong(wrong) => Cell::mark(Tone::Bad, format!("WRONG: {}", wrong.as_str())),
        }
    };
    held.facts.iter().filter(|fact| !fact.deleted).map(|fact| row(tier, fact, Some(verdict(fact)))).collect()
}

fn row(tier: &str, fact: &Fact, verdict: Option<Cell>) -> Vec<Cell> {
    vec![
        Cell::text(tier),
        Cell::text(fact.location.as_str()),
        Cell::number(fact.on_hand),
        Cell::number(fact.reserved),
        Cell::number(fact.available()),
        Cell::code(fact.version.to_string()),
        verdict.unwrap_or_else(|| Cell::mark(Tone::Plain, "decides")),
    ]
}
