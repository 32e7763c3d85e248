//! Who changed what, except stock, at an origin.

use onhand_wire::{Timestamp, page::Page};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Call, Client};

/// The filters; absent ones are not applied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrailQuery {
    /// A token's subject.
    pub actor: Option<String>,
    /// Such as `location_put`.
    pub kind: Option<String>,
    /// From this time on, RFC 3339.
    pub from: Option<String>,
    /// Before this time.
    pub to: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrailLine {
    pub id: i64,
    pub time: Timestamp,
    pub actor: String,
    pub kind: String,
    /// What was changed.
    pub what: String,
    pub detail: Value,
    pub correlation: String,
}

impl Client {
    /// `GET /internal/api/audit`, newest first.
    pub fn trail(&self, query: &TrailQuery) -> Call<Page<TrailLine>> {
        let mut call = self.gets("/internal/api/audit");
        call.ask.with("actor", query.actor.as_ref());
        call.ask.with("kind", query.kind.as_ref());
        call.ask.with("from", query.from.as_ref());
        call.ask.with("to", query.to.as_ref());
        call
    }
}
