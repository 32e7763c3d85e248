//! The `allocation` world.

use std::collections::HashMap;

use onhand_wire::request;
use wasmtime::{Store, component::InstancePre};

use super::{
    allocation_world::{
        AllocationPre,
        exports::onhand::rules::allocation_rule::{AskedLine, Offer, Planned, SkuStock},
        onhand::rules::{
            places::{Coordinates, Destination},
            serving::{Location, Request},
        },
    },
    refusal, units,
};
use crate::{
    sandbox::{call_state::CallState, engine::failure},
    world::{
        allocation::{self, AllocationInput, AnsweredPart, Candidate, Plan},
        fault::Failure,
    },
};

pub(super) const EXPORT: &str = "onhand:rules/allocation-rule@0.1.0";

#[derive(Clone)]
pub(crate) struct Allocation(AllocationPre<CallState>);

impl Allocation {
    pub(super) fn new(component: InstancePre<CallState>) -> wasmtime::Result<Self> {
        AllocationPre::new(component).map(Self)
    }

    pub(crate) fn allocate(&self, store: &mut Store<CallState>, input: &AllocationInput) -> Result<Plan, Failure> {
        let lines: Vec<AskedLine<'_>> = input.lines.iter().map(line).collect();
        let locations: Vec<Location<'_>> = input.locations.iter().map(location).collect();
        let offers = offers(input);
        let stock: Vec<SkuStock<'_>> = offers.iter().map(|(sku, offers)| SkuStock { sku, offers }).collect();
        let rule = self.0.instantiate(&mut *store).map_err(|error| failure(&error, store.data()))?;
        let rule = rule.onhand_rules_allocation_rule();
        let called = rule.call_allocate(&mut *store, request(input), &lines, &locations, &stock);
        let answer = called.map_err(|error| failure(&error, store.data()))?.map_err(refusal)?;
        let answered: Vec<AnsweredPart> = answer.allocations.iter().map(planned).collect();
        input.check(&answered)
    }

    pub(crate) fn rank(
        &self,
        store: &mut Store<CallState>,
        input: &AllocationInput,
    ) -> Result<Vec<Option<i32>>, Failure> {
        let locations: Vec<Location<'_>> = input.locations.iter().map(location).collect();
        let rule = self.0.instantiate(&mut *store).map_err(|error| failure(&error, store.data()))?;
        let called = rule.onhand_rules_allocation_rule().call_rank(&mut *store, request(input), &locations);
        let ranks = called.map_err(|error| failure(&error, store.data()))?;
        input.check_ranks(&ranks)?;
        Ok(ranks)
    }
}

pub(super) fn request(input: &AllocationInput) -> Request<'_> {
    Request {
        at: u64::try_from(input.at.micros() / 1000).unwrap_or(0),
        channel: input.channel.as_ref().map(|id| id.as_str()),
        destination: input.destination.as_ref().map(destination),
    }
}

pub(super) fn destination(to: &request::Destination) -> Destination<'_> {
    Destination { country: &to.country, postcode: to.postcode.as_deref(), coordinates: coordinates(to.lat, to.lon) }
}

fn coordinates(lat: Option<f64>, lon: Option<f64>) -> Option<Coordinates> {
    Some(Coordinates { lat: lat?, lon: lon? })
}

fn line(asked: &allocation::AskedLine) -> AskedLine<'_> {
    AskedLine { line: asked.line, sku: asked.sku.as_str(), quantity: units(asked.quantity) }
}

pub(super) fn location(at: &Candidate) -> Location<'_> {
    Location {
        id: at.location.as_str(),
        region: at.region.as_deref(),
        priority: at.priority,
        coordinates: coordinates(at.lat, at.lon),
        pickup: at.pickup,
    }
}

/// Offers grouped by SKU, in the order of the input. One list per SKU is one allocation in the guest; names on every
/// offer would be two each.
fn offers(input: &AllocationInput) -> Vec<(&str, Vec<Offer>)> {
    let positions: HashMap<&str, u32> = input.locations.iter().map(|at| at.location.as_str()).zip(0..).collect();
    let mut by_sku: Vec<(&str, Vec<Offer>)> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for offer in &input.stock {
        let Some(&location) = positions.get(offer.location.as_str()) else { continue };
        let sku = offer.sku.as_str();
        let place = *places.entry(sku).or_insert(by_sku.len());
        if place == by_sku.len() {
            by_sku.push((sku, Vec::new()));
        }
        let (available, backorderable) = (units(offer.available), units(offer.backorderable));
        by_sku[place].1.push(Offer { location, available, backorderable });
    }
    by_sku
}

fn planned(part: &Planned) -> AnsweredPart {
    AnsweredPart { line: part.line, location: part.location, quantity: part.quantity }
}
