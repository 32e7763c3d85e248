//! What writers and readers report to the checker.

use std::collections::HashMap;

use onhand_wire::{LocationId, Sku, Timestamp, Version, availability::Availability, session::Session};

/// One SKU at one location.
pub type Key = (Sku, LocationId);

/// An acknowledged write of one key. The key must stay visible: if a location is disabled or an item deleted meanwhile,
/// answers seem to have forgotten it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    pub key: Key,
    pub version: Version,
    /// The answer's `Onhand-As-Of`.
    pub at: Timestamp,
}

impl Write {
    /// The writes that a session token names, as of the answer's time. There are none if the token has dropped its
    /// floors (too many keys).
    pub fn of_session(session: &Session, at: Timestamp) -> impl Iterator<Item = Self> {
        let floors = session.floors.iter();
        floors.filter_map(move |floor| {
            let key = (floor.sku.clone(), floor.location.clone()?);
            Some(Self { key, version: floor.version, at })
        })
    }
}

/// When a lookup was sent, in the checker's own order of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked(pub(crate) u64);

/// A lookup's answer.
#[derive(Debug)]
pub struct Answer<'a> {
    /// Which of the checker's nodes.
    pub node: usize,
    pub asked: Asked,
    /// `Onhand-As-Of`.
    pub as_of: Timestamp,
    /// `Onhand-Stale`. Such answers are counted, and their claim must still be true.
    pub stale: bool,
    /// SKUs for which every written key must be shown. For other SKUs only the keys that are shown are judged.
    pub skus: &'a [Sku],
    pub shown: HashMap<Key, Version>,
}

/// The versions that a lookup's items show.
pub fn versions(items: &[Availability]) -> HashMap<Key, Version> {
    let of = |item: &Availability| {
        let sku = item.sku.clone();
        let shown = item.locations.iter();
        shown
            .filter_map(move |at| Some(((sku.clone(), at.location.clone()), Version::parse(&at.version)?)))
            .collect::<Vec<_>>()
    };
    items.iter().flat_map(of).collect()
}
