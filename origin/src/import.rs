//! CSV and NDJSON imports: staged whole, then applied through batches.
//!
//! The stream goes to a temporary file while every row is checked, so memory stays flat and no
//! row is locked before all are known to be valid. Then batches of a thousand rows apply it, each
//! under a key derived from the call's, so that a retry after a break resumes where it stopped.

mod rows;
mod stage;

use std::{sync::Arc, time::Duration};

use onhand_wire::{LocationId, Money, Problem, Quantity, Sku, Timestamp, limits, request::Policy};
use serde_json::{Value, json};

pub use self::{
    rows::Format,
    stage::{Staged, receive},
};
use crate::{
    batch::Batches,
    command::{Ask, Command, digest},
    store::Store,
};

/// Rows in one batch.
const CHUNK: usize = 1000;
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Set,
    Adjust,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    Abort,
    Skip,
}

#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub mode: Mode,
    pub on_error: OnError,
    pub create: bool,
    /// Whether the caller may change items: name, brand, price.
    pub items: bool,
}

/// One valid row.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportRow {
    /// The line in the file.
    pub row: u64,
    pub sku: Sku,
    pub location: LocationId,
    /// On hand, or the change of it.
    pub quantity: i64,
    pub name: Option<String>,
    pub brand: Option<String>,
    pub price: Option<Money>,
    pub policy: Policy,
    pub mode: Mode,
    pub create: bool,
}

/// A row that cannot be applied.
#[derive(Debug, Clone)]
pub struct RowError {
    pub row: u64,
    pub problem: Problem,
}

/// What became of the file.
#[derive(Debug, Default)]
pub struct Report {
    pub read: u64,
    pub applied: u64,
    pub rejected: u64,
    pub errors: Vec<Value>,
    /// When the last batch was committed; none if nothing was applied.
    pub committed_at: Option<Timestamp>,
    /// Every batch was one that had been applied before, under the same key.
    pub replayed: bool,
}

impl Report {
    fn reject(&mut self, row: u64, code: &str, detail: &str) {
        self.rejected += 1;
        if self.errors.len() < limits::IMPORT_ERRORS {
            self.errors.push(shown(row, code, detail));
        }
    }

    pub fn shown(&self) -> Value {
        json!({"read": self.read, "applied": self.applied, "rejected": self.rejected, "errors": self.errors})
    }
}

/// A rejected row as the caller sees it.
fn shown(row: u64, code: &str, detail: &str) -> Value {
    json!({"row": row, "code": code, "detail": detail})
}

/// Who imports, for keys and the ledger.
pub struct Caller {
    pub actor: String,
    /// Empty: none was given, and a broken import cannot resume.
    pub key: String,
    pub correlation: String,
}

/// Applies a staged file through batches; stops at the first batch that cannot be settled.
pub async fn apply(
    batches: &Batches,
    mut staged: Staged,
    options: Options,
    caller: &Caller,
) -> Result<Report, Problem> {
    let errors = staged.errors.iter().map(|error| shown(error.row, error.problem.code.as_str(), &error.problem.detail));
    let mut report =
        Report { read: staged.read, rejected: staged.rejected, errors: errors.collect(), ..Report::default() };
    let mut fresh = false;
    if staged.rejected > 0 && options.on_error == OnError::Abort {
        return Ok(report);
    }
    let mut chunk = 0;
    loop {
        let rows = staged.next_chunk(options);
        if rows.is_empty() {
            report.replayed = report.committed_at.is_some() && !fresh;
            return Ok(report);
        }
        let answer = batches.ask(ask(rows, chunk, caller), PATIENCE).await?;
        report.committed_at = Some(answer.committed_at);
        fresh |= !answer.replayed;
        let applied: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        report.applied += applied["applied"].as_u64().unwrap_or_default();
        for error in applied["errors"].as_array().into_iter().flatten() {
            let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
            report.reject(error["row"].as_u64().unwrap_or_default(), &text("code"), &text("detail"));
        }
        chunk += 1;
    }
}

fn ask(rows: Vec<ImportRow>, chunk: u64, caller: &Caller) -> Ask {
    let key = if caller.key.is_empty() { uuid::Uuid::new_v4().to_string() } else { format!("{}#{chunk}", caller.key) };
    let content = format!("{rows:?}");
    Ask {
        digest: digest("IMPORT", &content, b""),
        command: Command::Import(rows),
        actor: caller.actor.clone(),
        key,
        correlation: caller.correlation.clone(),
    }
}

/// Which of a chunk's SKUs and locations do not exist.
pub(crate) async fn check_known(
    store: &Arc<dyn Store>,
    rows: &[ImportRow],
    create: bool,
) -> Result<Vec<RowError>, Problem> {
    let unavailable = |error: crate::store::StoreError| {
        tracing::warn!(%error, "an import could not be checked");
        Problem::new(
            onhand_wire::Code::OriginUnavailable,
            "the database cannot be reached; nothing was applied, try again",
        )
    };
    let topology = store.load_topology().await.map_err(unavailable)?;
    let skus = rows.iter().map(|row| row.sku.clone()).collect();
    let load = onhand_wire::bulk::LoadFacts { skus, without: None };
    let stocks = store.load_facts(&load).await.map_err(unavailable)?.stocks;
    let judge = |(row, stock): (&ImportRow, &onhand_wire::Stock)| {
        let problem = if !create && !stock.known() {
            crate::state::unknown_sku(&row.sku)
        } else if !topology.locations.iter().any(|location| location.location == row.location) {
            crate::state::unknown_location(&row.location)
        } else {
            return None;
        };
        Some(RowError { row: row.row, problem })
    };
    Ok(rows.iter().zip(&stocks).filter_map(judge).collect())
}

/// A quantity column's bounds by mode.
pub(crate) fn check_quantity(quantity: i64, mode: Mode) -> Result<(), Problem> {
    let most = i64::from(limits::QUANTITY);
    let valid = match mode {
        Mode::Set => Quantity::try_from(quantity).is_ok(),
        Mode::Adjust => (-most..=most).contains(&quantity) && quantity != 0,
    };
    if valid {
        return Ok(());
    }
    let right = if mode == Mode::Set {
        format!("a whole number from 0 to {most}")
    } else {
        format!("a whole number from -{most} to {most}, not 0")
    };
    Err(Problem::field("quantity", right))
}
