//! Checks whether a release could be used, before it is announced. It changes nothing.

use std::sync::Arc;

use onhand_wire::release::{Release, Stage};

use crate::{
    registry::{
        loader::Loader,
        placing::{Placement, place},
        pushed::{PushedRule, file},
        slot::RuleSet,
    },
    release::{fault::LoadFault, name::check_name, package::Package, statement::stage_of},
    world::World,
};

/// What has to be known of a release before it is announced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CheckedRelease {
    pub world: World,
    pub stage: Stage,
    /// The share of a canary, in percent.
    pub share: Option<f64>,
    /// The sequence of its signature; `None` if signatures are not judged.
    pub sequence: Option<u64>,
}

impl Loader {
    /// What this node would say about a release if it were announced. Changes nothing.
    pub(crate) fn check(&self, rule: &str, next: bool, release: Release) -> Result<CheckedRelease, LoadFault> {
        let config = self.config.as_ref().ok_or(LoadFault::NoRules)?;
        check_name(rule)?;
        let package = Arc::new(Package::of(config, release, next)?);
        let preparer = self.preparer(config)?;
        let sealed = preparer.sealed(rule, next, &package)?;
        let (stage, share) = (stage_of(&package.settings, next), package.settings.share);
        let pushed = self.loading();
        let current = self.in_force.current.load_full();
        let before = pushed.0.get(rule).cloned().unwrap_or_default();
        let parts = match next {
            true => PushedRule { next: Some(package), ..before },
            false => PushedRule { full: Some(package), next: None },
        };
        let found = parts.found(config, rule).collect();
        let Placement { slots, errors, .. } = place(preparer, &self.in_force.meter, &current, found);
        // Releases that are already in force may have faults too, but the question is about this one.
        let own = file(config, rule, next);
        if let Some(error) = errors.into_iter().find(|error| error.file == own) {
            return Err(error.fault);
        }
        let world = slots.get(rule).map(|slot| slot.world);
        let all = current.slots.iter().map(|(name, slot)| (name.clone(), slot.clone())).chain(slots).collect();
        RuleSet::of(0, all).map_err(|(_, fault)| fault)?;
        // If a release was taken out here and was the only one, it leaves no slot.
        let world = world.or_else(|| current.slots.get(rule).map(|slot| slot.world)).ok_or(LoadFault::NoRules)?;
        Ok(CheckedRelease { world, stage, share, sequence: sealed.map(|(seal, _)| seal.sequence) })
    }

    /// Whether a rule may be withdrawn; the sequence of the withdrawal's signature, if signatures are judged.
    pub(crate) fn check_withdrawal(&self, rule: &str, signature: Option<&str>) -> Result<Option<u64>, LoadFault> {
        let config = self.config.as_ref().ok_or(LoadFault::NoRules)?;
        Ok(self.preparer(config)?.withdrawn(rule, signature)?.map(|seal| seal.sequence))
    }
}
