//! `onhand import`: sends a file to an origin, with a bar on a terminal.

use std::{io::IsTerminal, path::PathBuf, process::ExitCode, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use onhand_client::{
    Error,
    FileFormat::{Csv, NdJson},
    Import, Mode, OnError, Retry, RowError,
};

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

pub(super) async fn run(args: Args) -> Done {
    let length = tokio::fs::metadata(&args.file).await.map_err(|error| format!("{}: {error}", args.file.display()))?;
    let (length, bar) = (length.len(), bar(length.len()));
    let key = args.key.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    eprintln!("idempotency key {key}: the same key again resumes this import if it breaks off");
    let told = bar.clone();
    let progress = move |sent| {
        told.set_position(sent);
        if sent == length {
            applying(&told);
        }
    };
    let answer = args.at.client()?.import_file(args.import(), &args.file, progress).key(&key).await;
    bar.finish_and_clear();
    let report = answer.map_err(|error| told_with(&error, &key))?.value;
    println!("read {}, applied {}, rejected {}", report.read, report.applied, report.rejected);
    for RowError { row, code, detail } in &report.errors {
        println!("line {row}: {code}: {detail}");
    }
    Ok(if report.rejected == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Args {
    fn import(&self) -> Import {
        Import {
            format: if self.file.extension().is_some_and(|end| end == "ndjson") { NdJson } else { Csv },
            mode: if self.mode == "set" { Mode::Set } else { Mode::Adjust },
            on_error: if self.on_error == "abort" { OnError::Abort } else { OnError::Skip },
            create: self.create,
        }
    }
}

/// With the key, where the same call may go on.
fn told_with(error: &Error, key: &str) -> String {
    let goes_on = match error {
        Error::Problem(problem) => problem.retry == Retry::SameKey,
        Error::NoAnswer { .. } | Error::Unreadable { .. } => true,
        _ => false,
    };
    if goes_on { format!("{error}; --key {key} goes on where it stopped") } else { error.to_string() }
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
