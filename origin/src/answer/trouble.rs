//! What a caller is told about trouble with the database: whether it is worth repeating the call.

use onhand_wire::{Code, Problem};

use crate::store::StoreError;

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error.may_pass() {
            tracing::warn!(%error, "the database could not be asked");
            return Self::new(Code::OriginUnavailable, "the database cannot be reached; try again");
        }
        tracing::error!(%error, "the database refused what it was asked");
        Self::new(Code::Internal, "the database refused what this call asked of it; the log has the cause")
    }
}
