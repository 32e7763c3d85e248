//! The outbox: one row for each batch, which names the keys that the batch changed.
//!
//! Keys, not payloads: the relay publishes a key's state in the snapshot that it reads, with the term in that snapshot.

use std::collections::{BTreeSet, HashMap};

use onhand_wire::{ChannelId, LocationId, Sku, event::Change};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Pending, Result, StoreError};
use crate::state::BatchState;

/// A key of the feed, as it is written in a row (`{"fact":["a","eu-1"]}`). Items come before facts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Key {
    Item(Sku),
    Fact(Sku, LocationId),
    Location(LocationId),
    Channel(ChannelId),
}

impl Key {
    fn of(change: &Change) -> Option<Self> {
        match change {
            Change::Item(item) => Some(Self::Item(item.sku.clone())),
            Change::Fact(fact) => Some(Self::Fact(fact.sku.clone(), fact.location.clone())),
            Change::Location(location) => Some(Self::Location(location.location.clone())),
            Change::Channel(channel) => Some(Self::Channel(channel.channel.clone())),
            Change::Watermark(_) => None,
        }
    }
}

/// The keys that a batch changes, as its row names them; none if it changes none.
pub(super) fn keys(state: &BatchState) -> Option<String> {
    let changes = &state.changes;
    let items = changes.items.iter().cloned().map(Key::Item);
    let facts = changes.stock.iter().cloned().map(|(sku, location)| Key::Fact(sku, location));
    let locations = changes.locations.keys().cloned().map(Key::Location);
    let channels = changes.channels.keys().cloned().map(Key::Channel);
    let keys: Vec<Key> = items.chain(facts).chain(locations).chain(channels).collect();
    (!keys.is_empty()).then(|| serde_json::to_string(&keys).expect("plain data encodes"))
}

/// The outbox's rows as they were read, and each key's state once that is read, too.
#[derive(Debug, Default)]
pub(super) struct Rows {
    rows: Vec<(Uuid, Vec<Key>)>,
    states: HashMap<Key, Change>,
}

impl Rows {
    pub(super) fn add(&mut self, id: Uuid, keys: &str) -> Result<()> {
        let keys = serde_json::from_str(keys);
        let keys =
            keys.map_err(|error| StoreError::Refused(format!("the outbox's row {id} cannot be read: {error}")))?;
        self.rows.push((id, keys));
        Ok(())
    }

    /// Every key once.
    pub(super) fn keys(&self) -> BTreeSet<&Key> {
        self.rows.iter().flat_map(|(_, keys)| keys).collect()
    }

    pub(super) fn set_state(&mut self, change: Change) {
        if let Some(key) = Key::of(&change) {
            self.states.insert(key, change);
        }
    }

    /// Each change belongs to the first row that names it.
    pub(super) fn pending(self) -> Vec<Pending> {
        let Self { rows, mut states } = self;
        let pending = |(id, keys): (Uuid, Vec<Key>)| Pending {
            id,
            changes: keys.iter().filter_map(|key| states.remove(key)).collect(),
        };
        rows.into_iter().map(pending).collect()
    }
}
