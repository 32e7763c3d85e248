//! The table: medians, ranges, and ratios round by round.

use onhand_harness::Spread;

#[derive(Clone, Copy)]
pub(crate) struct Measured {
    /// Of the server, a request.
    pub(crate) cpu_us: f64,
    pub(crate) per_second: f64,
}

#[derive(Default)]
pub(crate) struct Report {
    /// The edge first.
    servers: Vec<(&'static str, Vec<Measured>)>,
    /// Processor time for each SKU of a query, in microseconds.
    queries: Vec<f64>,
}

impl Report {
    pub(crate) fn add(&mut self, name: &'static str, measured: Measured) {
        match self.servers.iter_mut().find(|(held, _)| *held == name) {
            Some((_, rounds)) => rounds.push(measured),
            None => self.servers.push((name, vec![measured])),
        }
    }

    pub(crate) fn add_query(&mut self, cpu_us: f64) {
        self.queries.push(cpu_us);
    }

    pub(crate) fn edge_peak(&self) -> f64 {
        Spread::of(self.servers[0].1.iter().map(|round| round.per_second)).median
    }

    /// Markdown, as docs/benchmarks.md has it.
    pub(crate) fn print(&self) {
        println!("| server | CPU µs a request (range) | requests/s (range) | the edge's CPU time / its own (range) |");
        println!("|---|---|---|---|");
        let edge = &self.servers[0].1;
        for (name, rounds) in &self.servers {
            let cpu = Spread::of(rounds.iter().map(|round| round.cpu_us));
            let rate = Spread::of(rounds.iter().map(|round| round.per_second));
            let times = Spread::of(edge.iter().zip(rounds).map(|(edge, other)| edge.cpu_us / other.cpu_us));
            println!(
                "| {name} | {:.2} ({:.2}–{:.2}) | {:.0} ({:.0}–{:.0}) | {:.2} ({:.2}–{:.2}) |",
                cpu.median,
                cpu.least,
                cpu.most,
                rate.median,
                rate.least,
                rate.most,
                times.median,
                times.least,
                times.most,
            );
        }
        let skus = Spread::of(self.queries.iter().map(|cpu_us| 1.0 / cpu_us));
        println!(
            "\nA query of 100 SKUs: {:.2} million SKUs/s a core ({:.2}–{:.2})",
            skus.median, skus.least, skus.most
        );
    }
}
