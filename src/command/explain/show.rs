//! The report for people.

use std::fmt::Write;

use comfy_table::{CellAlignment, Table, presets};
use onhand_client::LedgerLine;
use onhand_wire::{
    Stock,
    explain::{Explained, L2State, Shown},
};
use serde_json::Value;

use super::{Report, ask::Edge, finding::Grade};

pub(super) fn report(report: &Report, terminal: bool) -> String {
    let mut text = String::new();
    verdict(&mut text, report);
    let _ = writeln!(text, "\n{}", facts(report, terminal));
    report.edges.iter().for_each(|edge| standing(&mut text, edge));
    shown(&mut text, report);
    ledger(&mut text, &report.origin.ledger, terminal);
    text
}

/// The first lines say what is wrong, where.
fn verdict(text: &mut String, report: &Report) {
    if report.findings.is_empty() {
        let asked = report.edges.iter().filter(|edge| edge.explained.is_some()).count();
        let _ = writeln!(text, "{}: right: everything that {asked} edges hold is what the origin has", report.sku);
    }
    for finding in &report.findings {
        let at = finding.location.as_ref().map_or("its item".to_owned(), |at| format!("at {at}"));
        let of = if finding.tier == "l2" { format!("region {}", finding.region) } else { finding.edge.clone() };
        let version =
            |version: Option<_>| version.map_or("none".to_owned(), |held: onhand_wire::Version| held.to_string());
        let _ = writeln!(
            text,
            "{}: {} of {of} is {} {at}: {} (it has {}, the origin {})",
            report.sku,
            finding.tier,
            finding.grade.as_str(),
            finding.why,
            version(finding.held),
            version(finding.origin),
        );
    }
    for edge in &report.edges {
        if let Some(why) = &edge.error {
            let _ = writeln!(text, "{}: edge {} could not be asked: {why}", report.sku, edge.url);
        }
    }
}

pub(super) fn table(terminal: bool, header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(if terminal { presets::UTF8_FULL_CONDENSED } else { presets::ASCII_MARKDOWN });
    table.set_header(header);
    table
}

/// A row for each tier and location, the origin's first.
fn facts(report: &Report, terminal: bool) -> Table {
    let header = ["who", "tier", "location", "on hand", "reserved", "safety", "available", "version", "changed at", ""];
    let mut rows = table(terminal, &header);
    (3..=6).for_each(|column| {
        rows.column_mut(column).into_iter().for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    });
    let origin = report.origin.facts.stocks.first();
    origin.into_iter().for_each(|stock| add(&mut rows, report, "origin", "database", stock));
    for edge in &report.edges {
        let Some(Explained { l1, recent, l2, .. }) = &edge.explained else { continue };
        let tiers = [
            ("l1", l1.as_ref().map(|l1| &l1.stock)),
            ("recent", recent.stock.as_ref()),
            ("l2", l2.stock.as_ref().filter(|_| l2.state == L2State::Held)),
        ];
        for (tier, stock) in tiers {
            match stock {
                Some(stock) => add(&mut rows, report, &edge.url.to_string(), tier, stock),
                None => {
                    let nothing = match (tier, l2.state) {
                        ("l2", L2State::Off) => "not configured",
                        ("l2", L2State::Unreachable) => "unreachable",
                        _ => "nothing",
                    };
                    rows.add_row([&edge.url.to_string(), tier, nothing]);
                }
            }
        }
    }
    rows
}

fn add(rows: &mut Table, report: &Report, who: &str, tier: &str, stock: &Stock) {
    let grade = |at: Option<&str>| {
        let found = report.findings.iter().filter(|found| found.tier == tier && found.location.as_deref() == at);
        // L2 is told for the first edge of its region.
        let found = found.filter(|found| tier == "l2" || found.edge == who);
        found.map(|found| found.grade).max().unwrap_or(Grade::Right)
    };
    let shown = |at| if who == "origin" { String::new() } else { grade(at).as_str().to_owned() };
    if let Some(item) = &stock.item {
        let state = if item.deleted { "deleted" } else { "item" };
        let mut cells = vec![who.to_owned(), tier.to_owned(), state.to_owned()];
        cells.extend(std::iter::repeat_n(String::new(), 4));
        cells.extend([item.version.to_string(), item.changed_at.to_string(), shown(None)]);
        rows.add_row(cells);
    }
    for fact in &stock.facts {
        let deleted = if fact.deleted { " (deleted)" } else { "" };
        let numbers =
            [fact.on_hand, fact.reserved, fact.safety_stock, fact.available()].map(|number| number.to_string());
        let mut cells = vec![who.to_owned(), tier.to_owned(), format!("{}{deleted}", fact.location)];
        cells.extend(numbers);
        cells.extend([fact.version.to_string(), fact.changed_at.to_string(), shown(Some(fact.location.as_str()))]);
        rows.add_row(cells);
    }
}

