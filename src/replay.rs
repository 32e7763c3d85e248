//! `onhand replay`: plays a real order stream and proves that nothing was oversold or lost.
//!
//! 1. [`orders`] reads the file, or [`generate`] makes orders of like skew.
//! 2. [`seed`] makes locations, a channel and stock that is too small for the demand.
//! 3. [`play`]: many callers hold, confirm, ship, cancel and return through the edges, while
//!    [`look`] looks up and [`propagation`] times when the other edge knows. What is acknowledged
//!    goes into the [`books`], and nothing else does.
//! 4. [`checks`] compares the books with the rows, the ledger, L2 and every edge.
//! 5. [`report`] prints what happened and the verdict.
//!
//! Nobody else may write to the same SKUs meanwhile: the books would not know.

mod books;
mod checks;
mod error;
mod generate;
mod look;
mod orders;
mod play;
mod propagation;
mod report;
mod seed;
mod stage;
mod verbs;

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

pub(crate) use error::Error;

use onhand_client::Client;
use orders::Source;
pub(crate) use orders::ordered_skus;
use stage::Stage;

use crate::tls::Tls;

/// Play an order stream through the edges and check that nothing was oversold or lost.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// CSV of order lines: InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID, Country.
    /// Default: the file that ONHAND_DATA names; generated orders where that is absent
    file: Option<PathBuf>,
    /// An edge's public address, such as http://127.0.0.1:8080; repeat it for each edge
    #[arg(long = "edge", value_name = "URL", required = true)]
    edges: Vec<String>,
    /// An origin's API address, such as http://127.0.0.1:8090; repeat it for each origin
    #[arg(long = "origin", value_name = "URL", required = true)]
    origins: Vec<String>,
    /// The edges' Redis (L2), such as redis://127.0.0.1:6379; without it the L2 is not compared
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// A token with scope admin: seeds stock, ships and takes back, and compares at the origin (`onhand token issue --scope admin …`)
    #[arg(long, value_name = "TOKEN", env = "ONHAND_TOKEN_ADMIN", hide_env_values = true)]
    token_admin: String,
    /// A token with scope storefront: places the orders (`onhand token issue --scope storefront …`)
    #[arg(long, value_name = "TOKEN", env = "ONHAND_TOKEN_STOREFRONT", hide_env_values = true)]
    token_storefront: String,
    #[command(flatten)]
    tls: Tls,
    /// Callers that place orders at once
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    callers: u16,
    /// Callers that look up meanwhile
    #[arg(long, default_value_t = 4)]
    lookers: u16,
    /// Play only the first lines of the stream
    #[arg(long, value_name = "N")]
    limit_lines: Option<usize>,
    /// Play at most so many lines a second; without it as fast as the callers get answers
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    lines_per_s: Option<u32>,
    /// Stock as a share of all demand, in percent: less than 100 makes some orders lose
    #[arg(long, value_name = "PERCENT", default_value_t = 60)]
    stock: u32,
    /// Time one hold in N until the other edge shows it; 0 times none
    #[arg(long, value_name = "N", default_value_t = 20)]
    sample: u64,
    /// Seconds that a write is tried again, with the same key, before it counts as unanswered
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    patience_s: u64,
    /// Also write the figures and the verdict to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Exit code 0 when every comparison holds, 1 when one doesn't.
pub(crate) async fn run(args: Args) -> Result<ExitCode, Error> {
    let source = Source::find(args.file.as_deref())?;
    let orders = Arc::new(source.orders(args.limit_lines)?);
    let patience = Duration::from_secs(args.patience_s);
    let tls = args.tls.config();
    let client = |urls, token| Client::builder().urls(urls).token(token).tls(&tls).patience(patience).build();
    let edges = client(&args.edges, &args.token_storefront)?;
    let warehouse = client(&args.edges, &args.token_admin)?;
    let origins = client(&args.origins, &args.token_admin)?;

    let seeded = seed::seed(&origins, &orders, args.stock).await?;
    let stage = Arc::new(Stage::new(edges, warehouse, origins, seeded, args.sample));
    look::wait_for_edges(&stage).await?;

    let looking = look::start(&stage, &orders, args.lookers);
    let elapsed = play::play(&stage, &orders, args.callers, args.lines_per_s).await;
    propagation::finish(&stage).await;
    looking.stop().await;

    let verdict = checks::all(&stage, args.redis.as_deref(), &tls.ca_file).await?;
    let report = report::Report::new(&source, &orders, &stage, elapsed, verdict);
    report.print()?;
    if let Some(path) = &args.json {
        report.write_json(path)?;
    }
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
