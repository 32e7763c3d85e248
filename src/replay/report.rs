//! The table, the verdict, and the same as JSON.

use std::{
    io::Write,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

use super::{
    Error,
    orders::{Orders, Source},
    stage::Stage,
};
use crate::tiers::Check;

pub(super) struct Report {
    /// Name, the figure for people, the figure for programs.
    figures: Vec<(&'static str, String, Value)>,
    verdict: Vec<Check>,
}

/// Milliseconds at 50 %, 99 % and the longest, and the count.
struct Spread {
    p50: f64,
    p99: f64,
    max: f64,
    count: u64,
}

impl Spread {
    fn of(times: &Mutex<Histogram<u64>>) -> Self {
        let times = times.lock().expect("no panic under this lock");
        let ms = |micros: u64| micros as f64 / 1000.0;
        let at = |quantile| ms(times.value_at_quantile(quantile));
        Self { p50: at(0.5), p99: at(0.99), max: ms(times.max()), count: times.len() }
    }

    fn figure(&self) -> (String, Value) {
        let Self { p50, p99, max, count } = self;
        let text = match count {
            0 => "none timed".to_owned(),
            _ => format!("{p50:.1} / {p99:.1} / {max:.1} ms ({count} timed)"),
        };
        (text, json!({"p50_ms": p50, "p99_ms": p99, "max_ms": max, "count": count}))
    }
}

impl Report {
    pub(super) fn new(source: &Source, orders: &Orders, stage: &Stage, elapsed: Duration, verdict: Vec<Check>) -> Self {
        let counts = &stage.counts;
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let writes = [&counts.holds, &counts.confirms, &counts.ships, &counts.cancels, &counts.returns].map(load);
        let seconds = elapsed.as_secs_f64();
        let number = |name, value: u64| (name, value.to_string(), json!(value));
        let rate = |name, count: u64| (name, format!("{:.0}", count as f64 / seconds), json!(count as f64 / seconds));
        let spread = |name, times| {
            let (text, value) = Spread::of(times).figure();
            (name, text, value)
        };
        let left_out = number("lines left out (no order)", orders.left_out as u64);
        let figures = vec![
            ("orders from", source.to_string(), json!(source.to_string())),
            number("orders", orders.list.len() as u64),
            number("lines", orders.lines() as u64),
            left_out,
            ("seconds", format!("{seconds:.1}"), json!(seconds)),
            number("holds", writes[0]),
            number("holds in part", load(&counts.partial)),
            number("refusals (sold out)", load(&counts.refusals)),
            number("confirms", writes[1]),
            number("ships", writes[2]),
            number("cancels", writes[3]),
            number("returns", writes[4]),
            number("cancellations of nothing held", load(&counts.nothing_to_return)),
            number("changes acknowledged", writes.iter().sum()),
            number("tries again", stage.edges.retries()),
            number("lookups", load(&counts.lookups)),
            number("lookups not answered", load(&counts.lookup_failures)),
            spread("propagation p50 / p99 / max", &stage.sampler.times),
            spread("hold p50 / p99 / max", &stage.hold_times),
            rate("holds/s", writes[0]),
            rate("changes/s", writes.iter().sum()),
            rate("lookups/s", load(&counts.lookups)),
        ];
        Self { figures, verdict }
    }

    pub(super) fn holds(&self) -> bool {
        self.verdict.iter().all(Check::holds)
    }

    pub(super) fn print(&self) -> Result<(), Error> {
        let mut table = Table::new();
        table.load_preset(UTF8_FULL_CONDENSED).set_header(["replay", ""]);
        self.figures.iter().for_each(|(name, text, _)| {
            table.add_row([*name, text.as_str()]);
        });
        if let Some(column) = table.column_mut(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let verdict: String = self.verdict.iter().map(Check::line).collect();
        let end = if self.holds() { "verdict: holds" } else { "verdict: DOES NOT HOLD" };
        let (oversold, mismatches) = self.mismatches();
        let mut out = std::io::stdout().lock();
        writeln!(out, "{table}\n\n{verdict}\n{end}: {oversold} oversold, {mismatches} mismatches").map_err(Error::Print)
    }

    /// The number of oversold rows, and of everything else that does not match.
    fn mismatches(&self) -> (u64, u64) {
        let sum = |sold: bool| {
            self.verdict
                .iter()
                .filter(|check| (check.name == "sold ≤ stock") == sold)
                .map(|check| check.mismatches)
                .sum()
        };
        (sum(true), sum(false))
    }

    pub(super) fn write_json(&self, path: &Path) -> Result<(), Error> {
        let figures: Map<String, Value> =
            self.figures.iter().map(|(name, _, value)| ((*name).to_owned(), value.clone())).collect();
        let verdict: Vec<Value> = self.verdict.iter().map(Check::as_json).collect();
        let text = json!({"figures": figures, "verdict": verdict, "holds": self.holds()}).to_string();
        std::fs::write(path, text).map_err(|source| Error::Unwritable { path: path.to_owned(), source })
    }
}
