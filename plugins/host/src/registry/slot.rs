//! One rule's slot: the release in use, the one beside it, and the one before it; and all slots together.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use onhand_wire::{ChannelId, Timestamp};

use crate::{
    release::{
        fault::LoadFault,
        settings::{ReleaseSettings, StageName},
    },
    rule::running::Rule,
    world::{
        World,
        call::RuleCall,
        fault::{Failure, Fault, Reason},
    },
};

/// What the release beside the one in use is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextStage {
    /// It is asked as well, and its answers are compared.
    Shadow,
    /// It answers its share, in hundredths of a percent.
    Canary(u64),
}

/// A canary's share is out of this many.
const WHOLE: u64 = 10_000;

impl NextStage {
    pub(crate) fn of(settings: &ReleaseSettings) -> Self {
        match settings.stage {
            Some(StageName::Canary) => Self::Canary((settings.share.unwrap_or_default() * 100.0).round() as u64),
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
pub(crate) struct NextRelease {
    pub(crate) rule: Arc<Rule>,
    pub(crate) stage: NextStage,
}

/// A release that failed too often: it does not come back until it changes.
#[derive(Clone)]
pub(crate) struct TakenOutRelease {
    pub(crate) identity: String,
    pub(crate) component: String,
    pub(crate) at: Timestamp,
}

#[derive(Clone)]
pub(crate) struct Slot {
    pub(crate) name: String,
    pub(crate) world: World,
    /// The channels that a view or pricing rule applies to; `None` means all that no other rule of its world names.
    pub(crate) channels: Option<Vec<ChannelId>>,
    /// `None` if it was taken out, or if there is only a release beside it.
    pub(crate) full: Option<Arc<Rule>>,
    pub(crate) next: Option<NextRelease>,
    /// The release before, which comes back if the one in use is taken out.
    pub(crate) previous: Option<Arc<Rule>>,
    pub(crate) out: Vec<TakenOutRelease>,
    /// Whether the caller is refused when the rule fails, as the settings of the last release in use say.
    pub(crate) refuse: bool,
}

impl Slot {
    /// The release that answers this call.
    pub(crate) fn choose(&self, asked: RuleCall<'_>) -> Option<&Arc<Rule>> {
        match &self.next {
            Some(NextRelease { rule, stage: NextStage::Canary(share) })
                if asked.draw(&rule.release.identity) % WHOLE < *share =>
            {
                Some(rule)
            }
            _ => self.full.as_ref(),
        }
    }

    pub(crate) fn shadow(&self) -> Option<&Arc<Rule>> {
        self.next.as_ref().filter(|next| next.stage == NextStage::Shadow).map(|next| &next.rule)
    }

    /// The fault if no release answers, because the call is outside a first canary's share, or every release was taken
    /// out.
    pub(crate) fn nobody(&self) -> Fault {
        let detail = "no release of it is in use for this call";
        Fault { refuse: self.refuse, ..Failure::new(Reason::TakenOut, detail).of(&self.name) }
    }

    /// This slot without a release that failed too often; the one before it comes back. `None` if that release is not
    /// in use.
    pub(crate) fn without(&self, out: TakenOutRelease) -> Option<Self> {
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

    /// Every release in use, with its stage.
    pub(crate) fn running(&self) -> impl Iterator<Item = (&Arc<Rule>, &'static str)> {
        let next = self.next.iter().map(|next| (&next.rule, next.stage.as_str()));
        self.full.iter().map(|rule| (rule, "full")).chain(next)
    }
}

/// All rules together, as they are in force at one moment.
#[derive(Default, Clone)]
pub(crate) struct RuleSet {
    pub(crate) release: u64,
    pub(crate) slots: BTreeMap<String, Arc<Slot>>,
    pub(crate) views: ByChannel,
    pub(crate) prices: ByChannel,
}

/// Which rule of one world applies to a channel.
#[derive(Default, Clone)]
pub(crate) struct ByChannel {
    named: HashMap<ChannelId, Arc<Slot>>,
    /// The rule for the channels that no rule names.
    any: Option<Arc<Slot>>,
}

impl RuleSet {
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

    /// The same rules with one slot changed.
    pub(crate) fn with(&self, slot: Slot) -> Self {
        let mut slots = self.slots.clone();
        slots.insert(slot.name.clone(), Arc::new(slot));
        // The channels of rules have not changed, so nothing overlaps that did not overlap before.
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
