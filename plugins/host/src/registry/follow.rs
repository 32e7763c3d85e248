//! Follows the announcements of pushed releases, on a thread of its own, from the topic's beginning.
//!
//! 1. A record says that a rule has changed; the last record of a rule counts. Permission to write to the topic is not
//!    permission to release: the node asks an origin what is in force, and compares the record with that.
//! 2. Nothing is used before the topic has been read to its end, so a node that starts late does not go through the
//!    whole history.
//! 3. Missing releases are fetched by digest, again and again while no origin answers.
//! 4. The digest is checked; where releases must be signed, a withdrawal must be signed too. From there on a pushed
//!    release is treated like one from the folder ([`crate::registry::placing`]).

mod kafka;
mod memory;

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Weak},
    thread,
    time::{Duration, Instant},
};

use onhand_kafka::Brokers;
use onhand_wire::{
    memory_log::MemoryLog,
    release::{Manifest, Release, Released},
};

use crate::{
    config::Config,
    registry::{
        loader::Loader,
        pushed::{PushedRule, file},
    },
    release::{
        fault::{LoadError, LoadFault},
        name::check_name,
        package::Package,
    },
};

/// Where releases are announced.
pub enum Announcements {
    /// The topic is [`Config::topic`].
    Kafka { brokers: Brokers },
    /// The log of the same process (`onhand dev`).
    Memory(MemoryLog),
}

/// Questions to an origin. They may block, and fail if no origin can be asked now.
pub trait Origin: Send + 'static {
    /// What is in force for a rule; `None` if the origin does not know the rule.
    ///
    /// # Errors
    /// Why it can't be asked.
    fn manifest(&self, rule: &str) -> Result<Option<Manifest>, String>;

    /// A release by its digest; `None` if the origin does not have it.
    ///
    /// # Errors
    /// Why it can't be asked.
    fn release(&self, digest: &str) -> Result<Option<Release>, String>;
}

/// How long one wait for records may take; after it, the thread notices if the rules have ended.
const WAIT: Duration = Duration::from_millis(250);
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Reads the topic.
trait TopicReader {
    /// Values in order; waits up to `wait` for the first.
    fn poll(&mut self, wait: Duration) -> Vec<Vec<u8>>;
    /// Whether everything that was there at the start has been read.
    fn caught_up(&self) -> bool;
}

/// Why an announced release is not there.
enum MissingRelease {
    Unreachable(String),
    Refused(LoadFault, bool),
}

/// Follows the topic on a thread of its own, which ends with the loader.
///
/// # Errors
/// If the thread can't be started.
pub(crate) fn start(loader: &Arc<Loader>, from: Announcements, origin: impl Origin) -> io::Result<()> {
    let Some(config) = loader.config.clone().filter(|config| !config.topic.is_empty()) else { return Ok(()) };
    let follower = Follower { config, loader: Arc::downgrade(loader), origin, pending: BTreeMap::new() };
    thread::Builder::new().name("rules-follow".into()).spawn(move || match from {
        Announcements::Kafka { brokers } => {
            let reader = kafka::KafkaReader::new(&brokers, &follower.config.topic);
            follower.run(reader);
        }
        Announcements::Memory(log) => follower.run(memory::MemoryReader::new(log)),
    })?;
    Ok(())
}

struct Follower<O> {
    config: Config,
    loader: Weak<Loader>,
    origin: O,
    /// Manifests that were announced and are not yet judged, by rule.
    pending: BTreeMap<String, Manifest>,
}

