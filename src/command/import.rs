//! `onhand import`: sends a file to an origin, with a bar on a terminal.

use std::{io::IsTerminal, path::PathBuf, process::ExitCode, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use onhand_client::{
    Error,
    FileFormat::{Csv, NdJson},
    Import, Imported, Mode, Note, OnError, Packing, Retry, RowError,
};

use super::{Done, at::At};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// CSV with a header (sku,location,quantity and optionally name,brand,price,currency,safety_stock,
    /// backorder_limit,low_stock_at,restock_at,active,attributes; prices in minor units), what a shop's platform exports
    /// (docs/imports.md), or NDJSON with the same names if it ends in .ndjson; packed, if it ends in .gz or .zst
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
    /// Say what would be created, changed and left out, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// The format of a shop's export [default: the file's header tells]
    #[arg(long, value_name = "NAME")]
    format: Option<String>,
    /// Our names and the file's, such as sku=Item No.,quantity=Count,location=Store
    #[arg(long, value_name = "MAP")]
    map: Option<String>,
    /// Where rows go that name no location: its id or its name
    #[arg(long, value_name = "LOCATION")]
    location: Option<String>,
    /// In which letters the file is, such as windows-1252 [default: its first bytes tell]
    #[arg(long, value_name = "NAME")]
    charset: Option<String>,
    /// How its numbers are written, such as en or de
    #[arg(long, value_name = "LOCALE")]
    locale: Option<String>,
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
    let call = args.at.client()?.import_file(args.import(), &args.file, progress).key(&key);
    let call = call.with("format", args.format.as_ref()).with("map", args.map.as_ref());
    let call = call.with("location", args.location.as_ref()).with("charset", args.charset.as_ref());
    let answer = call.with("locale", args.locale.as_ref()).await;
    bar.finish_and_clear();
    let report = answer.map_err(|error| told_with(&error, &key))?.value;
    tell(&report);
    Ok(if report.rejected == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(report: &Imported) {
    let left_out = if report.left_out > 0 { format!(", left out {}", report.left_out) } else { String::new() };
    println!("read {}, applied {}, rejected {}{left_out}", report.read, report.applied, report.rejected);
    for Note { detail, rows, row, .. } in &report.notes {
        match rows {
            0 => println!("note: {detail}"),
            rows => println!("note: {detail} ({rows} of them, the first at line {row})"),
        }
    }
    if !report.unknown_locations.is_empty() {
        println!("no location is called {}", report.unknown_locations.join(", "));
    }
    for RowError { row, code, detail } in &report.errors {
        println!("line {row}: {code}: {detail}");
    }
    let Some(would) = &report.would else { return };
    println!("nothing was written; it would create {} items", would.create_items);
    println!("and change {} stock rows, and leave {} as they are", would.change_stock, would.unchanged);
    for change in &would.changes {
        println!("line {}: {} at {}: {} -> {}", change.row, change.sku, change.location, change.from, change.to);
    }
}

impl Args {
    fn import(&self) -> Import {
        let ends =
            |path: &std::path::Path, end: &str| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(end));
        let packing = match &self.file {
            file if ends(file, "gz") => Some(Packing::Gzip),
            file if ends(file, "zst") => Some(Packing::Zstd),
            _ => None,
        };
        let unpacked = if packing.is_some() { self.file.with_extension("") } else { self.file.clone() };
        Import {
            format: if ends(&unpacked, "ndjson") { NdJson } else { Csv },
            packing,
            dry_run: self.dry_run,
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
