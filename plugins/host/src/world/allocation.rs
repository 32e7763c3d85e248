//! What an allocation or ranking rule is asked, what it answers, and whether the answer is allowed.
//!
//! Plain types: each released version of the WIT is mapped to and from these.

use std::collections::HashMap;

use onhand_wire::{ChannelId, LocationId, Sku, Timestamp, request::Destination};
use serde::{Deserialize, Serialize};

use crate::world::fault::Failure;

/// Ranks lie between minus this and this. A location that should never come first is left out instead.
const MOST_RANK: i32 = 1_000_000_000;

/// The JSON omits default values, because it is kept with each reservation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllocationInput {
    /// By the origin database's clock.
    pub at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<Destination>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<AskedLine>,
    /// In serving order, only enabled locations, each once.
    pub locations: Vec<Candidate>,
    /// Only offers of candidate locations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stock: Vec<Offer>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedLine {
    /// Each once.
    pub line: u32,
    pub sku: Sku,
    /// 1 or more.
    pub quantity: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    pub location: LocationId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Lower serves first.
    #[serde(default, skip_serializing_if = "is_default")]
    pub priority: i32,
    /// Degrees; a location without both has no position.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lat: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lon: Option<f64>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub pickup: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    pub sku: Sku,
    pub location: LocationId,
    /// 0 or more.
    pub available: i64,
    /// What may be held beyond `available`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub backorderable: i64,
}

/// A checked answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub allocations: Vec<Planned>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    pub line: u32,
    pub location: LocationId,
    /// 1 or more.
    pub quantity: i64,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl AllocationInput {
    /// Bytes of names and texts, plus the records around them in the guest's memory.
    pub(crate) fn bytes(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let lines: usize = self.lines.iter().map(|line| 16 + line.sku.as_str().len()).sum();
        let locations = self.locations.iter().map(|at| 64 + at.location.as_str().len() + text(&at.region));
        let destination = self.destination.as_ref().map_or(0, |to| to.country.len() + text(&to.postcode));
        // A SKU's name is sent once with its offers; counting it with its first line is close enough.
        2 * lines + locations.sum::<usize>() + 12 * self.stock.len() + destination + 128
    }

    pub(crate) fn check(&self, answer: &[AnsweredPart]) -> Result<Plan, Failure> {
        let mut check = PlanCheck::of(self);
        let allocations = answer.iter().map(|part| check.part(part)).collect::<Result<_, _>>()?;
        Ok(Plan { allocations })
    }

    pub(crate) fn check_ranks(&self, ranks: &[Option<i32>]) -> Result<(), Failure> {
        if ranks.len() != self.locations.len() {
            return Err(Failure::wrong(format!("{} ranks for {} locations", ranks.len(), self.locations.len())));
        }
        let far = |rank: &i32| !(-MOST_RANK..=MOST_RANK).contains(rank);
        match ranks.iter().zip(&self.locations).find(|(rank, _)| rank.as_ref().is_some_and(far)) {
            Some((rank, at)) => Err(Failure::wrong(format!(
                "rank {} for {}, beyond {MOST_RANK} either way",
                rank.unwrap_or_default(),
                at.location
            ))),
            None => Ok(()),
        }
    }
}

/// One part of a plan as the rule answered it, not checked yet; `location` is a position.
pub(crate) struct AnsweredPart {
    pub(crate) line: u32,
    pub(crate) location: u32,
    pub(crate) quantity: u32,
}

struct PlanCheck<'a> {
    locations: &'a [Candidate],
    /// For each line: what it asks for, and how much of it isn't served yet.
    asked: HashMap<u32, (&'a AskedLine, i64)>,
    /// How much is left of a SKU at a location, backorder included.
    left: HashMap<(&'a str, &'a str), i64>,
    seen: std::collections::HashSet<(u32, u32)>,
}

impl<'a> PlanCheck<'a> {
    fn of(input: &'a AllocationInput) -> Self {
        let left = |offer: &'a Offer| {
            let units = offer.available.max(0).saturating_add(offer.backorderable.max(0));
            ((offer.sku.as_str(), offer.location.as_str()), units)
        };
        Self {
            locations: &input.locations,
            asked: input.lines.iter().map(|line| (line.line, (line, line.quantity))).collect(),
            left: input.stock.iter().map(left).collect(),
            seen: std::collections::HashSet::new(),
        }
    }

    fn part(&mut self, part: &AnsweredPart) -> Result<Planned, Failure> {
        let AnsweredPart { line, location, quantity } = *part;
        let place = self.locations.get(location as usize).ok_or_else(|| {
            Failure::wrong(format!("location {location} for line {line}, of {} locations", self.locations.len()))
        })?;
        let Some((asked, unserved)) = self.asked.get_mut(&line) else {
            return Err(Failure::wrong(format!("line {line} was not asked")));
        };
        if !self.seen.insert((line, location)) {
            return Err(Failure::wrong(format!("line {line} comes twice from {}", place.location)));
        }
        let units = i64::from(quantity);
        if units == 0 {
            return Err(Failure::wrong(format!("0 units of line {line} from {}", place.location)));
        }
        if units > *unserved {
            return Err(Failure::wrong(format!("more for line {line} than its {} units", asked.quantity)));
        }
        let left = self.left.get_mut(&(asked.sku.as_str(), place.location.as_str()));
        match left {
            Some(left) if *left >= units => *left -= units,
            Some(left) => {
                return Err(Failure::wrong(format!("{units} of {} from {}, {left} left", asked.sku, place.location)));
            }
            None => return Err(Failure::wrong(format!("{} has no {} at all", place.location, asked.sku))),
        }
        *unserved -= units;
        Ok(Planned { line, location: place.location.clone(), quantity: units })
    }
}
