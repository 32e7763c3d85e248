//! What a signature says about a release: everything that decides what it does, and its place in the rule's sequence.

use std::collections::BTreeMap;

use onhand_wire::{
    Timestamp,
    release::{Release, Stage},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::{
    hex::hex,
    release::settings::{ReleaseSettings, StageName},
    world::World,
};

/// The signed text is this struct as JSON. A node makes its own from the release that it was given, and the two must be
/// equal. So a field that is added to [`Release`] or [`ReleaseSettings`] is covered too, or the code does not compile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Statement {
    pub(crate) rule: String,
    /// Rises with each statement of the rule; milliseconds since 1970, unless the author counts otherwise.
    pub(crate) sequence: u64,
    pub(crate) world: World,
    pub(crate) stage: Stage,
    /// The share of a canary, in percent.
    pub(crate) share: Option<f64>,
    /// SHA-256 of the component, in hex.
    pub(crate) component: String,
    /// The values of its NAME.toml without stage and share; comments and order do not matter.
    pub(crate) settings: ReleaseSettings,
    /// SHA-256 of each fixture, in hex, by file name.
    pub(crate) fixtures: BTreeMap<String, String>,
}

/// The statement that no release of a rule is to be in use any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Withdrawal {
    pub(crate) rule: String,
    pub(crate) sequence: u64,
}

impl Statement {
    /// `settings`: the release's settings after parsing; `next`: whether it is to run beside the one in use.
    pub(crate) fn of(
        rule: &str,
        release: &Release,
        settings: &ReleaseSettings,
        next: bool,
        world: World,
        sequence: u64,
    ) -> Self {
        // Every field is named, so that a new field needs a decision here.
        let Release { component, settings: _read_as_beside, signature: _, fixtures } = release;
        let digest = |bytes: &[u8]| hex(&Sha256::digest(bytes));
        Self {
            rule: rule.to_owned(),
            sequence,
            world,
            stage: stage_of(settings, next),
            share: settings.share,
            component: digest(component),
            settings: ReleaseSettings { stage: None, share: None, ..settings.clone() },
            fixtures: fixtures.iter().map(|(file, text)| (file.clone(), digest(text.as_bytes()))).collect(),
        }
    }

    /// The names of the members that differ from another statement; settings are named one by one.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        differ("", &members(self), &members(other), &mut found);
        found
    }
}

/// What a release is used for.
pub(crate) fn stage_of(settings: &ReleaseSettings, next: bool) -> Stage {
    match settings.stage {
        _ if !next => Stage::Full,
        Some(StageName::Canary) => Stage::Canary,
        Some(StageName::Shadow) | None => Stage::Shadow,
    }
}

fn members(statement: &Statement) -> Map<String, Value> {
    match serde_json::to_value(statement) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

fn differ(within: &str, one: &Map<String, Value>, other: &Map<String, Value>, found: &mut Vec<String>) {
    for (name, value) in one {
        match (value, other.get(name)) {
            (Value::Object(inner), Some(Value::Object(others))) if name == "settings" => {
                differ("settings.", inner, others, found);
            }
            (value, Some(same)) if value == same => {}
            _ => found.push(format!("{within}{name}")),
        }
    }
}

/// A sequence for people: with its time, since most are times.
pub(crate) fn shown(sequence: u64) -> String {
    let moment = i64::try_from(sequence).ok().and_then(|ms| ms.checked_mul(1000)).map(Timestamp::from_micros);
    moment.map_or_else(|| sequence.to_string(), |moment| format!("{sequence} ({moment})"))
}
