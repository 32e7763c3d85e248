//! Releases of rules: what was pushed, what is in force, and what the topic does not have yet.

use std::time::Duration;

use async_trait::async_trait;
use onhand_wire::{
    Timestamp,
    release::{Change, Manifest, Release, Released, Stage},
};

use super::Result;

/// Who changes a rule.
#[derive(Debug, Clone)]
pub struct By {
    pub actor: String,
    pub correlation: String,
}

/// A release that was checked, on its way in.
#[derive(Debug, Clone)]
pub struct Pushed {
    pub rule: String,
    pub released: Released,
    pub release: Release,
}

/// A rule's state in the database.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    pub manifest: Manifest,
    pub announced: bool,
}

/// A manifest and the seq that a roll back of it brings back.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) manifest: Manifest,
    pub(super) before: u64,
}

/// What a push makes of a rule; none if it stands so already. A full release ends what ran beside the one
/// before; pushed again it leaves alone what runs beside it now.
pub(super) fn after_push(now: Option<&State>, pushed: &Pushed, by: &By, at: Timestamp) -> Option<State> {
    let released = &pushed.released;
    let (full, next) = now.map_or((None, None), |now| (now.manifest.full.clone(), now.manifest.next.clone()));
    let present = if released.stage == Stage::Full { &full } else { &next };
    if present.as_ref().is_some_and(|present| present.digest == released.digest) {
        return None;
    }
    let (full, next) = match released.stage {
        Stage::Full => (Some(released.clone()), None),
        Stage::Shadow | Stage::Canary => (full, Some(released.clone())),
    };
    let seq = now.map_or(0, |now| now.manifest.seq);
    let (rule, actor, correlation) = (pushed.rule.clone(), by.actor.clone(), by.correlation.clone());
    let manifest = Manifest { rule, seq: seq + 1, change: Change::Push, at, actor, correlation, full, next };
    Some(State { manifest, before: seq })
}

/// What a roll back makes of it: `then` again, or nothing, where nothing was before.
pub(super) fn after_roll_back(now: &State, then: Option<State>, by: &By, at: Timestamp) -> State {
    let (full, next, before) = match then {
        Some(then) => (then.manifest.full, then.manifest.next, then.before),
        None => (None, None, 0),
    };
    let (rule, seq) = (now.manifest.rule.clone(), now.manifest.seq + 1);
    let (actor, correlation) = (by.actor.clone(), by.correlation.clone());
    let manifest = Manifest { rule, seq, change: Change::Rollback, at, actor, correlation, full, next };
    State { manifest, before }
}

impl State {
    pub(super) fn is_nothing(&self) -> bool {
        self.manifest.full.is_none() && self.manifest.next.is_none()
    }
}

#[async_trait]
pub trait Releases: Send + Sync {
    /// Puts a release in force. Answers the rule's manifest, and whether that is a new one.
    async fn push(&self, pushed: &Pushed, by: &By) -> Result<(Manifest, bool)>;
    /// Puts in force what was before; none if nothing is.
    async fn roll_back(&self, rule: &str, by: &By) -> Result<Option<Manifest>>;
    /// A release, whole, by its digest.
    async fn release(&self, digest: &str) -> Result<Option<Release>>;
    /// Every rule that ever was pushed, by name, beyond `after`.
    async fn rules(&self, after: &str, limit: usize) -> Result<Vec<Standing>>;
    /// A rule's manifests, newest first, before a seq.
    async fn manifests(&self, rule: &str, before: Option<u64>, limit: usize) -> Result<Vec<Manifest>>;

    /// All of them are to be announced again: the topic may have lost them.
    async fn announce_all(&self) -> Result<()>;
    /// Takes manifests that the topic does not have; nobody else gets them for as long as `lease`.
    async fn take_unannounced(&self, lease: Duration) -> Result<Vec<Manifest>>;
    /// Ends the lease. `seq`: the topic has that one; if the rule has a newer one by now, that one is due. None:
    /// it failed, and is due again after `pause`.
    async fn settle_announcement(&self, rule: &str, seq: Option<u64>, pause: Duration) -> Result<()>;
    async fn unannounced(&self) -> Result<i64>;
}
