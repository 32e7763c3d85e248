//! Which releases run, since when, with counts and latencies: `GET /actuator/rules`.

use std::{collections::BTreeMap, sync::Arc};

use onhand_wire::{ChannelId, Timestamp};
use serde::Serialize;

use crate::{
    registry::slot::{NextStage, RuleSet, Slot},
    rule::{running::Rule, statistics::LastFault},
    world::World,
};

#[derive(Debug, Clone, Serialize)]
pub struct RulesReport {
    /// Rises at each swap.
    pub release: u64,
    pub rules: Vec<RuleReport>,
    /// Files of the folder that could not be used, and why.
    pub refused: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct RuleReport {
    pub rule: String,
    pub world: World,
    /// Null means wherever no other rule of its world applies, or where channels name it.
    pub channels: Option<Vec<ChannelId>>,
    pub releases: Vec<ReleaseReport>,
    pub taken_out: Vec<TakenOut>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReleaseReport {
    /// `full`, `canary`, `shadow`; `previous` comes back if the full one is taken out.
    pub stage: &'static str,
    /// The share of a canary, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// SHA-256.
    pub component: String,
    /// When it was loaded, by the node's own clock.
    pub since: Timestamp,
    /// The file of the trusted key; null if it is unsigned.
    pub signed_by: Option<String>,
    /// The sequence of its signature, which orders the rule's releases.
    pub sequence: Option<u64>,
    pub fixtures: usize,
    pub wasi: bool,
    pub calls: u64,
    pub failures: BTreeMap<&'static str, u64>,
    /// Microseconds that half of the calls took at most; null without calls, or above 50 ms.
    pub p50_us: Option<u64>,
    pub p99_us: Option<u64>,
    pub memory_peak_bytes: u64,
    /// For a shadow: how its answers compare.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub compared: BTreeMap<&'static str, u64>,
    pub last_fault: Option<LastFault>,
}

#[derive(Debug, Clone, Serialize)]
pub struct TakenOut {
    pub component: String,
    pub at: Timestamp,
}

pub(crate) fn report(set: &RuleSet, refused: Vec<String>) -> RulesReport {
    RulesReport { release: set.release, rules: set.slots.values().map(|slot| rule(slot)).collect(), refused }
}

fn rule(slot: &Slot) -> RuleReport {
    let share = slot.next.as_ref().and_then(|next| match next.stage {
        NextStage::Canary(share) => Some(share as f64 / 100.0),
        NextStage::Shadow => None,
    });
    let running = slot.running().map(|(rule, stage)| release(rule, stage, share.filter(|_| stage == "canary")));
    let previous = slot.previous.iter().map(|rule| release(rule, "previous", None));
    let taken_out = slot.out.iter().map(|out| TakenOut { component: out.component.clone(), at: out.at });
    RuleReport {
        rule: slot.name.clone(),
        world: slot.world,
        channels: slot.channels.clone(),
        releases: running.chain(previous).collect(),
        taken_out: taken_out.collect(),
    }
}

fn release(rule: &Arc<Rule>, stage: &'static str, share: Option<f64>) -> ReleaseReport {
    let (failures, last_fault) = rule.statistics.failures();
    ReleaseReport {
        stage,
        share,
        component: rule.release.component.clone(),
        since: rule.statistics.since,
        signed_by: rule.release.seal.as_ref().map(|seal| seal.by.clone()),
        sequence: rule.release.seal.as_ref().map(|seal| seal.sequence),
        fixtures: rule.release.fixtures,
        wasi: rule.linkage.wasi,
        calls: rule.statistics.calls(),
        failures,
        p50_us: rule.statistics.quantile(0.5),
        p99_us: rule.statistics.quantile(0.99),
        memory_peak_bytes: rule.statistics.peak(),
        compared: rule.statistics.comparisons(),
        last_fault,
    }
}
