//! `onhand bench`: offers load at a rate, whatever the answers take, and times each answer from the
//! moment at which its request was **due**.
//!
//! A caller that waits for an answer before it sends the next request asks less of a slow server, and so hides its
//! worst times (coordinated omission). Here requests have a timetable: a request that finds no free connection waits,
//! and the wait counts.
//!
//! 1. [`skus`]: which SKUs there are, and how popular each is.
//! 2. [`mix`]: draws what is asked next, and writes the request.
//! 3. [`connection`]: one kept connection; as little HTTP as an answer's end needs. [`stream`]: TCP, or TLS.
//! 4. [`engine`]: the timetable, and one thread that sends, receives and records.
//! 5. [`figures`]: histograms, by kind of call and by second.
//! 6. [`report`]: the figures as a table and as JSON; [`page`]: as HTML with plots.

mod args;
mod connection;
mod engine;
mod error;
mod figures;
mod mix;
mod page;
mod progress;
mod report;
mod skus;
mod stream;

use std::{process::ExitCode, thread};

pub(crate) use args::Args;
pub(crate) use error::Error;

/// Fails if nothing was answered while it measured.
pub(crate) async fn run(args: Args) -> Result<ExitCode, Error> {
    let engine = engine::Engine::new(&args)?;
    let progress = progress::start(&args, engine.answered.clone());
    let load = thread::Builder::new().name("load".to_owned()).spawn(move || engine.run()).map_err(Error::Thread)?;
    let figures = tokio::task::spawn_blocking(move || load.join().expect("the load does not panic"));
    let figures = figures.await.expect("the load does not panic")?;
    drop(progress);
    let report = report::Report::new(&args, &figures);
    report.print()?;
    if let Some(path) = &args.json {
        report.write(path, &report.to_json())?;
    }
    if let Some(path) = &args.html {
        report.write(path, &page::html(&report))?;
    }
    if report.answered == 0 { Err(Error::Nothing) } else { Ok(ExitCode::SUCCESS) }
}
