//! Locations and channels: facts of their own kinds. All of them are held, and replaced as one snapshot.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU16, Ordering},
    },
};

use arc_swap::ArcSwap;
use onhand_wire::{Channel, ChannelId, Location, LocationId, Timestamp, bulk::LoadedTopology};
use tokio::sync::watch;

/// What one lookup sees of locations and channels.
#[derive(Default)]
pub(crate) struct Snapshot {
    /// A local version: bodies are valid only under the version that they were rendered with.
    pub(crate) version: u64,
    locations: HashMap<LocationId, Location>,
    channels: HashMap<ChannelId, Channel>,
    /// The rank of each enabled location in serving order: by priority, then id.
    ranks: HashMap<LocationId, usize>,
}

impl Snapshot {
    pub(crate) fn location(&self, id: &str) -> Option<&Location> {
        self.locations.get(id).filter(|location| !location.deleted)
    }

    pub(crate) fn channel(&self, id: &str) -> Option<&Channel> {
        self.channels.get(id).filter(|channel| !channel.deleted)
    }

    pub(crate) fn channels(&self) -> impl Iterator<Item = &Channel> {
        self.channels.values().filter(|channel| !channel.deleted)
    }

    /// The rank of an enabled location in serving order.
    pub(crate) fn rank(&self, id: &LocationId) -> Option<usize> {
        self.ranks.get(id).copied()
    }

    /// Enabled locations in serving order: the channel's list, else priority, then id.
    pub(crate) fn serving(&self, channel: Option<&Channel>) -> Vec<&Location> {
        if let Some(channel) = channel {
            let listed = channel.locations.iter().filter_map(|id| self.location(id.as_str()));
            return listed.filter(|location| serves(location)).collect();
        }
        let mut all: Vec<_> = self.locations.values().filter(|location| serves(location)).collect();
        all.sort_by_key(|location| self.rank(&location.location));
        all
    }

    fn join_location(&mut self, location: Location) -> bool {
        let newer = self.locations.get(&location.location).is_none_or(|held| location.version > held.version);
        if newer {
            self.locations.insert(location.location.clone(), location);
        }
        newer
    }

    fn join_channel(&mut self, channel: Channel) -> bool {
        let newer = self.channels.get(&channel.channel).is_none_or(|held| channel.version > held.version);
        if newer {
            self.channels.insert(channel.channel.clone(), channel);
        }
        newer
    }

    fn joined(&self, locations: Vec<Location>, channels: Vec<Channel>) -> Option<Self> {
        let mut next = Self {
            version: self.version + 1,
            locations: self.locations.clone(),
            channels: self.channels.clone(),
            ranks: HashMap::new(),
        };
        let changed = locations.into_iter().fold(false, |changed, location| next.join_location(location) | changed);
        let changed = channels.into_iter().fold(changed, |changed, channel| next.join_channel(channel) | changed);
        next.ranks = ranks(&next.locations);
        changed.then_some(next)
    }

    /// The snapshot without rows of earlier terms, if it has any.
    fn since(&self, term: u16) -> Option<Self> {
        let mut next = Self {
            version: self.version + 1,
            locations: self.locations.clone(),
            channels: self.channels.clone(),
            ranks: HashMap::new(),
        };
        next.locations.retain(|_, location| location.version.term() >= term);
        next.channels.retain(|_, channel| channel.version.term() >= term);
        next.ranks = ranks(&next.locations);
        let same = (next.locations.len(), next.channels.len()) == (self.locations.len(), self.channels.len());
        (!same).then_some(next)
    }
}

fn serves(location: &Location) -> bool {
    location.enabled && !location.deleted
}

fn ranks(locations: &HashMap<LocationId, Location>) -> HashMap<LocationId, usize> {
    let mut serving: Vec<_> = locations.values().filter(|location| serves(location)).collect();
    serving.sort_by_key(|location| (location.priority, &location.location));
    serving.into_iter().enumerate().map(|(rank, location)| (location.location.clone(), rank)).collect()
}

/// The node's locations and channels.
#[derive(Default)]
pub(crate) struct Topology {
    now: ArcSwap<Snapshot>,
    changed: watch::Sender<()>,
    writing: Mutex<()>,
    /// Rows of earlier terms belong to a lost history.
    good_since: AtomicU16,
    /// The last load has every change that was acknowledged before this time.
    loaded_at: AtomicI64,
}

impl Topology {
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.now.load_full()
    }

    /// Notifies of each new snapshot from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn replace(&self, next: Snapshot) {
        self.now.store(Arc::new(next));
        self.changed.send_replace(());
    }

    /// The time through which the last load is complete.
    pub(crate) fn loaded_at(&self) -> Timestamp {
        Timestamp::from_micros(self.loaded_at.load(Ordering::Acquire))
    }

    pub(crate) fn join_location(&self, location: Location) {
        self.join(vec![location], Vec::new());
    }

    pub(crate) fn join_channel(&self, channel: Channel) {
        self.join(Vec::new(), vec![channel]);
    }

    pub(crate) fn join_loaded(&self, loaded: LoadedTopology) {
        self.join(loaded.locations, loaded.channels);
        self.loaded_at.fetch_max(loaded.at.micros(), Ordering::AcqRel);
    }

    /// Whether any row has an earlier term.
    pub(crate) fn has_before(&self, term: u16) -> bool {
        self.now.load().since(term).is_some()
    }

    /// Drops rows of earlier terms, now and from now on.
    pub(crate) fn forget_before(&self, term: u16) {
        self.good_since.store(term, Ordering::Release);
        let _one_writer = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = self.now.load().since(term) {
            self.replace(next);
        }
    }

    fn join(&self, mut locations: Vec<Location>, mut channels: Vec<Channel>) {
        let good_since = self.good_since.load(Ordering::Acquire);
        locations.retain(|location| location.version.term() >= good_since);
        channels.retain(|channel| channel.version.term() >= good_since);
        let _one_writer = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = self.now.load().joined(locations, channels) {
            self.replace(next);
        }
    }
}
