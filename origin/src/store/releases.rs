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

/// A checked release that is being pushed.
#[derive(Debug, Clone)]
pub struct Pushed {
    pub rule: String,
    pub released: Released,
    pub release: Release,
}

/// A roll back of a rule to the state before a push; what comes back has been checked.
#[derive(Debug, Clone)]
pub struct BackTo {
    pub rule: String,
    /// The seq that this goes back from.
    pub from: u64,
    pub full: Option<Pushed>,
    pub next: Option<Pushed>,
    /// If nothing comes back: the signed statement that says so, and its sequence. `None` if it need not be signed.
    pub withdrawal: Option<(String, u64)>,
}

/// The result of a change.
#[derive(Debug, Clone, PartialEq)]
pub enum ReleaseOutcome {
    Changed(Manifest),
    /// Nothing changed.
    Same(Manifest),
    /// Its sequence is not above the rule's greatest: an older signature is not used again.
    Older {
        mark: u64,
    },
    /// The rule is not in the state any more that this was meant for; none: nothing is in force of it.
    Moved(Option<u64>),
}

/// What a roll back would do.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub now: Manifest,
    /// None: nothing was before.
    pub then: Option<Manifest>,
}

/// A rule's state in the database.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    pub manifest: Manifest,
    pub announced: bool,
}

/// A manifest and the seq that a roll back of it brings back.
#[derive(Debug, Clone)]
pub(super) struct RuleState {
    pub(super) manifest: Manifest,
    pub(super) before: u64,
}

/// What must be written, or why nothing is.
pub(super) type After = std::result::Result<RuleState, Box<ReleaseOutcome>>;

/// A rule's state after a push. A full release ends what ran beside the previous one; pushing the same one again does
/// not end what runs beside it now.
pub(super) fn after_push(now: Option<&RuleState>, pushed: &Pushed, by: &By, at: Timestamp) -> After {
    let released = &pushed.released;
    let now = now.map(|now| &now.manifest);
    let present = now.and_then(|now| if released.stage == Stage::Full { now.full.as_ref() } else { now.next.as_ref() });
    if let (Some(now), Some(present)) = (now, present)
        && present.digest == released.digest
    {
        return Err(Box::new(ReleaseOutcome::Same(now.clone())));
    }
    let (seq, mark) = now.map_or((0, 0), |now| (now.seq, now.mark));
    let mark = raised(mark, released.sequence)?;
    let (full, next) = match released.stage {
        Stage::Full => (Some(released.clone()), None),
        Stage::Shadow | Stage::Canary => (now.and_then(|now| now.full.clone()), Some(released.clone())),
    };
    let (rule, actor, correlation) = (pushed.rule.clone(), by.actor.clone(), by.correlation.clone());
    let (change, withdrawal) = (Change::Push, None);
    let manifest = Manifest { rule, seq: seq + 1, change, at, actor, correlation, full, next, mark, withdrawal };
    Ok(RuleState { manifest, before: seq })
}

/// A rule's state after a roll back: `then` again, or nothing if nothing was before.
pub(super) fn after_roll_back(
    now: &RuleState,
    then: Option<&RuleState>,
    back: &BackTo,
    by: &By,
    at: Timestamp,
) -> After {
    let present = &now.manifest;
    if now.is_nothing() || present.seq != back.from {
        return Err(Box::new(ReleaseOutcome::Moved(Some(present.seq).filter(|_| !now.is_nothing()))));
    }
    let released = |part: &Option<Pushed>| part.as_ref().map(|pushed| pushed.released.clone());
    let (full, next) = (released(&back.full), released(&back.next));
    // In this order, because what runs beside a full release is newer.
    let sequences = [&full, &next].map(|part| part.as_ref().and_then(|released| released.sequence));
    let withdrawn = back.withdrawal.as_ref().map(|(_, sequence)| *sequence);
    let mark = sequences.into_iter().chain([withdrawn]).try_fold(present.mark, raised)?;
    let (rule, seq) = (present.rule.clone(), present.seq + 1);
    let (actor, correlation) = (by.actor.clone(), by.correlation.clone());
    let (change, withdrawal) = (Change::Rollback, back.withdrawal.as_ref().map(|(text, _)| text.clone()));
    let manifest = Manifest { rule, seq, change, at, actor, correlation, full, next, mark, withdrawal };
    Ok(RuleState { manifest, before: then.map_or(0, |then| then.before) })
}

/// `None` if nothing is in force.
pub(super) fn plan(now: Manifest, then: Option<Manifest>) -> Result<Option<Plan>> {
    let something = now.full.is_some() || now.next.is_some();
    Ok(something.then_some(Plan { now, then }))
}

/// The mark after another statement; an unsigned one does not change it.
fn raised(mark: u64, sequence: Option<u64>) -> std::result::Result<u64, Box<ReleaseOutcome>> {
    match sequence {
        Some(sequence) if sequence <= mark => Err(Box::new(ReleaseOutcome::Older { mark })),
        Some(sequence) => Ok(sequence),
        None => Ok(mark),
    }
}

impl RuleState {
    pub(super) fn is_nothing(&self) -> bool {
        self.manifest.full.is_none() && self.manifest.next.is_none()
    }
}

#[async_trait]
pub trait Releases: Send + Sync {
    /// Puts a release in force.
    async fn push(&self, pushed: &Pushed, by: &By) -> Result<ReleaseOutcome>;
    /// What a roll back would do; `None` if nothing is in force.
    async fn roll_back_plan(&self, rule: &str) -> Result<Option<Plan>>;
    /// Puts the previous state in force.
    async fn roll_back(&self, back: &BackTo, by: &By) -> Result<ReleaseOutcome>;
    /// A whole release by its digest.
    async fn release(&self, digest: &str) -> Result<Option<Release>>;
    /// Every rule that ever was pushed, by name, beyond `after`.
    async fn rules(&self, after: &str, limit: usize) -> Result<Vec<Standing>>;
    /// A rule's manifests, newest first, before a seq.
    async fn manifests(&self, rule: &str, before: Option<u64>, limit: usize) -> Result<Vec<Manifest>>;

    /// Marks all of them to be announced again: the topic may have lost them.
    async fn announce_all(&self) -> Result<()>;
    /// Takes manifests that the topic does not have; nobody else gets them for as long as `lease`.
    async fn take_unannounced(&self, lease: Duration) -> Result<Vec<Manifest>>;
    /// Ends the lease. `seq`: the state that the topic has; if the rule has a newer one by now, that is due. `None` if
    /// it failed; then it is due again after `pause`.
    async fn settle_announcement(&self, rule: &str, seq: Option<u64>, pause: Duration) -> Result<()>;
    async fn unannounced(&self) -> Result<i64>;
}
