//! `onhand audit`: whether a running system's edges show what they claim.
//!
//! 1. [`sample`] picks SKUs.
//! 2. [`rounds`]: each round asks every edge, then loads the [`truth`] from the origin, again and
//!    again. What one load shows was there before the next began, so the next one's moment bounds
//!    its acknowledgement: the checker needs no writer of its own.
//! 3. [`probe`], if asked for, takes one unit away and gives it back, through the origin.
//! 4. At rest, all tiers are compared.
//! 5. [`report`] prints figures and the verdict.

mod error;
mod probe;
mod report;
mod rounds;
mod sample;
mod truth;

use std::{process::ExitCode, sync::Arc, time::Duration};

use onhand_checker::{Checker, Key};
use onhand_client::Client;
use onhand_http::setting::Span;
use onhand_wire::{LocationId, Sku};

use crate::{
    tiers::{self, Check},
    tls::Tls,
};
use error::Error;
use report::Report;
use rounds::Rounds;
use truth::Truth;

/// How long an origin may take to answer before the audit gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Check, on a running system, that edges' answers are what they claim
///
/// Every answer of an edge says `Onhand-As-Of: T`: every change acknowledged before T is in it. This command asks
/// each edge for some SKUs, and the origin for the truth, several times a second, and reports each answer that
///
///   unearned      claims a moment later than a change that it does not show,
///   went_back     shows a lower version than that edge has shown before,
///   never_written shows a version that the origin never had,
///   wrong_amount  shows another number than the origin has in the same version.
///
/// It reads only, unless --writes is given. Everybody else may go on reading and writing; what they change is what
/// makes the audit worth something, so audit SKUs that sell. Exit code 0: nothing wrong; 1: violations, or an edge
/// of which nothing could be checked; each violation is printed with SKU, version, as-of and edge, and
/// `Onhand-As-Of` is the database's clock, so that ledger and logs can be searched for it.
///
///   onhand audit --edges http://edge-1:8080,http://edge-2:8080 --origin http://origin:8090 --for 60s
///   onhand audit --edges http://edge-1:8080 --origin http://origin:8090 --sku 22423 --writes 22423@eu-1
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Edges' public addresses, such as http://edge-1:8080; each node by itself, not their load balancer
    #[arg(long, value_name = "URL[,URL]", value_delimiter = ',', required = true)]
    edges: Vec<String>,
    /// Origins' API addresses, such as http://origin-1:8090
    #[arg(long = "origin", value_name = "URL[,URL]", value_delimiter = ',', required = true)]
    origins: Vec<String>,
    /// A token with scope operator (`onhand token issue --scope operator …`)
    #[arg(long, value_name = "TOKEN", env = "ONHAND_TOKEN_OPERATOR", hide_env_values = true)]
    token: String,
    #[command(flatten)]
    tls: Tls,
    /// How long, with its unit; Ctrl-C ends it earlier, with the report
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = span)]
    length: Span,
    /// Pause between rounds
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = span)]
    pause: Span,
    /// Audit this SKU; repeat it for more. Default: --sample of the catalogue's first 10,000
    #[arg(long = "sku", value_name = "SKU")]
    skus: Vec<Sku>,
    /// How many SKUs to pick by chance where none is named, 1 to 500
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=500))]
    sample: u16,
    /// Also write: take one unit of this SKU away at this location and give it back, again and again
    #[arg(long, value_name = "SKU@LOCATION", value_parser = key)]
    writes: Vec<Key>,
    /// A view rule hides locations or changes numbers: judge only versions, and only of what is shown
    #[arg(long)]
    view_rules: bool,
    /// Nobody writes (maintenance mode, or a test): compare ledger, rows, L2 and every edge at the end
    #[arg(long)]
    at_rest: bool,
    /// The edges' Redis (L2), such as redis://127.0.0.1:6379/0 or rediss://…, for --at-rest
    #[arg(long, value_name = "URL", requires = "at_rest")]
    redis: Option<String>,
    /// Print the report as JSON instead of tables
    #[arg(long)]
    json: bool,
}

fn span(text: &str) -> Result<Span, String> {
    let span = humantime::parse_duration(text).map(Span);
    span.map_err(|_| "a time with its unit, like 60s, 5m or 50ms".to_owned())
}

fn key(text: &str) -> Result<Key, String> {
    let wrong = |why: String| format!("{why}; write it like 22423@eu-1");
    let (sku, location) = text.rsplit_once('@').ok_or_else(|| wrong("there is no @ in it".to_owned()))?;
    let sku = Sku::new(sku).map_err(|error| wrong(error.to_string()))?;
    Ok((sku, LocationId::new(location).map_err(|error| wrong(error.to_string()))?))
}

/// What an audit's parts share.
struct Stage {
    edges: Client,
    origins: Client,
    checker: Checker,
    skus: Vec<Sku>,
    view_rules: bool,
}

pub(crate) async fn run(mut args: Args) -> Result<ExitCode, Error> {
    let tls = args.tls.config();
    let client = |urls| Client::builder().urls(urls).token(&args.token).tls(&tls).patience(PATIENCE).build();
    let (edges, origins) = (client(&args.edges)?, client(&args.origins)?);
    args.skus.extend(args.writes.iter().map(|(sku, _)| sku.clone()));
    let skus = sample::pick(&origins, &args.skus, args.sample.into()).await?;
    let checker = Checker::new((0..edges.nodes()).map(|edge| edges.name(edge)));
    let stage = Arc::new(Stage { edges, origins, checker, skus, view_rules: args.view_rules });

    let probes = probe::start(&stage, &args.writes);
    let mut rounds = Rounds::new(Arc::clone(&stage));
    let judged = rounds.run(args.length.0, args.pause.0).await;
    let probes = probes.stop().await;
    judged?;
    let checks = if args.at_rest { at_rest(&stage, args.redis.as_deref(), &tls.ca_file).await? } else { Vec::new() };

    let report = Report { stage: &stage, edges: rounds.edges(), left_out: rounds.left_out(), probes, checks };
    report.print(args.json).map_err(Error::Print)?;
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Ledger, rows, L2 and every edge, once every edge has passed this moment.
async fn at_rest(stage: &Stage, redis: Option<&str>, ca_file: &str) -> Result<Vec<Check>, Error> {
    let facts = tiers::load(&stage.origins, &stage.skus).await?;
    let mut checks = tiers::edges::wait_until_past(&stage.edges, &stage.skus, facts.at).await;
    checks.push(tiers::ledger::compare(&stage.origins).await?);
    checks.push(tiers::l2::compare(&facts.live, redis, ca_file).await?);
    let shown = Truth::load(stage).await?.visible;
    checks.extend(tiers::edges::compare(&stage.edges, &stage.skus, None, &shown).await?);
    Ok(checks)
}
