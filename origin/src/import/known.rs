//! What of a file is there already: asked before anything is applied.

use std::{collections::HashSet, sync::Arc};

use onhand_wire::{Code, LocationId, Problem, Sku};

use super::{RowError, damage::with_zeros, places::Places};
use crate::{
    command::{ImportRow, Suspect},
    decide::Rejection,
    store::{Store, StoreError},
};

#[derive(Clone)]
pub(super) struct Known {
    store: Arc<dyn Store>,
    places: Arc<Places>,
    /// Unknown SKUs will be created.
    create: bool,
    /// Whether any SKU of digits begins with a zero: only then can one have lost it.
    zeros: bool,
}

impl Known {
    pub(super) async fn read(store: &Arc<dyn Store>, create: bool) -> Result<Self, Problem> {
        let places = Arc::new(places(store).await?);
        let zeros = store.has_leading_zeros().await.map_err(|error| unavailable(&error))?;
        Ok(Self { store: store.clone(), places, create, zeros })
    }

    /// The rows of a chunk that name what does not exist, or what a spreadsheet has damaged.
    pub(super) async fn check(&self, rows: &[ImportRow]) -> Result<Vec<RowError>, Problem> {
        let mut faults = self.damaged(rows).await?;
        let damaged: HashSet<u64> = faults.iter().map(|fault| fault.row).collect();
        let missing = if self.create { HashSet::new() } else { self.missing(rows.iter().flat_map(names)).await? };
        let judge = |row: &ImportRow| {
            let unknown = if names(row).all(|name| missing.contains(name)) {
                Rejection::UnknownSku(row.sku.clone())
            } else if !self.knows(&row.location) {
                Rejection::UnknownLocation(row.location.clone())
            } else {
                return None;
            };
            Some(RowError { row: row.row, problem: unknown.into() })
        };
        faults.extend(rows.iter().filter(|row| !damaged.contains(&row.row)).filter_map(judge));
        Ok(faults)
    }

    fn knows(&self, location: &LocationId) -> bool {
        self.places.knows(location)
    }

    /// Rows whose SKU is not there, and looks like what a spreadsheet makes of one.
    pub(super) async fn damaged(&self, rows: &[ImportRow]) -> Result<Vec<RowError>, Problem> {
        let looked = |row: &&ImportRow| match &row.suspect {
            Some(Suspect::Always(_)) => true,
            Some(Suspect::LostZeros) => self.zeros,
            None => false,
        };
        let suspects: Vec<&ImportRow> = rows.iter().filter(looked).collect();
        if suspects.is_empty() {
            return Ok(Vec::new());
        }
        let missing = self.missing(suspects.iter().map(|row| &row.sku)).await?;
        let unknown: Vec<&&ImportRow> = suspects.iter().filter(|row| missing.contains(&row.sku)).collect();
        let maybe: Vec<Sku> = unknown.iter().flat_map(|row| zeroed(row)).collect();
        let absent = self.missing(maybe.iter()).await?;
        let fault = |row: &&&ImportRow| {
            let right = match row.suspect.as_ref()? {
                Suspect::Always(right) => right.clone(),
                Suspect::LostZeros => {
                    let known = zeroed(row).into_iter().find(|name| !absent.contains(name))?;
                    format!(
                        "{} is not there, but {known} is: a spreadsheet took its zeros; make the column text",
                        row.sku
                    )
                }
            };
            Some(RowError { row: row.row, problem: Problem::field("sku", right) })
        };
        Ok(unknown.iter().filter_map(fault).collect())
    }

    async fn missing<'a>(&self, skus: impl Iterator<Item = &'a Sku>) -> Result<HashSet<Sku>, Problem> {
        let mut skus: Vec<&Sku> = skus.collect();
        skus.sort_unstable();
        skus.dedup();
        if skus.is_empty() {
            return Ok(HashSet::new());
        }
        self.store.missing(&skus).await.map_err(|error| unavailable(&error))
    }
}

/// A row's SKU as it should be spelt, and as it is written.
fn names(row: &ImportRow) -> impl Iterator<Item = &Sku> {
    row.written.iter().chain([&row.sku])
}

/// What its SKU may have been.
fn zeroed(row: &ImportRow) -> Vec<Sku> {
    if row.suspect == Some(Suspect::LostZeros) { with_zeros(row.sku.as_str()) } else { Vec::new() }
}

/// The locations that there are.
pub async fn places(store: &Arc<dyn Store>) -> Result<Places, Problem> {
    let topology = store.load_topology().await.map_err(|error| unavailable(&error))?;
    Ok(Places::new(&topology.locations))
}

pub(super) fn unavailable(error: &StoreError) -> Problem {
    tracing::warn!(%error, "an import could not be checked");
    if !error.may_pass() {
        let detail = "the database refused to look for what the file names; nothing was applied, the log has the cause";
        return Problem::new(Code::Internal, detail);
    }
    Problem::new(Code::OriginUnavailable, "the database cannot be reached; nothing was applied, try again")
}
