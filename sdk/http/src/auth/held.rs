//! The keys in use and their age: they can be replaced while tokens are judged.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;

use super::{KeySet, keys::Key};

/// Where keys come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A file: what was read last is valid until it is read again.
    File,
    /// An issuer's URL: what was fetched last is valid for a time. An issuer withdraws a key by removing it from its
    /// set. Someone with a stolen key must not be able to keep it valid by cutting the node off from the issuer.
    Url,
}

/// The keys at the start.
#[derive(Default)]
pub struct Keys {
    pub file: Option<KeySet>,
    pub url: Option<KeySet>,
    /// How long keys of a URL are valid after they were fetched; `None` if there is no URL.
    pub max_stale: Option<Duration>,
}

/// One state of the keys, numbered: each replacement has the next number.
pub(super) struct Current {
    pub(super) generation: u64,
    file: Option<KeySet>,
    url: Option<KeySet>,
}

/// The state of the keys, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    pub keys: usize,
    /// How often the keys have been replaced by others.
    pub replaced: u64,
    pub failed_refreshes: u64,
    /// Whether the last refresh failed: the keys are the last good ones.
    pub failing: bool,
    /// Time since the keys were last read: from the URL if there is one, else from the file.
    pub age: Duration,
    /// Whether the URL's keys are too old to be valid.
    pub too_old: bool,
}

impl Standing {
    /// Combines two issuers: the sums, and the worse of the two.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            keys: self.keys + other.keys,
            replaced: self.replaced + other.replaced,
            failed_refreshes: self.failed_refreshes + other.failed_refreshes,
            failing: self.failing || other.failing,
            age: self.age.max(other.age),
            too_old: self.too_old || other.too_old,
        }
    }
}

/// When one place was last read.
struct Looks {
    failing: AtomicBool,
    /// When the keys were last read, in milliseconds after the start.
    got: AtomicU64,
}

pub(super) struct Held {
    current: ArcSwap<Current>,
    max_stale: Option<Duration>,
    started: Instant,
    file: Looks,
    url: Looks,
    failed_refreshes: AtomicU64,
}

impl Looks {
    /// A place that gave no keys at the start counts as failing.
    fn new(failing: bool) -> Self {
        Self { failing: AtomicBool::new(failing), got: AtomicU64::new(0) }
    }
}

impl Current {
    /// The keys that may have signed a token that names `kid`, with their place.
    pub(super) fn candidates<'a>(&'a self, kid: Option<&'a str>) -> impl Iterator<Item = (Place, &'a Key)> {
        let of = move |place, keys: &'a Option<KeySet>| {
            keys.iter().flat_map(move |keys| keys.candidates(kid)).map(move |key| (place, key))
        };
        of(Place::File, &self.file).chain(of(Place::Url, &self.url))
    }

    pub(super) fn has(&self, kid: &str) -> bool {
        [&self.file, &self.url].into_iter().flatten().any(|keys| keys.has(kid))
    }
}

impl Held {
    pub(super) fn new(keys: Keys) -> Self {
        let Keys { file, url, max_stale } = keys;
        Self {
            file: Looks::new(false),
            url: Looks::new(max_stale.is_some() && url.is_none()),
            current: ArcSwap::from_pointee(Current { generation: 0, file, url }),
            max_stale,
            started: Instant::now(),
            failed_refreshes: AtomicU64::new(0),
        }
    }

    pub(super) fn current(&self) -> arc_swap::Guard<Arc<Current>> {
        self.current.load()
    }

    fn looks(&self, place: Place) -> &Looks {
        match place {
            Place::File => &self.file,
            Place::Url => &self.url,
        }
    }

    /// Returns whether the keys differ from those before. For one caller at a time.
    pub(super) fn replace(&self, place: Place, keys: KeySet) -> bool {
        let looks = self.looks(place);
        let present = self.current.load_full();
        let (mut file, mut url) = (present.file.clone(), present.url.clone());
        let slot = if place == Place::File { &mut file } else { &mut url };
        let others = slot.as_ref() != Some(&keys);
        if others {
            *slot = Some(keys);
            self.current.store(Arc::new(Current { generation: present.generation + 1, file, url }));
        }
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        looks.got.store(now, Ordering::Relaxed);
        looks.failing.store(false, Ordering::Relaxed);
        others
    }

    pub(super) fn refresh_failed(&self, place: Place) {
        self.failed_refreshes.fetch_add(1, Ordering::Relaxed);
        self.looks(place).failing.store(true, Ordering::Relaxed);
    }

    fn age(&self, place: Place) -> Duration {
        let got = Duration::from_millis(self.looks(place).got.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(got)
    }

    /// Whether keys of this place are valid.
    pub(super) fn count(&self, place: Place) -> bool {
        place == Place::File || self.max_stale.is_none_or(|most| self.age(place) < most)
    }

    pub(super) fn standing(&self) -> Standing {
        let current = self.current.load();
        let keys = [&current.file, &current.url].into_iter().flatten();
        let place = if self.max_stale.is_some() { Place::Url } else { Place::File };
        Standing {
            keys: keys.map(KeySet::len).sum(),
            replaced: current.generation,
            failed_refreshes: self.failed_refreshes.load(Ordering::Relaxed),
            failing: [&self.file, &self.url].iter().any(|looks| looks.failing.load(Ordering::Relaxed)),
            age: self.age(place),
            too_old: !self.count(Place::Url),
        }
    }
}
