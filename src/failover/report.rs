//! What the command says: each phase as it ends, then the whole.

use std::{process::ExitCode, time::Instant};

use comfy_table::{Table, presets::ASCII_MARKDOWN};
use onhand_origin::site::Opened;
use serde::Serialize;
use serde_json::json;

use super::{To, judge::Verdict, view::View};

pub(super) struct Report {
    began: Instant,
    json: bool,
    said: Said,
}

#[derive(Default, Serialize)]
struct Said {
    region: String,
    reason: String,
    done: bool,
    term: Option<u16>,
    good_since: Option<u16>,
    id: Option<uuid::Uuid>,
    /// Milliseconds from the start of the command to the end of each phase.
    phases: Vec<Phase>,
    checks: Vec<super::judge::Line>,
    edges_at_term: Option<usize>,
    edges_answering: Option<usize>,
    edges_silent: Vec<String>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Phase {
    phase: &'static str,
    ms: u128,
}

impl Report {
    pub(super) fn begin(to: &To) -> Self {
        let said = Said { region: to.region.clone(), reason: to.reason.clone(), ..Said::default() };
        Self { began: Instant::now(), json: to.how.json, said }
    }

    pub(super) fn done(&mut self, phase: &'static str) {
        let ms = self.began.elapsed().as_millis();
        eprintln!("{ms:>6} ms  {phase}");
        self.said.phases.push(Phase { phase, ms });
    }

    pub(super) fn judged(&mut self, verdict: &Verdict) {
        self.done("judge");
        self.said.checks.clone_from(&verdict.lines);
        if !self.json {
            println!("{}", table(verdict));
        }
    }

    pub(super) fn opened(&mut self, opened: &Opened) {
        self.done("open");
        (self.said.term, self.said.good_since, self.said.id) =
            (Some(opened.term), Some(opened.good_since), Some(opened.id));
    }

    pub(super) fn edges(&mut self, at: usize, answering: usize, silent: &[String]) {
        self.done("edges");
        (self.said.edges_at_term, self.said.edges_answering) = (Some(at), Some(answering));
        self.said.edges_silent = silent.to_vec();
    }

    pub(super) fn note(&mut self, note: &str) {
        eprintln!("           {note}");
        self.said.notes.push(note.to_owned());
    }

    pub(super) fn end(mut self, well: bool) -> ExitCode {
        self.said.done = well && self.said.term.is_some();
        if self.json {
            println!("{}", json!(self.said));
        } else if let (Some(term), Some(good_since)) = (self.said.term, self.said.good_since) {
            println!("region {} is open under term {term}; facts since term {good_since} are good", self.said.region);
            let (at, all) = (self.said.edges_at_term.unwrap_or(0), self.said.edges_answering.unwrap_or(0));
            println!("{at} of {all} edges that answer are at the term");
        } else if well {
            println!("{} can take over", self.said.region);
        } else {
            println!("{} cannot take over: see FAIL", self.said.region);
        }
        if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn table(verdict: &Verdict) -> Table {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header(["check", "", "found"]);
    for line in &verdict.lines {
        table.add_row([line.check, line.mark.as_str(), line.found.as_str()]);
    }
    table
}

pub(super) fn status(view: &View, open: Option<&str>, verdicts: &[(&str, Verdict)], as_json: bool) {
    if as_json {
        let targets: Vec<_> = verdicts
            .iter()
            .map(|(region, verdict)| json!({"region": region, "ready": verdict.goes(), "checks": verdict.lines}))
            .collect();
        let regions: Vec<_> = view.regions.iter().map(|region| region.name.as_str()).collect();
        println!("{}", json!({"open": open, "regions": regions, "targets": targets}));
        return;
    }
    println!("open: {}", open.unwrap_or("no region says so yet"));
    for (region, verdict) in verdicts {
        println!("\n{region} {}", if verdict.goes() { "can take over" } else { "cannot take over" });
        println!("{}", table(verdict));
    }
}
