//! `onhand import`: sends a file to an origin, with a bar on a terminal.

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reqwest::Method;
use serde_json::Value;
use tokio::{fs::File, io::AsyncReadExt};

use super::{Done, at::At};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// CSV with a header (sku,location,quantity and optionally name,brand,price,currency,safety_stock,
    /// backorder_limit,low_stock_at; prices in minor units), or NDJSON with the same names if it ends in .ndjson
    file: PathBuf,
    #[command(flatten)]
    at: At,
    /// set: quantities are counts (admin token); adjust: they are changes (operator token)
    #[arg(long, default_value = "set", value_parser = ["set", "adjust"])]
    mode: String,
    /// abort: one invalid row and nothing is applied; skip: invalid rows are reported and left out
    #[arg(long, default_value = "abort", value_parser = ["abort", "skip"])]
    on_error: String,
    /// Create SKUs that are not in the catalogue (admin token)
    #[arg(long)]
    create: bool,
    /// The same key again resumes an import that broke off [default: a new one, printed]
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

const PIECE: usize = 64 << 10;

pub(super) async fn run(args: Args) -> Done {
    let Args { at, mode, on_error, create, .. } = &args;
    let path = format!("/inventory/imports?mode={mode}&on_error={on_error}&create={create}");
    let request = at.call(Method::POST, &path)?;
    let file = File::open(&args.file).await.map_err(|error| format!("{}: {error}", args.file.display()))?;
    let bar = bar(file.metadata().await?.len());
    let key = args.key.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    eprintln!("idempotency key {key}: the same key again resumes this import if it breaks off");
    let body = reqwest::Body::wrap_stream(pieces(file, bar.clone()));
    let request = request.header("idempotency-key", &key).header("content-type", media_type(&args.file)).body(body);
    let answer = request.send().await;
    let answer = answer.map_err(|error| {
        bar.finish_and_clear();
        let error = error.without_url();
        format!("{}: {error}; is the origin running? --key {key} goes on where it stopped", at.origin)
    })?;
    let status = answer.status();
    let report: Value = answer.json().await.map_err(reqwest::Error::without_url)?;
    bar.finish_and_clear();
    if !status.is_success() {
        let again = if report["retry"] == "same_key" {
            format!("; --key {key} goes on where it stopped")
        } else {
            String::new()
        };
        return Err(format!("{status}: {}{again}", report["detail"].as_str().unwrap_or("no detail")).into());
    }
    println!("read {}, applied {}, rejected {}", report["read"], report["applied"], report["rejected"]);
    for error in report["errors"].as_array().into_iter().flatten() {
        println!(
            "line {}: {}: {}",
            error["row"],
            error["code"].as_str().unwrap_or(""),
            error["detail"].as_str().unwrap_or("")
        );
    }
    Ok(if report["rejected"] == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn media_type(file: &Path) -> &'static str {
    if file.extension().is_some_and(|end| end == "ndjson") { "application/x-ndjson" } else { "text/csv" }
}

fn bar(bytes: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}").expect("a valid template");
    let bar = ProgressBar::new(bytes).with_style(style);
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar
}

/// All is sent; the rest is the origin's.
fn applying(bar: &ProgressBar) {
    let style = ProgressStyle::with_template("{spinner} sent; the origin checks and applies the rows ({elapsed})");
    bar.set_style(style.expect("a valid template"));
    bar.enable_steady_tick(Duration::from_millis(100));
}

/// The file as a stream, so that its length does not matter.
fn pieces(
    file: File,
    bar: ProgressBar,
) -> impl futures_util::TryStream<Ok = Bytes, Error = std::io::Error> + Send + 'static {
    stream::try_unfold((file, bar), |(mut file, bar)| async move {
        let mut piece = vec![0; PIECE];
        let read = file.read(&mut piece).await?;
        bar.inc(read as u64);
        if read == 0 {
            applying(&bar);
        }
        piece.truncate(read);
        Ok((read > 0).then(|| (Bytes::from(piece), (file, bar))))
    })
}
