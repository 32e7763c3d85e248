//! The trail: who changed what, except stock, whose changes are in the ledger.
//!
//! A command that changes the catalogue, the topology or the origin's own state leaves a line in its own commit. What
//! happens outside of batches (a start, a changed log level, a cleared cache) is recorded by itself.

use onhand_wire::release::{Change, Manifest};
use serde::Serialize;
use serde_json::{Value, json};

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
    LocationDeleted "location_deleted",
    ChannelPut "channel_put",
    ChannelDeleted "channel_deleted",
    Maintenance "maintenance",
    RulePushed "rule_pushed",
    RuleRolledBack "rule_rolled_back",
    Started "started",
    RegionOpened "region_opened",
    LevelChanged "level_changed",
    CachesCleared "caches_cleared",
    ConnectionsRestarted "connections_restarted",
    LanePaused "lane_paused",
    LaneResumed "lane_resumed",
    OrdersReplayed "orders_replayed",
    ReplayStopped "replay_stopped",
    OrdersDiscarded "orders_discarded",
    UserInvited "user_invited",
    UserRegistered "user_registered",
    UserRoleChanged "user_role_changed",
    UserSignedOut "user_signed_out",
    UserRemoved "user_removed",
);

/// A new line; its time is that of its commit.
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

impl Line {
    /// The line for a release of a rule that was pushed or rolled back to.
    pub(crate) fn of_release(manifest: &Manifest) -> Self {
        let kind = match manifest.change {
            Change::Push => Kind::RulePushed,
            Change::Rollback => Kind::RuleRolledBack,
        };
        let (actor, correlation) = (manifest.actor.clone(), manifest.correlation.clone());
        let detail = json!({"seq": manifest.seq, "full": manifest.full, "next": manifest.next});
        Self { actor, kind, what: manifest.rule.clone(), detail, correlation }
    }
}

/// A stored line.
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

/// The filters of a query; without any, all lines.
#[derive(Debug, Clone, Default)]
pub struct Query {
    pub actor: Option<String>,
    pub kind: Option<Kind>,
    /// From this time, up to but not including that one.
    pub from: Option<onhand_wire::Timestamp>,
    pub to: Option<onhand_wire::Timestamp>,
    /// Only lines before this id.
    pub before: Option<i64>,
    pub limit: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_word() {
        assert!(Kind::WORDS.iter().all(|word| Kind::parse(word).is_some_and(|kind| kind.as_str() == *word)));
        assert_eq!(Kind::parse("nonsense"), None);
    }
}
