//! `onhand sale`: puts a sale in front of many buyers, and says afterwards what became of each order.
//!
//! 1. [`buyers`]: each has its moment by a timetable, and places one order, again under its key where it is told to.
//! 2. What was accepted is waited for until it is decided.
//! 3. [`verdict`]: every 202 has one outcome, nothing is sold twice, what is sold and what is left is what there was,
//!    and lines were decided in order. [`page`] draws it by second.
//!
//! Nobody else may order the same SKUs meanwhile.

mod buyers;
mod page;
mod verdict;

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode, time::Duration};

use hdrhistogram::Histogram;
use onhand_client::{Client, OrderQuery, OrderRow, View};
use onhand_wire::{Sku, Timestamp, order::OrderState};
use serde::Serialize;

use buyers::{Fared, Placed};

/// Put a sale in front of many buyers through the order lanes, and check each order's outcome
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// An edge's public address, such as http://127.0.0.1:8080; repeat it for each edge
    #[arg(long = "edge", value_name = "URL", required = true)]
    edges: Vec<String>,
    /// An origin's API address, such as http://127.0.0.1:8090; repeat it for each origin
    #[arg(long = "origin", value_name = "URL", required = true)]
    origins: Vec<String>,
    /// A token with scope operator: looks at what became of the orders
    #[arg(long, value_name = "TOKEN", env = "ONHAND_TOKEN_OPERATOR", hide_env_values = true)]
    token_operator: String,
    /// A token with scope storefront: places the orders; its rate limit must allow them (RATE_LIMIT_MAX_REQUESTS)
    #[arg(long, value_name = "TOKEN", env = "ONHAND_TOKEN_STOREFRONT", hide_env_values = true)]
    token_storefront: String,
    /// What is on sale; repeat it, and the first one is what most buyers want
    #[arg(long = "sku", value_name = "SKU", required = true)]
    skus: Vec<String>,
    /// How many buyers, each with one order of one unit
    #[arg(long, default_value_t = 1000)]
    buyers: usize,
    /// Over how long they come
    #[arg(long, default_value = "10s", value_name = "DURATION", value_parser = humantime::parse_duration)]
    over: Duration,
    /// Buyers that may be at a node at once
    #[arg(long, default_value_t = 256)]
    at_once: usize,
    /// One order in so many goes into the low lane; 0: none
    #[arg(long, default_value_t = 5)]
    low: usize,
    /// How long decisions are waited for after the last order
    #[arg(long, default_value = "2m", value_name = "DURATION", value_parser = humantime::parse_duration)]
    patience: Duration,
    /// Write a page with the sale by second
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

type Failure = Box<dyn std::error::Error>;

/// What happened.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    buyers: usize,
    accepted: usize,
    /// Calls that were answered otherwise, by status, the last answer to each buyer.
    refused: BTreeMap<u16, usize>,
    /// Answers after which a buyer tried again, by status; 0: none.
    again: BTreeMap<u16, usize>,
    outcomes: BTreeMap<&'static str, usize>,
    accepted_per_s: f64,
    decided_per_s: f64,
    /// Milliseconds from first sending an order to its 202, and those of the try that was accepted.
    accept_ms: Percentiles,
    accepted_try_ms: Percentiles,
    /// From acceptance to outcome, by the nodes' clocks.
    outcome_ms: Percentiles,
    /// By second from the first acceptance: accepted, decided.
    seconds: Vec<(u64, u64)>,
    faults: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Percentiles {
    p50: u64,
    p99: u64,
    most: u64,
}

/// Beyond, a time counts as this: a day.
const LONGEST_MS: u64 = 24 * 3_600_000;

impl Percentiles {
    fn of(milliseconds: impl Iterator<Item = u64>) -> Self {
        // One without bounds begins small, and what saturates it is counted as its least values.
        let mut all = Histogram::<u64>::new_with_bounds(1, LONGEST_MS, 3).expect("bounds that make sense");
        milliseconds.for_each(|ms| all.saturating_record(ms.max(1)));
        Self { p50: all.value_at_quantile(0.5), p99: all.value_at_quantile(0.99), most: all.max() }
    }
}

