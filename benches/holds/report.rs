//! The table: medians, ranges and ratios.

use std::collections::BTreeMap;

use onhand_harness::Spread;

use crate::Measured;

#[derive(Default)]
pub(crate) struct Report {
    cases: BTreeMap<(String, usize), Vec<(Measured, Measured)>>,
}

impl Report {
    pub(crate) fn add(&mut self, shape: &str, callers: usize, by_hand: Measured, onhand: Measured) {
        self.cases.entry((shape.to_owned(), callers)).or_default().push((by_hand, onhand));
    }

    /// Markdown, as docs/benchmarks.md has it.
    pub(crate) fn print(&self) {
        println!("| case | by hand /s | p50 / p99 ms | onhand /s | p50 / p99 ms | times (range) |");
        println!("|---|---|---|---|---|---|");
        for ((shape, callers), rounds) in &self.cases {
            let of = |value: &dyn Fn(&(Measured, Measured)) -> f64| Spread::of(rounds.iter().map(value));
            let ms = |time: std::time::Duration| time.as_secs_f64() * 1000.0;
            let by_hand = of(&|round| round.0.per_second);
            let onhand = of(&|round| round.1.per_second);
            let times = of(&|round| round.1.per_second / round.0.per_second);
            println!(
                "| {shape}, {callers} callers | {:.0} ({:.0}–{:.0}) | {:.1} / {:.1} | {:.0} ({:.0}–{:.0}) | {:.1} / {:.1} | {:.2} ({:.2}–{:.2}) |",
                by_hand.median,
                by_hand.least,
                by_hand.most,
                of(&|round| ms(round.0.p50)).median,
                of(&|round| ms(round.0.p99)).median,
                onhand.median,
                onhand.least,
                onhand.most,
                of(&|round| ms(round.1.p50)).median,
                of(&|round| ms(round.1.p99)).median,
                times.median,
                times.least,
                times.most,
            );
        }
    }
}
