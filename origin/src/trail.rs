//! The trail: who changed what besides stock, whose changes the ledger has.
//!
//! A command that changes the catalogue, the topology or the origin's own state leaves a line in its own commit. What
//! happens outside of batches (a start, a changed log level, a cleared cache) is recorded by itself.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    command::{Ask, Command, Done},
    state::State,
    store::{Store, StoreError},
};

macro_rules! kinds {
    ($($name:ident $text:literal),+ $(,)?) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind { $($name),+ }

        impl Kind {
            /// Every kind's word, for those who ask for one that is not there.
            pub const WORDS: &[&str] = &[$($text),+];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            pub fn parse(word: &str) -> Option<Self> {
                match word { $($text => Some(Self::$name),)+ _ => None }
            }
        }
    };
}

kinds!(
    ItemPut "item_put",
    ItemDeleted "item_deleted",
    LocationPut "location_put",
    ChannelPut "channel_put",
    Maintenance "maintenance",
    RulePushed "rule_pushed",
    RuleRolledBack "rule_rolled_back",
    Started "started",
    LevelChanged "level_changed",
    CachesCleared "caches_cleared",
    ConnectionsRestarted "connections_restarted",
);

/// A line on its way in; its time is its commit's.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The token's subject, or the process itself.
    pub actor: String,
    pub kind: Kind,
    /// The item, location, rule or node that was changed.
    pub what: String,
    pub detail: Value,
    pub correlation: String,
}

/// A line as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Entry {
    pub id: i64,
    pub time: onhand_wire::Timestamp,
    pub actor: String,
    pub kind: String,
    pub what: String,
    #[schema(value_type = Object)]
    pub detail: Value,
    pub correlation: String,
}

/// Which lines are asked for; none given means all.
#[derive(Debug, Clone, Default)]
pub struct Query {
    pub actor: Option<String>,
    pub kind: Option<Kind>,
    /// From this moment, up to but not including that one.
    pub from: Option<onhand_wire::Timestamp>,
    pub to: Option<onhand_wire::Timestamp>,
    /// Only lines before this id.
    pub before: Option<i64>,
    pub limit: usize,
}

/// What a command that leaves a line is about to change.
pub(crate) struct Before {
    kind: Kind,
    what: String,
    state: Value,
}

/// None: the command leaves no line.
pub(crate) fn before(state: &State, command: &Command) -> Option<Before> {
    let (kind, what, held) = match command {
        Command::PutItem(sku, _) => (Kind::ItemPut, sku.to_string(), json!(state.item(sku))),
        Command::DeleteItem(sku) => (Kind::ItemDeleted, sku.to_string(), json!(state.item(sku))),
        Command::PutLocation(id, _) => (Kind::LocationPut, id.to_string(), json!(state.topology.locations.get(id))),
        Command::PutChannel(id, _) => (Kind::ChannelPut, id.to_string(), json!(state.topology.channels.get(id))),
        Command::Maintain(_) => {
            let on = state.maintenance.is_some();
            (Kind::Maintenance, "origin".to_owned(), json!({"maintenanceMode": on, "message": state.maintenance}))
        }
        _ => return None,
    };
    Some(Before { kind, what, state: held })
}

impl Before {
    /// The line of a command that was carried out.
    pub(crate) fn line(self, ask: &Ask, done: &Done) -> Line {
        let after: Value = serde_json::from_str(&done.body).unwrap_or_default();
        Line {
            actor: ask.actor.clone(),
            kind: self.kind,
            what: self.what,
            detail: json!({"before": self.state, "after": after}),
            correlation: ask.correlation.clone(),
        }
    }
}

/// Records that an origin starts: the fingerprint of its configuration, and how that differs from the last start in
/// this region. `configuration`: TOML with its secrets hidden, one key a line.
pub(crate) async fn started(store: &dyn Store, region: &str, configuration: &str) -> Result<(), StoreError> {
    let keys = keys(configuration);
    let last = Query { kind: Some(Kind::Started), limit: 50, ..Query::default() };
    let last = store.trail(&last).await?.into_iter().find(|entry| entry.what == region);
    let held: Option<BTreeSet<String>> =
        last.and_then(|entry| serde_json::from_value(entry.detail["keys"].clone()).ok());
    let difference = held.map(|held| {
        let only =
            |these: &BTreeSet<String>, those: &BTreeSet<String>| these.difference(those).cloned().collect::<Vec<_>>();
        json!({"no_longer": only(&held, &keys), "now": only(&keys, &held)})
    });
    let fingerprint: String = Sha256::digest(configuration).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let detail = json!({
        "version": env!("CARGO_PKG_VERSION"), "fingerprint": fingerprint, "difference": difference, "keys": keys,
    });
    let line = Line {
        actor: "onhand".to_owned(),
        kind: Kind::Started,
        what: region.to_owned(),
        detail,
        correlation: String::new(),
    };
    store.record(&line).await
}

/// `section.key = value`, for each key.
fn keys(toml: &str) -> BTreeSet<String> {
    let mut section = String::new();
    let mut keys = BTreeSet::new();
    for line in toml.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(named) => section = named.trim_matches(['[', ']']).to_owned(),
            None => drop(keys.insert(format!("{section}.{line}"))),
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_carry_their_section() {
        let found = keys("[log]\nlevel = \"info\"\n\n[origin.database]\nurl = \"(hidden)\"\n");
        assert_eq!(Vec::from_iter(found), ["log.level = \"info\"", "origin.database.url = \"(hidden)\""]);
    }

    #[test]
    fn every_kind_is_found_by_its_word() {
        assert!(Kind::WORDS.iter().all(|word| Kind::parse(word).is_some_and(|kind| kind.as_str() == *word)));
        assert_eq!(Kind::parse("nonsense"), None);
    }
}