pub(crate) async fn run(args: Args) -> Result<ExitCode, Failure> {
    let skus = args.skus.iter().map(|sku| Sku::new(sku)).collect::<Result<Vec<_>, _>>()?;
    let edges = Client::builder().urls(&args.edges).token(&args.token_storefront).build()?;
    let origins = Client::builder().urls(&args.origins).token(&args.token_operator).build()?;
    let before = stock(&edges, &skus).await?;
    let fared = buyers::all(&args, &skus).await?;
    let rows = decided(&origins, &skus, &fared.placed, args.patience).await?;
    let after = settled(&edges, &skus, &before, &rows).await?;
    let mut faults = verdict::faults(&fared.placed, &rows, &before, &after);
    let books = origins.reconcile(Some(&[])).await?.value;
    faults.extend((!books.differences.is_empty()).then(|| format!("the books differ: {:?}", books.differences)));
    let report = report(&args, fared, &rows, faults);
    if let Some(file) = &args.html {
        std::fs::write(file, page::page(&report))?;
    }
    if args.json {
        println!("{}", serde_json::json!(report))
    } else {
        println!("{}", page::text(&report))
    }
    Ok(if report.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is available of each.
async fn stock(edges: &Client, skus: &[Sku]) -> Result<BTreeMap<String, i64>, Failure> {
    let mut stock = BTreeMap::new();
    for sku in skus {
        stock.insert(sku.to_string(), edges.availability(sku, &View::default()).await?.value.available);
    }
    Ok(stock)
}

/// The edges tell of the last decision a moment later.
async fn settled(
    edges: &Client,
    skus: &[Sku],
    before: &BTreeMap<String, i64>,
    rows: &BTreeMap<String, OrderRow>,
) -> Result<BTreeMap<String, i64>, Failure> {
    for _ in 0..50 {
        let now = stock(edges, skus).await?;
        if now.iter().all(|(sku, left)| before[sku] - left == verdict::sold(rows, sku)) {
            return Ok(now);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    stock(edges, skus).await
}

/// The rows of what was accepted, once each is decided, or patience is over.
async fn decided(
    origins: &Client,
    skus: &[Sku],
    placed: &[Placed],
    patience: Duration,
) -> Result<BTreeMap<String, OrderRow>, Failure> {
    let until = tokio::time::Instant::now() + patience;
    loop {
        let waiting = async |state| -> Result<bool, Failure> {
            let query = OrderQuery { state: Some(state), ..OrderQuery::default() };
            Ok(!origins.orders(&query).items(1).await?.is_empty())
        };
        let rows = async || rows(origins, skus, placed).await;
        let late = tokio::time::Instant::now() > until;
        if late || !(waiting(OrderState::Queued).await? || waiting(OrderState::Processing).await?) {
            let found = rows().await?;
            if late || placed.iter().all(|placed| found.get(&placed.id).is_some_and(|row| row.state.is_final())) {
                return Ok(found);
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn rows(origins: &Client, skus: &[Sku], placed: &[Placed]) -> Result<BTreeMap<String, OrderRow>, Failure> {
    let from = placed.iter().map(|placed| placed.at).min().map(|at| at.to_string());
    let mut found = BTreeMap::new();
    for sku in skus {
        let query = OrderQuery { sku: Some(sku.to_string()), from: from.clone(), ..OrderQuery::default() };
        let all = origins.orders(&query).items(usize::MAX).await?;
        found.extend(all.into_iter().map(|row| (row.id.to_string(), row)));
    }
    Ok(found)
}

fn report(args: &Args, fared: Fared, rows: &BTreeMap<String, OrderRow>, faults: Vec<String>) -> Report {
    let Fared { placed, refused, again, took } = fared;
    let own: Vec<&OrderRow> = placed.iter().filter_map(|placed| rows.get(&placed.id)).collect();
    let mut outcomes = BTreeMap::new();
    own.iter().for_each(|row| *outcomes.entry(row.state.as_str()).or_default() += 1);
    let first = own.iter().map(|row| row.accepted_at).min().unwrap_or_default();
    let last = own.iter().filter_map(|row| row.decided_at).max().unwrap_or(first);
    let begun = own.iter().filter_map(|row| row.decided_at).min().unwrap_or(first);
    let per_s = |count: usize, span: Duration| count as f64 / span.as_secs_f64().max(0.001);
    let decided = own.iter().filter_map(|row| row.decided_at.map(|at| at.since(row.accepted_at).as_millis() as u64));
    Report {
        buyers: args.buyers,
        accepted: placed.len(),
        refused,
        again,
        outcomes,
        accepted_per_s: per_s(placed.len(), took),
        decided_per_s: per_s(own.len(), last.since(begun)),
        accept_ms: Percentiles::of(placed.iter().map(|placed| placed.took.as_millis() as u64)),
        accepted_try_ms: Percentiles::of(placed.iter().map(|placed| placed.last_took.as_millis() as u64)),
        outcome_ms: Percentiles::of(decided),
        seconds: by_second(&own, first),
        faults,
    }
}

fn by_second(rows: &[&OrderRow], first: Timestamp) -> Vec<(u64, u64)> {
    let mut seconds: Vec<(u64, u64)> = Vec::new();
    let mut at = |moment: Timestamp| {
        let second = usize::try_from(moment.since(first).as_secs()).unwrap_or_default();
        if seconds.len() <= second {
            seconds.resize(second + 1, (0, 0));
        }
        second
    };
    let marks: Vec<(usize, Option<usize>)> =
        rows.iter().map(|row| (at(row.accepted_at), row.decided_at.map(&mut at))).collect();
    for (accepted, decided) in marks {
        seconds[accepted].0 += 1;
        if let Some(decided) = decided {
            seconds[decided].1 += 1;
        }
    }
    seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_times_are_told_as_they_are() {
        let times = Percentiles::of([1, 3_000, 9_000].into_iter());
        assert!((2_990..=3_010).contains(&times.p50) && (8_990..=9_010).contains(&times.most), "{times:?}");
        assert!(Percentiles::of([u64::MAX].into_iter()).most >= LONGEST_MS);
    }
}
