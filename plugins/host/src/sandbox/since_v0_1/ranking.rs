//! The `ranking` world.

use wasmtime::{Store, component::InstancePre};

use super::{
    allocation::{location, request},
    allocation_world::onhand::rules::serving::Location,
    ranking_world::RankingPre,
    refusal,
};
use crate::{
    sandbox::{call_state::CallState, engine::failure},
    world::{allocation::AllocationInput, fault::Failure},
};

pub(super) const EXPORT: &str = "onhand:rules/ranking-rule@0.1.0";

#[derive(Clone)]
pub(crate) struct Ranking(RankingPre<CallState>);

impl Ranking {
    pub(super) fn new(component: InstancePre<CallState>) -> wasmtime::Result<Self> {
        RankingPre::new(component).map(Self)
    }

    pub(crate) fn rank(
        &self,
        store: &mut Store<CallState>,
        input: &AllocationInput,
    ) -> Result<Vec<Option<i32>>, Failure> {
        let locations: Vec<Location<'_>> = input.locations.iter().map(location).collect();
        let rule = self.0.instantiate(&mut *store).map_err(|error| failure(&error, store.data()))?;
        let called = rule.onhand_rules_ranking_rule().call_rank(&mut *store, request(input), &locations);
        let ranks = called.map_err(|error| failure(&error, store.data()))?.map_err(refusal)?;
        input.check_ranks(&ranks)?;
        Ok(ranks)
    }
}
