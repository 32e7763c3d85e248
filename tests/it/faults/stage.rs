//! One world under load, one fault after the other, and a table of what the checker saw in each.

use std::time::{Duration, Instant};

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use onhand_checker::Figures;
use onhand_harness::{World, eventually};

use super::{
    books::PROBE,
    load::{Load, p99, seed},
};

/// How long each fault lasts in `make test`.
const SECONDS: u64 = 2;
/// How long the world may take until all is live again.
const RECOVERS: Duration = Duration::from_secs(90);
const WRITERS: usize = 8;

pub struct Stage {
    pub world: World,
    pub load: Load,
    /// How long a fault lasts.
    pub length: Duration,
    rows: Vec<Row>,
}

struct Row {
    fault: &'static str,
    figures: Figures,
    /// p99 of hits in milliseconds, before and during.
    hits: (f64, f64),
    recovered: Duration,
}

/// When a fault is over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Every edge is live.
    Live,
    /// Every edge's as-of has passed the last write.
    Passed,
}

impl Stage {
    pub async fn open() -> Self {
        let seconds = std::env::var("ONHAND_DRILL_SECONDS").ok().map(|text| text.parse().expect("whole seconds"));
        let builder = World::start().edges(2).origins(2).links();
        // As the contract's names set it: an origin that is back is asked again within a second.
        let builder = builder.env("CIRCUIT_BREAKER_BASE_TIMEOUT", "500ms").env("CIRCUIT_BREAKER_MAX_TIMEOUT", "1s");
        let world = builder.ready().await;
        let skus = seed(&world).await;
        world.stock(PROBE, "a", 1000).await;
        for edge in world.edges() {
            let last = format!("/v1/availability/{}", skus.last().expect("some"));
            eventually!(edge.anonymous().get(&last).await.status == 200);
        }
        let load = Load::start(&world, skus, WRITERS);
        Self { world, load, length: Duration::from_secs(seconds.unwrap_or(SECONDS)), rows: Vec::new() }
    }

    /// A calm moment, the fault, and the time until all is well.
    pub async fn drill(&mut self, fault: &'static str, over: Over, break_and_mend: impl AsyncFnOnce(&Self)) {
        self.load.take_hits();
        tokio::time::sleep(self.length.min(Duration::from_secs(5)) / 2).await;
        let (before, began) = (self.load.take_hits(), self.load.shared.checker.figures());
        println!("fault: {fault}");
        break_and_mend(&*self).await;
        let during = self.load.take_hits();
        let mended = Instant::now();
        self.recovers(over).await;
        let figures = self.load.shared.checker.figures().since(began);
        let hits = (p99(&before), p99(&during));
        self.rows.push(Row { fault, figures, hits, recovered: mended.elapsed() });
    }

    async fn recovers(&self, over: Over) {
        let mended = self.load.last();
        eventually!(RECOVERS, self.load.last() > mended, "writes come back by themselves");
        let last = self.load.last();
        for edge in self.world.edges() {
            let client = edge.anonymous();
            let health = async || client.call(reqwest::Method::GET, "/health").try_send().await;
            eventually!(
                RECOVERS,
                health().await.is_ok_and(|reply| {
                    let health = reply.json();
                    let passed = health["as_of"].as_str().is_some_and(|as_of| *as_of > *last.to_string());
                    passed && (over == Over::Passed || health["mode"] == "live")
                }),
                "{}",
                edge.name()
            );
        }
    }

    /// The length of a fault, for it to last.
    pub async fn lasts(&self) {
        tokio::time::sleep(self.length).await;
    }

    /// Ends the load, compares all tiers, prints the table; panics if anything is wrong.
    pub async fn close(self) {
        let Self { world, load, rows, .. } = self;
        let shared = load.end().await;
        println!("{}", table(&rows));
        let report = shared.checker.report();
        println!("{report}");
        shared.books.agree_with(&world).await;
        tiers_agree(&world);
        assert_eq!(report.figures.violations, 0, "{report}");
        for row in &rows {
            assert!(row.figures.compared > 100, "{}: {} proves nothing", row.fault, row.figures);
        }
    }
}

/// Ledger, rows, L2 and every edge, by the command that operators have for it.
pub fn tiers_agree(world: &World) {
    let mut command = std::process::Command::new(world.binary());
    command.args(["audit", "--for", "1s", "--at-rest", "--redis", &world.redis_url()]);
    command.args(["--origin", &world.origin(0).url()]);
    world.edges().iter().for_each(|edge| {
        command.args(["--edges", &edge.url()]);
    });
    let done = command.env("ONHAND_TOKEN_OPERATOR", &world.tokens.operator).output().expect("onhand audit runs");
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    println!("{said}");
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED);
    table.set_header([
        "fault",
        "writes",
        "answers checked",
        "marked stale",
        "comparisons",
        "violations",
        "hits p99 before / during",
        "well after",
    ]);
    for Row { fault, figures, hits: (before, during), recovered } in rows {
        table.add_row([
            (*fault).to_owned(),
            figures.writes.to_string(),
            figures.answers.to_string(),
            figures.stale.to_string(),
            figures.compared.to_string(),
            figures.violations.to_string(),
            format!("{before:.1} / {during:.1} ms"),
            format!("{:.1} s", recovered.as_secs_f64()),
        ]);
    }
    table
}
