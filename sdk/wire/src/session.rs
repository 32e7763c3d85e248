//! `Onhand-Session`: read your own writes, on any node.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::{LocationId, Problem, Sku, Timestamp, Version, limits};

/// The response and request header.
pub const HEADER: &str = "onhand-session";

/// What the caller has seen of one key. The item itself has no location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Floor {
    pub sku: Sku,
    pub location: Option<LocationId>,
    pub version: Version,
}

/// Version floors, and the time after which every answer reflects them anyway.
///
/// Beyond [`limits::SESSION_FLOORS`] only the time counts: an edge that has not passed it asks the origin, whatever the
/// SKU.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The last write's own as-of.
    pub at: Timestamp,
    pub floors: Vec<Floor>,
    /// Floors were dropped: `at` alone applies to every SKU.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

impl Session {
    /// Adds a later write's floors to those that the caller sent.
    #[must_use]
    pub fn extended(mut self, later: Self) -> Self {
        for floor in later.floors {
            match self.floors.iter_mut().find(|held| held.sku == floor.sku && held.location == floor.location) {
                Some(held) => held.version = held.version.max(floor.version),
                None => self.floors.push(floor),
            }
        }
        self.at = self.at.max(later.at);
        self.all |= later.all;
        if self.all || self.floors.len() > limits::SESSION_FLOORS {
            self.floors.clear();
            self.all = true;
        }
        self
    }

    pub fn encode(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(rmp_serde::to_vec_named(self).expect("plain data encodes"))
    }

    pub fn decode(token: &str) -> Result<Self, Problem> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok();
        let session = bytes.and_then(|bytes| rmp_serde::from_slice(&bytes).ok());
        session.ok_or_else(|| Problem::field("Onhand-Session", "not a token of this service"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floor(sku: &str, seq: u64) -> Floor {
        Floor { sku: Sku::new(sku).unwrap(), location: None, version: Version::new(1, seq) }
    }

    #[test]
    fn floors_only_rise_and_many_become_a_moment() {
        let first = Session { at: Timestamp::from_micros(5), floors: vec![floor("a", 3)], all: false };
        let both = first.extended(Session { at: Timestamp::from_micros(4), floors: vec![floor("a", 2)], all: false });
        assert_eq!((both.at.micros(), both.floors[0].version.seq()), (5, 3));
        let many = (0..=limits::SESSION_FLOORS).map(|n| floor(&n.to_string(), 1)).collect();
        let merged = both.extended(Session { at: Timestamp::from_micros(9), floors: many, all: false });
        assert!(merged.all && merged.floors.is_empty());
        assert_eq!(Session::decode(&merged.encode()).unwrap(), merged);
    }
}
