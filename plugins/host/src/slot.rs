//! One rule's place: the release in use, the one beside it, the one before it; and all places together.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use onhand_wire::{ChannelId, Timestamp};

use crate::{
    Fault, LoadFault, Reason, World,
    call::Asked,
    config::{Beside, StageName},
    fault::Failure,
    rule::Rule,
};

/// What the release beside the one in use is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It is asked as well, and its answers are compared.
    Shadow,
    /// It answers its share, in hundredths of a percent.
    Canary(u64),
}

/// Of a canary's draw: all.
const WHOLE: u64 = 10_000;

impl Stage {
    pub(crate) fn of(beside: &Beside) -> Self {
        match beside.stage {
            Some(StageName::Canary) => Self::Canary((beside.share.unwrap_or_default() * 100.0).round() as u64),
            Some(StageName::Shadow) | None => Self::Shadow,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Shadow => "shadow",
            Self::Canary(_) => "canary",
        }
    }
}

#[derive(Clone)]
pub(crate) struct Next {
    pub(crate) rule: Arc<Rule>,
    pub(crate) stage: Stage,
}

/// A release that failed too often: it does not come back while it stays as it is.
#[derive(Clone)]
pub(crate) struct Out {
    pub(crate) identity: String,
    pub(crate) component: String,
    pub(crate) at: Timestamp,
}

#[derive(Clone)]
pub(crate) struct Slot {
    pub(crate) name: String,
    pub(crate) world: World,
    /// Views and pricings: where it applies; none: wherever no other one of its world does.
    pub(crate) channels: Option<Vec<ChannelId>>,
    /// None: it was taken out, or there is only one beside it.
    pub(crate) full: Option<Arc<Rule>>,
    pub(crate) next: Option<Next>,
    /// Last good: comes back when the one in use is taken out.
    pub(crate) previous: Option<Arc<Rule>>,
    pub(crate) out: Vec<Out>,
    /// What its last release in use said of failures.
    pub(crate) refuse: bool,
}

impl Slot {
    /// Who answers this one.
    pub(crate) fn choose(&self, asked: Asked<'_>) -> Option<&Arc<Rule>> {
        match &self.next {
            Some(Next { rule, stage: Stage::Canary(share) }) if asked.draw(&rule.release.identity) % WHOLE < *share => {
                Some(rule)
            }
            _ => self.full.as_ref(),
        }
    }

    pub(crate) fn shadow(&self) -> Option<&Arc<Rule>> {
        self.next.as_ref().filter(|next| next.stage == Stage::Shadow).map(|next| &next.rule)
    }

    /// Nobody answers: outside of a first canary's share, or all was taken out.
    pub(crate) fn nobody(&self) -> Fault {
        let told = "no release of it is in use for this call";
        Fault { refuse: self.refuse, ..Failure::new(Reason::TakenOut, told).of(&self.name) }
    }

    /// Without a release that failed too often; the one before it comes back. None if it is in no use here.
    pub(crate) fn without(&self, out: Out) -> Option<Self> {
        let mut slot = self.clone();
        let is = |rule: &Arc<Rule>| rule.release.identity == out.identity;
        if self.next.as_ref().is_some_and(|next| is(&next.rule)) {
            slot.next = None;
        } else if self.full.as_ref().is_some_and(is) {
            slot.full = slot.previous.take();
        } else {
            return None;
        }
        slot.out.push(out);
        Some(slot)
    }

    pub(crate) fn is_out(&self, identity: &str) -> bool {
        self.out.iter().any(|out| out.identity == identity)
    }

    /// Every release that is kept.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Rule>> {
        self.full.iter().chain(self.next.iter().map(|next| &next.rule)).chain(&self.previous)
    }

    /// Every release in use with its stage.
    pub(crate) fn running(&self) -> impl Iterator<Item = (&Arc<Rule>, &'static str)> {
        let next = self.next.iter().map(|next| (&next.rule, next.stage.as_str()));
        self.full.iter().map(|rule| (rule, "full")).chain(next)
    }
}

/// All rules together, as they are in force at one moment.
#[derive(Default, Clone)]
pub(crate) struct Set {
    pub(crate) release: u64,
    pub(crate) slots: BTreeMap<String, Arc<Slot>>,
    pub(crate) views: ByChannel,
    pub(crate) prices: ByChannel,
}

/// Which rule of one world applies to a channel.
#[derive(Default, Clone)]
pub(crate) struct ByChannel {
    named: HashMap<ChannelId, Arc<Slot>>,
    /// For whatever no other rule names.
    any: Option<Arc<Slot>>,
}

impl Set {
    /// # Errors
    /// The rule that can't be placed, and why.
    pub(crate) fn of(release: u64, slots: BTreeMap<String, Arc<Slot>>) -> Result<Self, (String, LoadFault)> {
        let mut set = Self { release, ..Self::default() };
        for slot in slots.values() {
            let by_channel = match slot.world {
                World::View => &mut set.views,
                World::Pricing => &mut set.prices,
                World::Allocation | World::Ranking => continue,
            };
            by_channel.add(slot).map_err(|other| (slot.name.clone(), LoadFault::Overlap(other)))?;
        }
        set.slots = slots;
        Ok(set)
    }

    /// The same rules, one of them changed.
    pub(crate) fn with(&self, slot: Slot) -> Self {
        let mut slots = self.slots.clone();
        slots.insert(slot.name.clone(), Arc::new(slot));
        // Where a rule applies has not changed, so nothing overlaps that did not before.
        Self::of(self.release + 1, slots).unwrap_or_else(|_| self.clone())
    }
}

impl ByChannel {
    /// The error is the name of the rule that already applies.
    fn add(&mut self, slot: &Arc<Slot>) -> Result<(), String> {
        let Some(channels) = &slot.channels else {
            return self.any.replace(slot.clone()).map_or(Ok(()), |other| Err(other.name.clone()));
        };
        for channel in channels {
            if let Some(other) =
                self.named.insert(channel.clone(), slot.clone()).filter(|other| other.name != slot.name)
            {
                return Err(other.name.clone());
            }
        }
        Ok(())
    }

    pub(crate) fn of(&self, channel: Option<&ChannelId>) -> Option<&Arc<Slot>> {
        channel.and_then(|channel| self.named.get(channel)).or(self.any.as_ref())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.named.is_empty() && self.any.is_none()
    }
}
