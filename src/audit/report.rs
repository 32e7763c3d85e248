//! The table, the verdict, and the same as JSON.

use std::io::Write;

use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use serde_json::{Value, json};

use super::{Stage, probe::Probed, rounds::Edge};
use crate::tiers::Check;

pub(super) struct Report<'a> {
    pub stage: &'a Stage,
    pub edges: &'a [Edge],
    pub left_out: usize,
    pub probes: Probed,
    pub checks: Vec<Check>,
}

/// Milliseconds.
fn behind(edge: &Edge, quantile: f64) -> f64 {
    let mut micros = edge.behind.clone();
    micros.sort_unstable();
    let index = (micros.len().saturating_sub(1) as f64 * quantile).round() as usize;
    micros.get(index).map_or(0.0, |micros| *micros as f64 / 1000.0)
}

impl Report<'_> {
    /// An audit of nothing shows nothing.
    pub(super) fn holds(&self) -> bool {
        let figures = self.stage.checker.figures();
        figures.violations == 0
            && figures.compared > 0
            && self.edges.iter().all(|edge| edge.answers > 0)
            && self.probes.failures.is_empty()
            && self.checks.iter().all(Check::holds)
    }

    pub(super) fn print(&self, json: bool) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        if json {
            return writeln!(out, "{}", self.as_json());
        }
        writeln!(out, "{}\n{} SKUs; {}", self.table(), self.stage.skus.len(), self.stage.checker.report())?;
        if self.left_out > 0 {
            writeln!(out, "{} SKUs left out: their locations changed meanwhile", self.left_out)?;
        }
        if self.probes.pairs > 0 {
            writeln!(out, "{} times one unit was taken away and given back", self.probes.pairs)?;
        }
        for failure in &self.probes.failures {
            writeln!(out, "a write failed: {failure}; look at the SKU's ledger for one that was not given back")?;
        }
        self.checks.iter().try_for_each(|check| write!(out, "{}", check.line()))?;
        for (edge, _) in self.edges.iter().enumerate().filter(|(_, edge)| edge.answers == 0) {
            writeln!(out, "{} gave no answer: check its address, and that it runs", self.stage.edges.name(edge))?;
        }
        writeln!(out, "verdict: {}", if self.holds() { "holds" } else { "DOES NOT HOLD" })
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_preset(UTF8_FULL_CONDENSED);
        table.set_header(["edge", "answers", "marked stale", "not answered", "as-of behind p50 / p99 / max"]);
        for (number, edge) in self.edges.iter().enumerate() {
            let [p50, p99, max] = [0.5, 0.99, 1.0].map(|quantile| behind(edge, quantile));
            table.add_row([
                self.stage.edges.name(number).to_owned(),
                edge.answers.to_string(),
                edge.stale.to_string(),
                edge.unanswered.to_string(),
                format!("{p50:.0} / {p99:.0} / {max:.0} ms"),
            ]);
        }
        table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        table
    }

    fn as_json(&self) -> Value {
        let edges = self.edges.iter().enumerate().map(|(number, edge)| {
            json!({
                "url": self.stage.edges.name(number), "answers": edge.answers, "stale": edge.stale,
                "unanswered": edge.unanswered,
                "behind_ms": {"p50": behind(edge, 0.5), "p99": behind(edge, 0.99), "max": behind(edge, 1.0)},
            })
        });
        let (report, skus) = (self.stage.checker.report(), self.stage.skus.len());
        json!({
            "holds": self.holds(), "skus": skus, "skus_left_out": self.left_out, "figures": report.figures,
            "violations": report.first, "edges": edges.collect::<Vec<_>>(),
            "probes": {"pairs": self.probes.pairs, "failures": self.probes.failures},
            "at_rest": self.checks.iter().map(Check::as_json).collect::<Vec<_>>(),
        })
    }
}
