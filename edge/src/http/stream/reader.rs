//! One stream: what its reader has seen, and what must be shown next.
//!
//! The connection pulls one event at a time, in this order: the end, if there is a reason; a load, if the state is no
//! longer valid; what must be shown again because topology or rules changed; the changes that wait; and an `as_of`,
//! once everything that it covers was shown.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use onhand_wire::Timestamp;
use tokio::{
    sync::watch,
    time::{Interval, MissedTickBehavior, interval_at},
};

use super::{
    ask::Wanted,
    event::{self, End, Resume, Seen},
};
use crate::{
    cache::{
        Loaded, Need,
        subscriptions::{Subscription, Update},
    },
    entry::Entry,
    freshness::Mode,
    node::Node,
    open_streams::OpenStream,
    topology::Snapshot,
    view::{self, Ask},
};

/// How often an `as_of` is sent.
const TICK: Duration = Duration::from_secs(1);

/// What a stream begins with.
pub(super) struct Start {
    pub(super) wanted: Wanted,
    pub(super) subscription: Subscription,
    /// The subscription's generation before the load.
    pub(super) generation: u64,
    pub(super) loaded: Vec<Loaded>,
    pub(super) last: Option<Resume>,
    /// The node's as-of before the load.
    pub(super) as_of: Timestamp,
    /// The last second, since 1970, for which its token is good.
    pub(super) until: Option<u64>,
    pub(super) place: OpenStream,
}

/// An as-of that is sent once all updates that waited when it was read have been shown.
struct Claim {
    as_of: Timestamp,
    backlog: usize,
}

pub(super) struct Reader {
    node: Arc<Node>,
    wanted: Wanted,
    subscription: Subscription,
    place: OpenStream,
    until: Option<u64>,
    resume: Resume,
    /// For each SKU, the state to show, and its serial.
    states: Vec<(u64, Arc<Entry>)>,
    /// SKUs to show if they look different.
    to_show: VecDeque<usize>,
    /// The generation under which the states are complete; `None` if they must be loaded, at the next tick.
    generation: Option<u64>,
    snapshot: Arc<Snapshot>,
    release: u64,
    topology: watch::Receiver<()>,
    /// The last `as_of` that was sent.
    as_of: Timestamp,
    claim: Option<Claim>,
    tick: Interval,
    ended: bool,
}

