//! How a check of the folder changes the rules in force.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    registry::slot::{NextRelease, NextStage, RuleSet, Slot},
    release::{
        fault::{LoadError, LoadFault},
        package::{FoundRelease, Package},
    },
    rule::{meter::Meter, prepare::Preparer, running::Rule},
};

/// The slots as they should be now, whether they differ from those in force, and what could not be used.
pub(crate) struct Placement {
    pub(crate) slots: BTreeMap<String, Arc<Slot>>,
    pub(crate) changed: bool,
    pub(crate) errors: Vec<LoadError>,
}

/// New releases are prepared; the others stay as they are, with their statistics. If a rule's new release can't be
/// used, the rule keeps the one that it has.
pub(crate) fn place(preparer: &Preparer, meter: &Meter, current: &RuleSet, found: Vec<FoundRelease>) -> Placement {
    let mut placed = Placement { slots: BTreeMap::new(), changed: false, errors: Vec::new() };
    for FoundRelease { name, next, file, package } in found {
        let before = current.slots.get(&name);
        let place = Place { preparer, meter, name: &name, before, now: placed.slots.get(&name) };
        let slot = package.and_then(|package| if next { place.next(&package) } else { place.full(&package) });
        match slot {
            Ok(Some(slot)) => {
                placed.slots.insert(name, Arc::new(slot));
            }
            Ok(None) => {}
            Err(fault) => {
                placed.errors.push(fault.of(&file));
                let kept =
                    if next { place.as_before() } else { before.map(|slot| Slot { next: None, ..Slot::clone(slot) }) };
                if let Some(kept) = kept {
                    placed.slots.insert(name, Arc::new(kept));
                }
            }
        }
    }
    placed.changed = is_changed(&current.slots, &placed.slots);
    placed
}

struct Place<'a> {
    preparer: &'a Preparer,
    meter: &'a Meter,
    name: &'a str,
    /// The slot in force before this check.
    before: Option<&'a Arc<Slot>>,
    /// The slot that this check has made so far.
    now: Option<&'a Arc<Slot>>,
}

impl Place<'_> {
    fn full(&self, package: &Package) -> Result<Option<Slot>, LoadFault> {
        let (old, older) = match self.before {
            Some(slot) => (slot.full.clone(), slot.previous.clone()),
            None => (None, None),
        };
        let is = |rule: &Option<Arc<Rule>>| rule.as_ref().is_some_and(|rule| rule.release.identity == package.identity);
        let out = self.before.map(|slot| slot.out.clone()).unwrap_or_default();
        let (full, previous) = if is(&old) || self.before.is_some_and(|slot| slot.is_out(&package.identity)) {
            (old, older)
        } else if let (true, Some(rule)) = (is(&older), &older) {
            // Somebody has put back the older release by hand; if it is signed, its signature may be too old for that.
            if let Some(seal) = &rule.release.seal {
                self.preparer.marks.judge(self.name, false, seal)?;
            }
            (older, old)
        } else {
            (Some(self.prepared(package, false)?), old.or(older))
        };
        let world = full.as_ref().map(|rule| rule.world()).or(self.before.map(|slot| slot.world));
        let Some(world) = world else { return Ok(None) };
        let (channels, refuse) = (package.settings.channels.clone(), package.settings.refuse_on_failure);
        Ok(Some(Slot { name: self.name.to_owned(), world, channels, full, next: None, previous, out, refuse }))
    }

    /// Call this after [`Place::full`] for the same name.
    fn next(&self, package: &Package) -> Result<Option<Slot>, LoadFault> {
        if self.before.is_some_and(|slot| slot.is_out(&package.identity)) {
            return Ok(self.now.map(|slot| Slot::clone(slot)));
        }
        let known = self.before.and_then(|slot| slot.next.as_ref());
        let known = known.filter(|next| next.rule.release.identity == package.identity);
        let rule = match known {
            Some(next) => next.rule.clone(),
            None => self.prepared(package, true)?,
        };
        if self.superseded(&rule) {
            return Err(LoadFault::Superseded);
        }
        let next = Some(NextRelease { stage: NextStage::of(&package.settings), rule: rule.clone() });
        let channels = package.settings.channels.clone();
        let Some(now) = self.now else {
            // There is no full release, so the built-in behaviour answers the other calls.
            let (name, refuse) = (self.name.to_owned(), false);
            let out = self.before.map(|slot| slot.out.clone()).unwrap_or_default();
            let world = rule.world();
            return Ok(Some(Slot { name, world, channels, full: None, next, previous: None, out, refuse }));
        };
        if rule.world() != now.world {
            return Err(LoadFault::OtherWorld { next: rule.world(), full: now.world });
        }
        if channels.is_some() && channels != now.channels {
            let message =
                "`channels` beside it are not those of the release in use, which decides where the rule applies";
            return Err(LoadFault::Settings(message.to_owned()));
        }
        Ok(Some(Slot { next, ..Slot::clone(now) }))
    }

    /// Whether the full release was signed after the one beside it, and so has ended it.
    fn superseded(&self, next: &Rule) -> bool {
        let full = self.now.and_then(|now| now.full.as_ref()).and_then(|full| full.release.seal.as_ref());
        full.zip(next.release.seal.as_ref()).is_some_and(|(full, next)| full.sequence > next.sequence)
    }

    fn prepared(&self, package: &Package, next: bool) -> Result<Arc<Rule>, LoadFault> {
        let known = self.before.into_iter().flat_map(|slot| slot.all()).map(Arc::as_ref);
        let rule = Arc::new(self.preparer.prepare(self.name, next, package, self.meter, known)?);
        let (name, component, world) = (self.name, &rule.release.component, rule.world().as_str());
        let (seal, fixtures) = (rule.release.seal.as_ref(), rule.release.fixtures);
        let (signed_by, sequence) = (seal.map(|seal| &seal.by), seal.map(|seal| seal.sequence));
        tracing::info!(rule = name, world, component, signed_by, sequence, fixtures, "a release of a rule is loaded");
        if rule.linkage.wasi {
            tracing::warn!(
                rule = name,
                component,
                "it imports WASI: it gets one without files, network and environment, with the request's time for a \
                 clock and the same random numbers for each call"
            );
        }
        Ok(rule)
    }

    /// If the release beside it could not be used, the one that was there stays in use, unless it has been ended.
    fn as_before(&self) -> Option<Slot> {
        let next = self.before.and_then(|slot| slot.next.clone()).filter(|next| !self.superseded(&next.rule));
        match self.now {
            Some(now) => Some(Slot { next, ..Slot::clone(now) }),
            None => self.before.map(|slot| Slot::clone(slot)),
        }
    }
}

fn is_changed(before: &BTreeMap<String, Arc<Slot>>, now: &BTreeMap<String, Arc<Slot>>) -> bool {
    let releases = |slot: &Slot| {
        let of = |rule: &Option<Arc<Rule>>| rule.as_ref().map(|rule| rule.release.identity.clone());
        let next = slot.next.as_ref().map(|next| (next.rule.release.identity.clone(), next.stage));
        (of(&slot.full), next.map(|next| (next.0, next.1.as_str())), slot.channels.clone())
    };
    let all = |slots: &BTreeMap<String, Arc<Slot>>| {
        slots.iter().map(|(name, slot)| (name.clone(), releases(slot))).collect::<BTreeMap<_, _>>()
    };
    all(before) != all(now)
}
