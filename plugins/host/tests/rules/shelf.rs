//! What announces and keeps releases, for nodes that follow.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use onhand_http::setting::Span;
use onhand_rules::{Announcements, Config, Origin, Rules};
use onhand_wire::{
    Timestamp,
    memory_log::MemoryLog,
    release::{Change, Manifest, Release, Released, Stage},
};

use crate::support::*;

/// An origin and a topic, as a node sees them.
#[derive(Clone)]
pub(crate) struct Shelf {
    pub(crate) log: MemoryLog,
    pub(crate) releases: Arc<Mutex<BTreeMap<String, Release>>>,
    pub(crate) manifests: Arc<Mutex<BTreeMap<String, Manifest>>>,
    pub(crate) gone: Arc<AtomicBool>,
    pub(crate) fetched: Arc<AtomicUsize>,
}

impl Shelf {
    pub(crate) fn new() -> Self {
        let (releases, manifests, gone, fetched) = Default::default();
        Self { log: MemoryLog::new(1), releases, manifests, gone, fetched }
    }

    pub(crate) fn keep(&self, release: &Release) -> Released {
        self.releases.lock().unwrap().insert(release.digest(), release.clone());
        released(release)
    }

    /// The origin has it so, and says so.
    pub(crate) fn announce(&self, rule: &str, full: Option<Released>, next: Option<Released>) {
        let manifest = self.manifest(rule, full, next);
        self.put(&manifest);
        self.say(&manifest);
    }

    /// As the next state of the rule.
    pub(crate) fn manifest(&self, rule: &str, full: Option<Released>, next: Option<Released>) -> Manifest {
        let seq = self.manifests.lock().unwrap().get(rule).map_or(0, |manifest| manifest.seq) + 1;
        let (rule, actor, correlation) = (rule.to_owned(), String::new(), String::new());
        let (change, at, mark, withdrawal) = (Change::Push, Timestamp::default(), 0, None);
        Manifest { rule, seq, change, at, actor, correlation, full, next, mark, withdrawal }
    }

    pub(crate) fn put(&self, manifest: &Manifest) {
        self.manifests.lock().unwrap().insert(manifest.rule.clone(), manifest.clone());
    }

    /// Whatever the origin has: so may anyone who can write to the topic.
    pub(crate) fn say(&self, manifest: &Manifest) {
        self.log.append([(0, manifest.encode())]);
    }

    pub(crate) fn push(&self, rule: &str, release: &Release) {
        self.announce(rule, Some(self.keep(release)), None);
    }

    pub(crate) fn node(&self, config: &Config) -> Rules {
        let rules = Rules::load(config).unwrap();
        rules.follow(Announcements::Memory(self.log.clone()), self.clone()).unwrap();
        rules
    }

    fn there(&self) -> Result<(), String> {
        if self.gone.load(Ordering::Relaxed) { Err("gone".to_owned()) } else { Ok(()) }
    }
}

impl Origin for Shelf {
    fn manifest(&self, rule: &str) -> Result<Option<Manifest>, String> {
        self.there()?;
        Ok(self.manifests.lock().unwrap().get(rule).cloned())
    }

    fn release(&self, digest: &str) -> Result<Option<Release>, String> {
        self.there()?;
        self.fetched.fetch_add(1, Ordering::Relaxed);
        Ok(self.releases.lock().unwrap().get(digest).cloned())
    }
}

pub(crate) fn released(release: &Release) -> Released {
    let (digest, component, world) = (release.digest(), String::new(), String::new());
    Released { digest, component, world, stage: Stage::Full, share: None, bytes: 0, sequence: None }
}

/// channel-buffer with this label, such as `10+`.
pub(crate) fn bucket(number: u32) -> Release {
    let settings = format!("[config]\nhide_last = \"0\"\nbucket = \"{number}\"\n");
    Release { component: built("channel-buffer"), settings, ..Release::default() }
}

pub(crate) fn config() -> Config {
    let (deadline, max_deadline) = (Span::ms(500), Span::ms(500));
    Config { deadline, max_deadline, allow_unsigned: true, poll: Span::s(0), ..Config::default() }
}

pub(crate) fn label(rules: &Rules) -> Option<String> {
    rules.view(&view_input(&[("eu-1", 100)]))?.unwrap().label
}

pub(crate) fn becomes(rules: &Rules, number: u32) {
    eventually(|| (label(rules).as_deref() == Some(&format!("{number}+"))).then_some(()));
}

/// Releases and announcements that could not be used, so far.
pub(crate) fn failures(rules: &Rules) -> u64 {
    let registry = prometheus::Registry::new();
    rules.register(&registry).unwrap();
    let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("rules_load_failures_total "));
    line.unwrap().parse().unwrap()
}

/// Announces what must not be used, and waits until it is refused and counted.
pub(crate) fn refuses(rules: &Rules, says: &str, announce: impl FnOnce()) {
    let before = failures(rules);
    announce();
    eventually(|| (failures(rules) > before).then_some(()));
    eventually(|| rules.report().refused.iter().any(|refused| refused.contains(says)).then_some(()));
}
