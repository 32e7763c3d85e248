//! Releases of rules, at an origin. Writes need a token of scope admin.

use std::time::Duration;

use onhand_wire::{
    page::Page,
    release::{Manifest, Release, Released},
    request::{Push, RollBack},
};
use serde::Deserialize;

use crate::{Call, Client, ask::encode};

/// A push sends megabytes, and the origin compiles them before it answers.
const COMPILES: Duration = Duration::from_secs(300);

/// A rule as an origin has it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RuleAtOrigin {
    #[serde(flatten)]
    pub manifest: Manifest,
    /// In a write's answer: whether it changed anything.
    #[serde(default)]
    pub new: bool,
    /// In a list: whether nodes have been told.
    #[serde(default)]
    pub announced: bool,
}

/// What a roll back would put in force, so that it can be signed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RollBackPlan {
    pub rule: String,
    pub seq: u64,
    pub mark: u64,
    pub full: Option<Released>,
    pub next: Option<Released>,
}

impl Client {
    pub fn rules(&self) -> Call<Page<RuleAtOrigin>> {
        self.gets("/inventory/rules")
    }

    /// Who changed a rule, when, and how: newest first.
    pub fn releases(&self, rule: &str) -> Call<Page<Manifest>> {
        self.gets(of(rule, "releases"))
    }

    pub fn push(&self, rule: &str, push: &Push) -> Call<RuleAtOrigin> {
        self.posts(of(rule, "releases"), push).try_timeout(COMPILES)
    }

    pub fn roll_back_plan(&self, rule: &str) -> Call<RollBackPlan> {
        self.gets(of(rule, "rollback"))
    }

    pub fn roll_back(&self, rule: &str, signed: &RollBack) -> Call<RuleAtOrigin> {
        self.posts(of(rule, "rollback"), signed).try_timeout(COMPILES)
    }

    /// `GET /internal/api/rules/releases/{digest}`, with its component.
    pub fn release(&self, digest: &str) -> Call<Release> {
        self.gets(format!("/internal/api/rules/releases/{}", encode(digest))).try_timeout(COMPILES)
    }
}

fn of(rule: &str, what: &str) -> String {
    format!("/inventory/rules/{}/{what}", encode(rule))
}
