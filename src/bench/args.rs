//! The command line.

use std::{path::PathBuf, time::Duration};

use onhand_wire::{ChannelId, Sku};

use super::mix::Mix;
use crate::tls::Tls;

/// Offer load to an edge and time its answers.
///
/// Requests are due at fixed times, and an answer's time counts from then, even if its request could not be sent at
/// once, so a slow moment shows in full. `sent late` in the report is the generator's own delay; if it comes near the
/// measured times, give the generator a core of its own or a lower rate. It keeps one core busy unless --pause is
/// given.
///
///   onhand dev                                    in one terminal, then in another:
///   onhand bench --sku 22423 --sku 85123A --rate 5000
/// onhand bench --orders orders.csv --closed     as fast as it goes, in the proportions of a real order stream
///   onhand bench --count 10000 --mix lookup=30,hold=6 --rate 36000 --token "$TOKEN" --html report.html
#[derive(Debug, Clone, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// An edge's public address; repeat it to divide the connections among several edges
    #[arg(long = "edge", value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub(super) edges: Vec<String>,
    #[command(flatten)]
    pub(super) tls: Tls,
    /// Requests a second that are due
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(super) rate: u32,
    /// Use no timetable: each connection sends as soon as it has an answer. This finds the peak, and hides waiting
    #[arg(long, conflicts_with = "rate")]
    pub(super) closed: bool,
    /// How long to measure, such as 10s or 2m
    #[arg(long = "for", value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub(super) length: Duration,
    /// How long to offer the same load before measuring
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = humantime::parse_duration)]
    pub(super) warmup: Duration,
    /// Kept connections
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) connections: u16,
    /// The calls and their proportions: lookup, query (of --batch SKUs) and hold
    #[arg(long, value_name = "KIND=N,…", default_value = "lookup=1")]
    pub(super) mix: Mix,
    /// SKUs in one query, 1 to 500
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=500))]
    pub(super) batch: u16,
    #[command(flatten)]
    pub(super) skus: Skus,
    /// Zipf's exponent: the SKU of rank r is asked for in proportion to 1 / r^S; with 0 all are equally frequent
    #[arg(long, value_name = "S", default_value_t = 1.0, value_parser = exponent, conflicts_with = "orders")]
    pub(super) zipf: f64,
    /// Ask as this channel sees it
    #[arg(long, value_name = "ID")]
    pub(super) channel: Option<ChannelId>,
    /// A storefront token, for holds, and for lookups where they need one
    #[arg(long, value_name = "TOKEN", env = "ONHAND_TOKEN_STOREFRONT", hide_env_values = true)]
    pub(super) token: Option<String>,
    /// How long a hold lasts, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=2_678_400))]
    pub(super) ttl_s: u32,
    /// Sleep this long between checks of the clock and the connections, such as 50us: leaves the core to others, and
    /// makes every measured time less exact by as much
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(super) pause: Option<Duration>,
    /// The seed: the same number gives the same requests in the same order
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
    /// Write the figures to this file as JSON
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Write a report with plots to this file: one page of HTML without external parts
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
}

/// Which SKUs are asked for, in one of four ways.
#[derive(Debug, Clone, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct Skus {
    /// This SKU; repeat it, the most popular first
    #[arg(long = "sku", value_name = "SKU")]
    pub(super) named: Vec<Sku>,
    /// The SKUs in this file, one per line, the most popular first
    #[arg(long, value_name = "FILE")]
    pub(super) sku_file: Option<PathBuf>,
    /// The SKUs in this CSV of order lines (as for `onhand replay`), each as often as it was ordered
    #[arg(long, value_name = "CSV")]
    pub(super) orders: Option<PathBuf>,
    /// This many made-up names: S000000, S000001 and so on
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(super) count: Option<u32>,
}

fn exponent(text: &str) -> Result<f64, String> {
    let exponent = text.parse().ok().filter(|exponent: &f64| (0.0..=10.0).contains(exponent));
    exponent.ok_or_else(|| "a number from 0 (all alike) to 10".to_owned())
}