impl<O: Origin> Follower<O> {
    fn run(mut self, mut reader: impl TopicReader) {
        let (mut again, mut pause) = (Instant::now(), SHORTEST_PAUSE);
        loop {
            let values = reader.poll(WAIT);
            // The loader is not held while this waits, so that the thread ends when nobody holds the rules any more.
            let Some(loader) = self.loader.upgrade() else { return };
            for value in values {
                self.note(&loader, &value);
                (again, pause) = (Instant::now(), SHORTEST_PAUSE);
            }
            if !reader.caught_up() || self.pending.is_empty() || Instant::now() < again {
                continue;
            }
            self.settle(&loader);
            if !self.pending.is_empty() {
                again = Instant::now() + pause;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }

    fn note(&mut self, loader: &Loader, value: &[u8]) {
        match Manifest::decode(value) {
            Ok(manifest) => drop(self.pending.insert(manifest.rule.clone(), manifest)),
            Err(error) => {
                loader.in_force.meter.load_failed();
                tracing::error!(%error, topic = self.config.topic, "an announcement can't be read and is skipped");
            }
        }
    }

    /// Takes on everything that can be fetched; what can't be fetched now stays pending.
    fn settle(&mut self, loader: &Loader) {
        let (mut batch, mut refused) = (Vec::new(), Vec::new());
        for (rule, manifest) in std::mem::take(&mut self.pending) {
            match self.parts(loader, &manifest, &mut refused) {
                Ok(None) => {}
                Ok(Some(parts)) => batch.push((rule, parts)),
                Err(MissingRelease::Unreachable(error)) => {
                    tracing::warn!(rule, error, "an announced release can't be fetched yet");
                    self.pending.insert(rule, manifest);
                }
                Err(MissingRelease::Refused(fault, next)) => refused.push(self.fault(&rule, fault, next)),
            }
        }
        if !batch.is_empty() {
            loader.take_on(&self.config, &batch);
        }
        // This is last, because the check starts a new list of refused releases.
        for error in refused {
            tracing::error!(%error, "an announced release can't be used; the rule keeps the one that it has");
            loader.refuse(&error);
        }
    }

    fn fault(&self, rule: &str, fault: LoadFault, next: bool) -> LoadError {
        fault.of(&file(&self.config, rule, next))
    }

    /// `None` if it is already in force.
    fn parts(
        &self,
        loader: &Loader,
        announced: &Manifest,
        refused: &mut Vec<LoadError>,
    ) -> Result<Option<PushedRule>, MissingRelease> {
        let rule = &announced.rule;
        check_name(rule).map_err(|fault| MissingRelease::Refused(fault, false))?;
        // Even if the record says what is in force here already: the origin may have something newer.
        let Some(manifest) = self.origin.manifest(rule).map_err(MissingRelease::Unreachable)? else {
            let nothing = announced.full.is_none() && announced.next.is_none();
            let not_kept = MissingRelease::Refused(LoadFault::NotKept, announced.full.is_none());
            return if nothing { Ok(None) } else { Err(not_kept) };
        };
        // An older record is only late; what the origin has is taken on in any case.
        if announced.seq >= manifest.seq && !says_the_same(announced, &manifest) {
            refused.push(self.fault(rule, LoadFault::NotConfirmed, false));
        }
        if loader.loading().stands(&manifest) {
            return Ok(None);
        }
        let now = loader.loading().0.get(rule).cloned().unwrap_or_default();
        let parts = PushedRule {
            full: self.part(manifest.full.as_ref(), now.full.as_ref(), false)?,
            next: self.part(manifest.next.as_ref(), now.next.as_ref(), true)?,
        };
        if parts.full.is_none() && parts.next.is_none() {
            let withdrawn = loader.withdraw(&self.config, rule, manifest.withdrawal.as_deref());
            withdrawn.map_err(|fault| MissingRelease::Refused(fault, false))?;
        }
        Ok(Some(parts))
    }

    fn part(
        &self,
        announced: Option<&Released>,
        now: Option<&Arc<Package>>,
        next: bool,
    ) -> Result<Option<Arc<Package>>, MissingRelease> {
        let Some(Released { digest, .. }) = announced else { return Ok(None) };
        if let Some(now) = now.filter(|now| now.identity == *digest) {
            return Ok(Some(now.clone()));
        }
        let refused = |fault| MissingRelease::Refused(fault, next);
        if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(refused(LoadFault::Digest));
        }
        let release =
            self.origin.release(digest).map_err(MissingRelease::Unreachable)?.ok_or(refused(LoadFault::NotKept))?;
        let package = Package::of(&self.config, release, next).map_err(refused)?;
        if package.identity != *digest {
            return Err(refused(LoadFault::Digest));
        }
        Ok(Some(Arc::new(package)))
    }
}

/// Whether two manifests agree in everything that matters.
fn says_the_same(one: &Manifest, other: &Manifest) -> bool {
    let releases = |manifest: &Manifest| {
        let digest = |part: &Option<Released>| part.as_ref().map(|released| released.digest.clone());
        (digest(&manifest.full), digest(&manifest.next))
    };
    (&one.rule, one.seq, releases(one)) == (&other.rule, other.seq, releases(other))
}
