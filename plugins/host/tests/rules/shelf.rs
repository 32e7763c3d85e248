//! What announces and keeps releases, for nodes that follow.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use onhand_rules::{Announcements, Config, Rules};
use onhand_wire::{
    Timestamp,
    memory_log::MemoryLog,
    release::{Change, Manifest, Release, Released, Stage},
    setting::Span,
};

use crate::support::*;

/// An origin and a topic, as a node sees them.
#[derive(Clone)]
pub(crate) struct Shelf {
    pub(crate) log: MemoryLog,
    pub(crate) releases: Arc<Mutex<BTreeMap<String, Release>>>,
    pub(crate) gone: Arc<AtomicBool>,
    pub(crate) fetched: Arc<AtomicUsize>,
}

impl Shelf {
    pub(crate) fn new() -> Self {
        let (releases, gone, fetched) = (Arc::default(), Arc::default(), Arc::default());
        Self { log: MemoryLog::new(1), releases, gone, fetched }
    }

    pub(crate) fn keep(&self, release: &Release) -> Released {
        self.releases.lock().unwrap().insert(release.digest(), release.clone());
        released(release)
    }

    pub(crate) fn announce(&self, rule: &str, full: Option<Released>, next: Option<Released>) {
        let (rule, actor, correlation) = (rule.to_owned(), String::new(), String::new());
        let (seq, change, at) = (1, Change::Push, Timestamp::default());
        self.log.append([(0, Manifest { rule, seq, change, at, actor, correlation, full, next }.encode())]);
    }

    pub(crate) fn push(&self, rule: &str, release: &Release) {
        self.announce(rule, Some(self.keep(release)), None);
    }

    pub(crate) fn node(&self, config: &Config) -> Rules {
        let (rules, shelf) = (Rules::load(config).unwrap(), self.clone());
        let fetch = move |digest: &str| {
            if shelf.gone.load(Ordering::Relaxed) {
                return Err("gone".to_owned());
            }
            shelf.fetched.fetch_add(1, Ordering::Relaxed);
            Ok(shelf.releases.lock().unwrap().get(digest).cloned())
        };
        rules.follow(Announcements::Memory(self.log.clone()), fetch).unwrap();
        rules
    }
}

pub(crate) fn released(release: &Release) -> Released {
    let (digest, component, world) = (release.digest(), String::new(), String::new());
    Released { digest, component, world, stage: Stage::Full, share: None, bytes: 0 }
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
