//! Which SKUs and locations of a file exist: asked before anything is applied.

use std::{collections::HashSet, sync::Arc};

use onhand_wire::{Code, LocationId, Problem, Sku};

use super::RowError;
use crate::{
    command::ImportRow,
    decide::Rejection,
    store::{Store, StoreError},
};

pub(super) struct Known {
    store: Arc<dyn Store>,
    locations: HashSet<LocationId>,
    /// Unknown SKUs will be created.
    create: bool,
}

impl Known {
    pub(super) async fn read(store: &Arc<dyn Store>, create: bool) -> Result<Self, Problem> {
        let topology = store.load_topology().await.map_err(|error| unavailable(&error))?;
        let locations = topology.locations.into_iter().map(|location| location.location).collect();
        Ok(Self { store: store.clone(), locations, create })
    }

    /// The rows of a chunk that name what does not exist.
    pub(super) async fn check(&self, rows: &[ImportRow]) -> Result<Vec<RowError>, Problem> {
        let missing = if self.create {
            HashSet::new()
        } else {
            let mut skus: Vec<&Sku> = rows.iter().map(|row| &row.sku).collect();
            skus.sort_unstable();
            skus.dedup();
            self.store.missing(&skus).await.map_err(|error| unavailable(&error))?
        };
        let judge = |row: &ImportRow| {
            let unknown = if missing.contains(&row.sku) {
                Rejection::UnknownSku(row.sku.clone())
            } else if !self.locations.contains(&row.location) {
                Rejection::UnknownLocation(row.location.clone())
            } else {
                return None;
            };
            Some(RowError { row: row.row, problem: unknown.into() })
        };
        Ok(rows.iter().filter_map(judge).collect())
    }
}

fn unavailable(error: &StoreError) -> Problem {
    tracing::warn!(%error, "an import could not be checked");
    if !error.may_pass() {
        let detail = "the database refused to look for what the file names; nothing was applied, the log has the cause";
        return Problem::new(Code::Internal, detail);
    }
    Problem::new(Code::OriginUnavailable, "the database cannot be reached; nothing was applied, try again")
}
