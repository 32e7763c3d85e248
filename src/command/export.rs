//! `onhand export`: all stock, or the ledger, as a file.

use std::{path::PathBuf, process::ExitCode};

use indicatif::{ProgressBar, ProgressStyle};
use onhand_client::Call;
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use super::{Done, at::At};

/// Write all stock, or the ledger, to a file or to standard output (operator)
///
/// From one snapshot; what `onhand import` reads back unchanged. A file is complete only if the command succeeds.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[arg(default_value = "stock", value_parser = ["stock", "ledger"])]
    what: String,
    #[command(flatten)]
    at: At,
    /// Where it goes; it is written beside it first [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[arg(long, default_value = "csv", value_parser = ["csv", "ndjson"])]
    format: String,
    /// Only this location's
    #[arg(long)]
    location: Option<String>,
    /// Only of this channel's locations (stock)
    #[arg(long)]
    channel: Option<String>,
    /// Only what has changed at this moment or later (stock)
    #[arg(long, value_name = "TIME")]
    changed_since: Option<String>,
    /// Only this item's (ledger)
    #[arg(long)]
    sku: Option<String>,
    /// At this moment or later (ledger)
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before this moment (ledger)
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
}

pub(super) async fn run(args: Args) -> Done {
    let Args { what, at, output, format, location, channel, changed_since, sku, from, to } = args;
    let call: Call<Value> = at.client()?.call("GET".parse()?, format!("/inventory/{what}"));
    let call = call.with("format", Some(format)).with("location", location).with("channel", channel);
    let call = call.with("changed_since", changed_since).with("sku", sku).with("from", from).with("to", to);
    let mut pieces = call.pieces().await?;
    let bar = bar();
    let Some(path) = output else {
        let mut out = tokio::io::stdout();
        while let Some(piece) = pieces.next().await? {
            out.write_all(&piece).await?;
        }
        out.flush().await?;
        return Ok(ExitCode::SUCCESS);
    };
    let beside = path.with_extension("part");
    let mut file = tokio::fs::File::create(&beside).await.map_err(|error| format!("{}: {error}", beside.display()))?;
    while let Some(piece) = pieces.next().await? {
        file.write_all(&piece).await?;
        bar.inc(piece.len() as u64);
    }
    file.sync_all().await?;
    tokio::fs::rename(&beside, &path).await?;
    bar.finish_and_clear();
    println!("{} bytes in {}", bar.position(), path.display());
    Ok(ExitCode::SUCCESS)
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {bytes} {bytes_per_sec}").expect("a valid template");
    ProgressBar::new_spinner().with_style(style)
}
