//! Imports of stock files, at an origin.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use reqwest::Method;
use serde::Deserialize;

use crate::{
    Call, Client,
    ask::{Ask, Body},
    file::Progress,
};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Quantities are counts. Needs a token of scope admin.
    #[default]
    Set,
    /// Quantities are changes.
    Adjust,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnError {
    /// If one row is invalid, nothing is applied.
    #[default]
    Abort,
    /// Invalid rows are reported and skipped.
    Skip,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FileFormat {
    /// With a header.
    #[default]
    Csv,
    NdJson,
}

/// How a file is packed; its limit is of what it unpacks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    Gzip,
    Zstd,
}

/// How a file is read. What else may be said of one (`format`, `map`, `location`, `charset`, `locale`) is given by
/// [`Call::with`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Import {
    pub format: FileFormat,
    pub mode: Mode,
    pub on_error: OnError,
    /// Creates SKUs that are not in the catalogue. Needs a token of scope admin.
    pub create: bool,
    /// Nothing is written; the report says what would be.
    pub dry_run: bool,
    pub packing: Option<Packing>,
}

/// Rows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Imported {
    pub read: u64,
    pub applied: u64,
    pub rejected: u64,
    /// The first 100.
    pub errors: Vec<RowError>,
    /// That say nothing of stock.
    #[serde(default)]
    pub left_out: u64,
    /// What was taken as something else than it was written.
    #[serde(default)]
    pub notes: Vec<Note>,
    /// What the file calls locations, and none is called so.
    #[serde(default)]
    pub unknown_locations: Vec<String>,
    /// Of a dry run.
    #[serde(default)]
    pub would: Option<Would>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Note {
    pub code: String,
    pub detail: String,
    /// How many rows, and the line of the first; 0: it concerns the whole file.
    #[serde(default)]
    pub rows: u64,
    #[serde(default)]
    pub row: u64,
}

/// What an import would do.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Would {
    pub create_items: u64,
    /// The first 100.
    pub created: Vec<String>,
    pub change_stock: u64,
    pub unchanged: u64,
    /// The 100 largest.
    pub changes: Vec<WouldChange>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WouldChange {
    pub row: u64,
    pub sku: String,
    pub location: String,
    pub from: i64,
    pub to: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RowError {
    /// The line of the file on which the row begins.
    pub row: u64,
    pub code: String,
    pub detail: String,
}

impl Client {
    /// If a call breaks off, what was applied stays applied; the same file with the same key resumes there.
    pub fn import(&self, import: Import, file: impl Into<Bytes>) -> Call<Imported> {
        self.importing(import, Body::Bytes(file.into()))
    }

    /// Like [`Client::import`], but reads the file from disk while sending it. `progress` gets the number of bytes
    /// sent, and starts again with each try; once all are sent, the origin checks and applies the rows.
    pub fn import_file(
        &self,
        import: Import,
        file: &Path,
        progress: impl Fn(u64) + Send + Sync + 'static,
    ) -> Call<Imported> {
        let progress: Progress = Arc::new(progress);
        self.importing(import, Body::File(file.to_owned(), progress))
    }

    fn importing(&self, import: Import, body: Body) -> Call<Imported> {
        let mut ask = Ask::new(Method::POST, "/inventory/imports");
        ask.with("mode", Some(if import.mode == Mode::Set { "set" } else { "adjust" }));
        ask.with("on_error", Some(if import.on_error == OnError::Abort { "abort" } else { "skip" }));
        ask.with("create", Some(import.create));
        ask.with("dry_run", import.dry_run.then_some(true));
        match import.packing {
            Some(Packing::Gzip) => ask.set("content-encoding", "gzip"),
            Some(Packing::Zstd) => ask.set("content-encoding", "zstd"),
            None => {}
        }
        ask.set("content-type", if import.format == FileFormat::Csv { "text/csv" } else { "application/x-ndjson" });
        ask.body = body;
        let mut call = self.asks(ask).new_key();
        // An import may take any time.
        call.way.timeout = None;
        call
    }
}
