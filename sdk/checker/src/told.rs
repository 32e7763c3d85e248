//! What writers and readers tell the checker.

use std::collections::HashMap;

use onhand_wire::{LocationId, Sku, Timestamp, Version, availability::Availability, session::Session};

/// One SKU at one location.
pub type Key = (Sku, LocationId);

/// An acknowledged write of one key. The key must stay visible: a location that is disabled or an
/// item that is deleted meanwhile would look like an answer that has forgotten it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    pub key: Key,
    pub version: Version,
    /// The answer's `Onhand-As-Of`.
    pub at: Timestamp,
}

impl Write {
    /// What a write's session token says was written, as of its answer's moment. Where the token has
    /// dropped its floors (too many keys), there is nothing to say.
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
    /// `Onhand-Stale`: counted; what the answer claims must be true all the same.
    pub stale: bool,
    /// SKUs of which all that was ever written has to be shown. Of others, what is shown is judged.
    pub skus: &'a [Sku],
    pub shown: HashMap<Key, Version>,
}

/// What a lookup's items show.
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