fn standing(text: &mut String, edge: &Edge) {
    let Some(Explained { node, l2, recent, .. }) = &edge.explained else { return };
    let as_of = node.as_of.map_or("nothing yet".to_owned(), |as_of| as_of.to_string());
    let age = node.staleness_ms.map_or(String::new(), |ms| format!(" ({ms} ms old)"));
    let _ = writeln!(text, "edge {} in {}: {}, as of {as_of}{age}", edge.url, node.region, node.mode);
    let _ = write!(text, "  partition {}: read to {}", node.partition, node.position);
    if recent.complete_from < i64::MAX {
        let _ = write!(text, ", recent complete from {}", recent.complete_from);
    }
    match (&l2.writer, l2.state) {
        (Some(writer), _) => {
            let counts = if l2.counts || l2.state == L2State::Absent { "" } else { ": a lookup does not use it" };
            let _ = write!(text, ", l2 written to {}{counts}", writer.offset);
        }
        (None, L2State::Off) => {}
        (None, L2State::Unreachable) => {
            let _ = write!(text, ", l2 unreachable: {}", l2.detail.as_deref().unwrap_or("no answer"));
        }
        (None, _) => text.push_str(", l2 without a writer's place: a lookup does not use it"),
    }
    text.push('\n');
}

/// What channels see, where edges agree once.
fn shown(text: &mut String, report: &Report) {
    let mut told: Vec<&Vec<Shown>> = Vec::new();
    for edge in &report.edges {
        let Some(explained) = edge.explained.as_ref().filter(|explained| !explained.shown.is_empty()) else { continue };
        if told.contains(&&explained.shown) {
            continue;
        }
        told.push(&explained.shown);
        let _ = writeln!(text, "shown by {}:", edge.url);
        explained.shown.iter().for_each(|shown| channel(text, shown));
    }
}

fn channel(text: &mut String, shown: &Shown) {
    let name = shown.channel.as_ref().map_or("no channel".to_owned(), |channel| format!("channel {channel}"));
    let status = |answer: &onhand_wire::availability::Availability| {
        let status = serde_json::to_value(answer.status).ok();
        format!("{} {}", answer.available, status.as_ref().and_then(Value::as_str).unwrap_or_default())
    };
    let _ = write!(text, "  {name}: {}", status(&shown.shown));
    if let Some(label) = &shown.shown.label {
        let _ = write!(text, " labelled {label:?}");
    }
    match (&shown.rule, &shown.without_rule) {
        (Some(rule), _) if shown.rule_failed => {
            let _ = write!(text, " (rule {rule} failed: the plain facts)");
        }
        (Some(rule), Some(plain)) => {
            let _ = write!(text, " (changed by rule {rule}; without it {})", status(plain));
        }
        (Some(rule), None) => {
            let _ = write!(text, " (rule {rule} changed nothing)");
        }
        (None, _) => {}
    }
    text.push('\n');
}

fn ledger(text: &mut String, lines: &[LedgerLine], terminal: bool) {
    if lines.is_empty() {
        text.push_str("ledger: no line\n");
        return;
    }
    let mut rows =
        table(terminal, &["ledger, newest first", "location", "kind", "on hand", "reserved", "actor", "reason"]);
    for line in lines {
        let LedgerLine { time, location, kind, before, after, actor, reason, .. } = line;
        let on_hand = format!("{} → {}", before.on_hand, after.on_hand);
        let reserved = format!("{} → {}", before.reserved, after.reserved);
        let (time, reason) = (time.to_string(), reason.as_deref().unwrap_or_default());
        rows.add_row([&time, location, kind, &on_hand, &reserved, actor, reason]);
    }
    let _ = writeln!(text, "{rows}");
}
