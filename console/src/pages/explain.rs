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
    let mut rows: Vec<Row> = Vec::new();
    rows.extend(stock.facts.iter().filter(|fact| !fact.deleted).map(|fact| row("origin", fact, None)));
    for (name, explained) in asked {
        match explained {
            Err(error) => section = section.failed(format!("{name}:"), why(&error)),
            Ok(explained) => rows.extend(of_edge(&name, &explained.value, &truth)),
        }
    }
    // The tiers of one location stand side by side, the origin first.
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    let table = Table::new("By location and tier", &HEAD).rows(rows.into_iter().map(|(_, cells)| cells));
    let table = table.empty("No tier holds anything of it.");
    if !stock.known() {
        section = section.note("The origin has no such item.");
    }
    section.table(table)
}

/// A location, and the cells of its row.
type Row = (String, Vec<Cell>);

const HEAD: [&str; 7] = ["Location", "Tier", "On hand", "Reserved", "Available", "Version", "Verdict"];

fn of_edge(name: &str, explained: &Explained, truth: &LoadedFacts) -> Vec<Row> {
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

fn said(tier: &str, tone: Tone, text: &str) -> Row {
    let mut row = vec![Cell::text("–"), Cell::text(tier)];
    row.resize_with(HEAD.len() - 1, || Cell::text("–"));
    row.push(Cell::mark(tone, text));
    (String::new(), row)
}

/// L2 may lag behind its edge's as-of by what its writer has yet to write, so that it is not called wrong for that.
fn of_tier(tier: &str, held: &Stock, explained: &Explained, truth: &LoadedFacts) -> Vec<Row> {
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

fn row(tier: &str, fact: &Fact, verdict: Option<Cell>) -> Row {
    let cells = vec![
        Cell::text(fact.location.as_str()),
        Cell::text(tier),
        Cell::number(fact.on_hand),
        Cell::number(fact.reserved),
        Cell::number(fact.available()),
        Cell::code(fact.version.to_string()),
        verdict.unwrap_or_else(|| Cell::mark(Tone::Plain, "decides")),
    ];
    (fact.location.as_str().to_owned(), cells)
}

#[cfg(test)]
mod tests {
    use onhand_wire::Timestamp;
    use serde_json::json;

    use super::*;

    fn fact(on_hand: i64, version: &str) -> Fact {
        let fact = json!({"sku": "x", "location": "a", "on_hand": on_hand, "version": version, "changed_at": 1});
        serde_json::from_value(fact).unwrap()
    }

    fn verdict(held: &Fact, right: &Fact, tier: &str) -> String {
        let stock = |fact: &Fact| Stock { item: None, facts: vec![fact.clone()] };
        let truth = LoadedFacts { at: Timestamp::default(), term: 1, good_since: 0, stocks: vec![stock(right)] };
        let node = json!({"region": "eu", "build": "", "mode": "live", "as_of": 1_000_000_000_000_000_i64,
            "staleness_ms": 0, "term": 1, "good_since": 0, "partition": 0, "position": 0, "log": null});
        let recent = json!({"stock": null, "fed": null, "loaded_until": null, "complete_from": 0});
        let l2 = json!({"state": "off", "writer": null, "counts": false, "stock": null});
        let explained = json!({"sku": "x", "node": node, "l1": null, "recent": recent, "l2": l2, "shown": []});
        let explained: Explained = serde_json::from_value(explained).unwrap();
        let rows = of_tier(tier, &stock(held), &explained, &truth);
        match rows[0].1.last() {
            Some(Cell::Mark { text, .. }) => text.clone(),
            _ => panic!("a verdict is marked"),
        }
    }

    #[test]
    fn the_wrong_tier_is_marked() {
        assert_eq!(verdict(&fact(5, "1.7"), &fact(5, "1.7"), "L1 of e"), "right");
        assert!(verdict(&fact(6, "1.7"), &fact(5, "1.7"), "L1 of e").starts_with("WRONG: "), "another content");
        assert!(verdict(&fact(5, "1.8"), &fact(5, "1.7"), "L1 of e").starts_with("WRONG: "), "never given");
        assert!(verdict(&fact(4, "1.6"), &fact(5, "1.7"), "L1 of e").starts_with("WRONG: "), "its as-of promises more");
        assert!(verdict(&fact(4, "1.6"), &fact(5, "1.7"), "L2 of eu").starts_with("behind"), "its writer lags");
    }
}