impl Reader {
    pub(super) fn new(node: Arc<Node>, start: Start) -> Self {
        let Start { wanted, subscription, generation, loaded, last, as_of, until, place } = start;
        let mut tick = interval_at(tokio::time::Instant::now() + TICK, TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reader = Self {
            resume: last.unwrap_or_else(|| Resume::new(&wanted)),
            states: loaded.iter().map(|loaded| (0, loaded.entry.clone())).collect(),
            to_show: (0..wanted.skus.len()).collect(),
            generation: None,
            topology: node.topology.changes(),
            snapshot: node.topology.snapshot(),
            release: node.rules.release(),
            claim: Some(Claim { as_of, backlog: 0 }),
            ended: false,
            node,
            wanted,
            subscription,
            place,
            until,
            as_of,
            tick,
        };
        reader.seed(&loaded, generation);
        reader
    }

    /// The next event; `None` after the end.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        while !self.ended {
            if let Some(end) = self.end_reason() {
                self.place.reason = end.as_str();
                self.ended = true;
                return Some(end.event());
            }
            if self.generation.is_some_and(|generation| generation != self.subscription.generation()) {
                self.load().await;
            }
            self.show_all_if_changed();
            let shown = if let Some(index) = self.to_show.pop_front() {
                self.show(index)
            } else if let Some(update) = self.subscription.next() {
                self.take(update)
            } else {
                None
            };
            let event = shown.or_else(|| self.claimed());
            if event.is_some() {
                return event;
            }
            if self.to_show.is_empty() && self.subscription.backlog() == 0 {
                self.wait().await;
            }
        }
        None
    }

    fn end_reason(&self) -> Option<End> {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if self.place.must_end() {
            Some(End::ShuttingDown)
        } else if self.subscription.overflowed() {
            Some(End::SlowReader)
        } else if self.until.is_some_and(|until| now() > until) {
            Some(End::TokenExpired)
        } else if self.node.mode() == Mode::Unavailable {
            Some(End::OriginUnavailable)
        } else if self.wanted.channel.as_ref().is_some_and(|id| self.snapshot.channel(id.as_str()).is_none()) {
            Some(End::UnknownChannel)
        } else {
            None
        }
    }

    /// Loads again, because the log or its history was lost and the states are no longer valid. Until then, no later
    /// `as_of` is sent.
    async fn load(&mut self) {
        let generation = self.subscription.generation();
        self.generation = None;
        let Some(as_of) = self.node.freshness.as_of() else { return };
        let need = Need { as_of: as_of.t, ..Need::default() };
        if let Ok(loaded) = self.node.cache.all(&self.wanted.skus, &need, || self.place.caller().clone()).await {
            self.seed(&loaded, generation);
        }
    }

    /// The states are complete from now on, unless something that was loaded belongs to a lost history.
    fn seed(&mut self, loaded: &[Loaded], generation: u64) {
        if loaded.iter().any(|loaded| loaded.superseded) {
            return;
        }
        for (index, loaded) in loaded.iter().enumerate() {
            let Some(update) = self.subscription.seed(index, &loaded.entry.stock, generation) else { return };
            self.states[index] = (update.serial, update.entry);
        }
        self.to_show = (0..self.states.len()).collect();
        self.generation = Some(generation);
    }

    /// Everything must be shown again under another topology or another release of the rules.
    fn show_all_if_changed(&mut self) {
        let (snapshot, release) = (self.node.topology.snapshot(), self.node.rules.release());
        if snapshot.version != self.snapshot.version || release != self.release {
            (self.snapshot, self.release) = (snapshot, release);
            self.to_show = (0..self.states.len()).collect();
        }
    }

    fn take(&mut self, update: Update) -> Option<Bytes> {
        if let Some(claim) = &mut self.claim {
            claim.backlog = claim.backlog.saturating_sub(1);
        }
        if update.serial <= self.states[update.index].0 {
            return None; // seeded with a later one
        }
        self.states[update.index] = (update.serial, update.entry);
        self.show(update.index)
    }

    /// The SKU's state, unless its reader saw the same last.
    fn show(&mut self, index: usize) -> Option<Bytes> {
        let channel = self.wanted.channel.as_ref().and_then(|id| self.snapshot.channel(id.as_str()));
        let ask = Ask { channel, ..Ask::default() };
        let body = view::rendered(&self.states[index].1, ask, &self.snapshot, &self.node.rules);
        let seen = body.as_ref().map_or(Seen::UNKNOWN, |shown| Seen::of(&shown.body));
        if std::mem::replace(&mut self.resume.seen[index], seen) == seen {
            return None;
        }
        let id = self.resume.encode();
        self.node.metrics.stream_event();
        Some(match body {
            Some(shown) => event::availability(&id, &shown.body),
            None => event::unknown(&id, &self.wanted.skus[index]),
        })
    }

    /// The claimed `as_of`, once everything that it covers was shown.
    fn claimed(&mut self) -> Option<Bytes> {
        let shown = |claim: &mut Claim| claim.backlog == 0 && self.to_show.is_empty();
        let claim = self.claim.take_if(shown)?;
        let whole = self.generation == Some(self.subscription.generation());
        if whole {
            self.as_of = self.as_of.max(claim.as_of);
        }
        Some(event::as_of(self.as_of, !whole || self.node.mode() == Mode::Stale))
    }

    async fn wait(&mut self) {
        let ticked = tokio::select! {
            biased;
            () = self.place.ends() => false,
            () = self.subscription.updated() => false,
            _the_node_holds_it = self.topology.changed() => false,
            _ = self.tick.tick() => true,
        };
        if ticked {
            self.ticked().await;
        }
    }

    /// Reads the `as_of` **before** it counts the changes that wait, so each change that it covers is among them or was
    /// shown.
    async fn ticked(&mut self) {
        if let Some(as_of) = self.node.freshness.as_of() {
            self.claim = Some(Claim { as_of: as_of.t, backlog: self.subscription.backlog() });
        }
        if self.generation.is_none() {
            self.load().await;
        }
    }
}
