//! Follows the announcements of pushed releases, on a thread of its own, from the topic's beginning.
//!
//! 1. A record names a rule and what is in force of it; the last one of a rule is the one that counts.
//! 2. Nothing is taken on before the topic was read to its end: a node that starts late does not go through all
//!    that ever was.
//! 3. What is not here yet is fetched by its digest, again and again while no origin answers.
//! 4. The digest is judged, and from there on it is as with the folder ([`crate::placing`]).

mod kafka;
mod memory;

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Weak},
    thread,
    time::{Duration, Instant},
};

use onhand_wire::{
    memory_log::MemoryLog,
    release::{Manifest, Release, Released},
};

use crate::{
    Config, LoadFault, Rules,
    load::{Package, check_name},
    pushed::{Parts, file},
    shared::Shared,
};

/// Where releases are announced.
pub enum Announcements {
    /// `brokers`: `HOST:PORT`, separated by commas. The topic is [`Config::topic`].
    Kafka { brokers: String },
    /// Of the same process (`onhand dev`).
    Memory(MemoryLog),
}

/// A release by its digest: none if the origin does not have it; an error if it can't be asked now.
pub type Fetched = Result<Option<Release>, String>;

/// How long one wait for records may take; the rules' end is noticed after it.
const WAIT: Duration = Duration::from_millis(250);
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What a topic is read with.
trait Reader {
    /// Values in their order; waits up to `wait` for the first.
    fn poll(&mut self, wait: Duration) -> Vec<Vec<u8>>;
    /// Whether all that was there at the beginning has been read.
    fn caught_up(&self) -> bool;
}

/// Why an announced release is not there.
enum Missing {
    Unreachable(String),
    Refused(LoadFault, bool),
}

impl Rules {
    /// Follows what is announced; `fetch` gets a release from an origin, and may block. Ends with the rules.
    ///
    /// # Errors
    /// If the thread can't be started.
    pub fn follow(&self, from: Announcements, fetch: impl Fn(&str) -> Fetched + Send + 'static) -> io::Result<()> {
        let Some(config) = self.shared.config.clone().filter(|config| !config.topic.is_empty()) else { return Ok(()) };
        let follower = Follower { config, shared: Arc::downgrade(&self.shared), fetch, pending: BTreeMap::new() };
        thread::Builder::new().name("rules-follow".into()).spawn(move || match from {
            Announcements::Kafka { brokers } => {
                let reader = kafka::Kafka::new(&brokers, &follower.config.topic);
                follower.run(reader);
            }
            Announcements::Memory(log) => follower.run(memory::Memory::new(log)),
        })?;
        Ok(())
    }
}

struct Follower<F> {
    config: Config,
    shared: Weak<Shared>,
    fetch: F,
    /// Announced, and not yet judged.
    pending: BTreeMap<String, Manifest>,
}

impl<F: Fn(&str) -> Fetched> Follower<F> {
    fn run(mut self, mut reader: impl Reader) {
        let (mut again, mut pause) = (Instant::now(), SHORTEST_PAUSE);
        loop {
            let values = reader.poll(WAIT);
            // Not held while waiting: rules that nobody has any more hear of nothing.
            let Some(shared) = self.shared.upgrade() else { return };
            for value in values {
                self.note(&shared, &value);
                (again, pause) = (Instant::now(), SHORTEST_PAUSE);
            }
            if !reader.caught_up() || self.pending.is_empty() || Instant::now() < again {
                continue;
            }
            self.settle(&shared);
            if !self.pending.is_empty() {
                again = Instant::now() + pause;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }

    fn note(&mut self, shared: &Shared, value: &[u8]) {
        match Manifest::decode(value) {
            Ok(manifest) => drop(self.pending.insert(manifest.rule.clone(), manifest)),
            Err(error) => {
                shared.meter.load_failed();
                tracing::error!(%error, topic = self.config.topic, "an announcement can't be read and is skipped");
            }
        }
    }

    /// Takes on all that can be had; what can't be asked for now stays pending.
    fn settle(&mut self, shared: &Shared) {
        let (mut batch, mut refused) = (Vec::new(), Vec::new());
        for (rule, manifest) in std::mem::take(&mut self.pending) {
            match self.parts(shared, &manifest) {
                Ok(None) => {}
                Ok(Some(parts)) => batch.push((rule, parts)),
                Err(Missing::Unreachable(error)) => {
                    tracing::warn!(rule, error, "an announced release can't be fetched yet");
                    self.pending.insert(rule, manifest);
                }
                Err(Missing::Refused(fault, next)) => refused.push(fault.of(&file(&self.config, &rule, next))),
            }
        }
        if !batch.is_empty() {
            shared.take_on(&self.config, &batch);
        }
        // Last: the look begins the list of what is refused anew.
        for error in refused {
            tracing::error!(%error, "an announced release can't be used; the rule keeps the one that it has");
            shared.refuse(&error);
        }
    }

    /// None: that is how it stands already.
    fn parts(&self, shared: &Shared, manifest: &Manifest) -> Result<Option<Parts>, Missing> {
        check_name(&manifest.rule).map_err(|fault| Missing::Refused(fault, false))?;
        let now = shared.loading().0.get(&manifest.rule).cloned().unwrap_or_default();
        let parts = Parts {
            full: self.part(manifest.full.as_ref(), now.full.as_ref(), false)?,
            next: self.part(manifest.next.as_ref(), now.next.as_ref(), true)?,
        };
        let digest = |part: &Option<Arc<Package>>| part.as_ref().map(|package| package.identity.clone());
        let same = digest(&parts.full) == digest(&now.full) && digest(&parts.next) == digest(&now.next);
        Ok(Some(parts).filter(|_| !same))
    }

    fn part(
        &self,
        announced: Option<&Released>,
        now: Option<&Arc<Package>>,
        next: bool,
    ) -> Result<Option<Arc<Package>>, Missing> {
        let Some(Released { digest, .. }) = announced else { return Ok(None) };
        if let Some(now) = now.filter(|now| now.identity == *digest) {
            return Ok(Some(now.clone()));
        }
        let refused = |fault| Missing::Refused(fault, next);
        if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(refused(LoadFault::Digest));
        }
        let release = (self.fetch)(digest).map_err(Missing::Unreachable)?.ok_or(refused(LoadFault::NotKept))?;
        let package = Package::of(&self.config, release, next).map_err(refused)?;
        if package.identity != *digest {
            return Err(refused(LoadFault::Digest));
        }
        Ok(Some(Arc::new(package)))
    }
}
