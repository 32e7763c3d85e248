//! The figures as a table and as JSON.

use std::{io::Write, path::Path};

use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use serde::Serialize;

use super::{
    Args, Error,
    figures::{Figures, Times},
    mix::Kind,
};

/// Shares of the answers whose times are reported.
const QUANTILES: [f64; 5] = [0.5, 0.9, 0.99, 0.999, 0.9999];

/// Microseconds.
#[derive(Serialize)]
pub(super) struct Spread {
    pub(super) count: u64,
    mean: f64,
    p50: f64,
    p90: f64,
    p99: f64,
    p999: f64,
    p9999: f64,
    max: f64,
}

impl Spread {
    fn of(times: &Times) -> Self {
        let [p50, p90, p99, p999, p9999] = QUANTILES.map(|share| micros(times.value_at_quantile(share)));
        let (mean, max) = (times.mean() / 1000.0, micros(times.max()));
        Self { count: times.len(), mean, p50, p90, p99, p999, p9999, max }
    }

    fn row(&self, name: &str) -> Vec<String> {
        let times = [self.p50, self.p90, self.p99, self.p999, self.max].map(|time| format!("{time:.0}"));
        [name.to_owned(), self.count.to_string()].into_iter().chain(times).collect()
    }
}

pub(super) fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1000.0
}

/// The load that was asked for.
#[derive(Serialize)]
struct Asked {
    edges: Vec<String>,
    mix: String,
    /// `None`: as fast as answers came.
    rate: Option<u32>,
    connections: u16,
    skus: usize,
    popularity: String,
    batch: u16,
    seconds: f64,
}

#[derive(Serialize)]
struct OfKind {
    kind: &'static str,
    #[serde(flatten)]
    times_us: Spread,
    /// Counts by status; 0 if the connection broke.
    statuses: Vec<(u16, u64)>,
}

/// One second of the run; times in microseconds.
#[derive(Serialize)]
pub(super) struct Second {
    pub(super) answered: u64,
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) p999: f64,
    pub(super) max: f64,
}

#[derive(Serialize)]
pub(super) struct Report {
    asked: Asked,
    pub(super) answered: u64,
    pub(super) answered_per_s: f64,
    failed: u64,
    unanswered: u64,
    unsent: u64,
    kinds: Vec<OfKind>,
    sent_late_us: Spread,
    pub(super) seconds: Vec<Second>,
    /// For all kinds together: the longest time that this share of the answers took, in microseconds.
    pub(super) distribution: Vec<(f64, f64)>,
}

impl Report {
    pub(super) fn new(args: &Args, figures: &Figures) -> Self {
        let answered: u64 = figures.kinds.iter().map(Times::len).sum::<u64>() - figures.unanswered;
        let elapsed = figures.elapsed().as_secs_f64();
        Self {
            asked: asked(args, figures.skus),
            answered,
            answered_per_s: if elapsed > 0.0 { answered as f64 / elapsed } else { 0.0 },
            failed: figures.failed,
            unanswered: figures.unanswered,
            unsent: figures.unsent,
            kinds: Kind::ALL.into_iter().filter_map(|kind| of_kind(kind, figures)).collect(),
            sent_late_us: Spread::of(&figures.lateness),
            seconds: figures.seconds.iter().map(second).collect(),
            distribution: distribution(figures),
        }
    }

    /// One line that says what was asked.
    pub(super) fn title(&self) -> String {
        let Asked { edges, mix, rate, connections, skus, popularity, seconds, .. } = &self.asked;
        let rate = rate.map_or("as fast as answers came".to_owned(), |rate| format!("{rate}/s offered"));
        format!(
            "{mix} of {skus} SKUs ({popularity}), {rate} on {connections} connections for {seconds:.0} s, to {}",
            edges.join(", ")
        )
    }

    /// One line that says how it went.
    pub(super) fn outcome(&self) -> String {
        let Self { answered, answered_per_s, failed, unanswered, unsent, .. } = self;
        format!(
            "{answered} answered, {answered_per_s:.0}/s; {failed} connections broke, {unanswered} unanswered, {unsent} never sent"
        )
    }

    pub(super) fn rows(&self) -> Vec<Vec<String>> {
        let kinds = self.kinds.iter().map(|of| of.times_us.row(of.kind));
        kinds.chain([self.sent_late_us.row("(sent late)")]).collect()
    }

    pub(super) fn statuses(&self) -> String {
        let one = |of: &OfKind| {
            let each: Vec<_> = of.statuses.iter().map(|(status, count)| format!("{status}: {count}")).collect();
            format!("{} {}", of.kind, each.join(", "))
        };
        self.kinds.iter().map(one).collect::<Vec<_>>().join("; ")
    }

    pub(super) const COLUMNS: [&str; 7] = ["µs", "count", "p50", "p90", "p99", "p99.9", "max"];

    pub(super) fn print(&self) -> Result<(), Error> {
        let mut table = Table::new();
        table.load_preset(UTF8_FULL_CONDENSED).set_header(Self::COLUMNS).add_rows(self.rows());
        table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        let mut out = std::io::stdout().lock();
        let (title, outcome, statuses) = (self.title(), self.outcome(), self.statuses());
        writeln!(out, "{title}\n{table}\n{outcome}\n{statuses}").map_err(Error::Print)
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain data encodes")
    }

    pub(super) fn write(&self, path: &Path, text: &str) -> Result<(), Error> {
        std::fs::write(path, text).map_err(|source| Error::Unwritable { path: path.to_owned(), source })
    }
}

fn asked(args: &Args, skus: usize) -> Asked {
    let popularity = match &args.skus.orders {
        Some(path) => format!("as in {}", path.file_name().unwrap_or_default().display()),
        None if args.zipf == 0.0 => "uniform".to_owned(),
        None => format!("Zipf {}", args.zipf),
    };
    Asked {
        edges: args.edges.clone(),
        mix: args.mix.to_string(),
        rate: (!args.closed).then_some(args.rate),
        connections: args.connections,
        skus,
        popularity,
        batch: args.batch,
        seconds: args.length.as_secs_f64(),
    }
}

/// `None` if no call of this kind was made.
fn of_kind(kind: Kind, figures: &Figures) -> Option<OfKind> {
    let statuses = figures.statuses.range((kind, 0)..=(kind, u16::MAX));
    let statuses: Vec<_> = statuses.map(|((_, status), count)| (*status, *count)).collect();
    let times_us = Spread::of(&figures.kinds[kind as usize]);
    (times_us.count > 0 || !statuses.is_empty()).then_some(OfKind { kind: kind.as_str(), times_us, statuses })
}

fn second(second: &super::figures::Second) -> Second {
    let [p50, p99, p999, max] = second.at.map(micros);
    Second { answered: second.answered, p50, p99, p999, max }
}

/// Shares that approach all answers: each step halves what is left.
fn distribution(figures: &Figures) -> Vec<(f64, f64)> {
    let mut all = figures.kinds[0].clone();
    figures.kinds[1..].iter().for_each(|times| all.add(times).expect("the same bounds"));
    let steps = all.iter_quantiles(2);
    steps.map(|step| (step.quantile_iterated_to(), micros(step.value_iterated_to()))).collect()
}
