//! The fill race, exhaustively: every order of commits, the feed's steps, loads, reads of L2, fills, evictions and
//! pauses, within small bounds. Each step runs the real `recent` and the code that L1 runs inside its one door
//! ([`l1::filled`]). The only property of moka that it needs is that one closure runs at a time for a key.
//!
//! What is not atomic in the node is not atomic here: a record enters `recent`, then L1, then the position moves; a
//! watermark moves `as_of`, then loaded facts leave `recent`; a load is sent, is read and lands; L2's offset is read
//! before its hash. In a pause, any of them waits while all others go on.
//!
//! One SKU is watched; if the model begins at version 0, from before it is created: L1 may then hold that there is no
//! such SKU, which an eviction removes like anything else. Records of another SKU push it out of a `recent` that holds
//! one or two. After every step L1 must hold no less than it ever showed (invariant 3) and no less than `as_of`
//! promises (invariant 4). Without the join with `recent`, the checker must find a violation.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use stateright::{Checker, Model, Property};

use super::{
    super::{l1, recent::Tick},
    *,
};

const SKU: &str = "a";
const OTHER: &str = "b";

#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    /// A change is committed and acknowledged.
    Commit,
    /// The relay publishes what is committed, and then a watermark.
    Relay,
    /// A record of another SKU.
    Other,
    /// The feed takes the next record: into `recent`, or `as_of`.
    Take,
    /// The rest of it: into L1, or loaded facts are removed; then the position moves.
    Finish,
    Send,
    /// The origin reads for the load of this index.
    Read(usize),
    Land(usize),
    Evict,
    /// The region's writer applies a record.
    Write,
    /// Another edge, ahead of the writer, fills; or the hash expires.
    ForeignFill,
    Expire,
    /// This edge fills: position and entry are read; the script runs.
    FillBegins,
    FillLands,
    /// A read of L2: first the offset, then the hash, then it lands.
    Offset,
    Hash,
    LandL2,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Record {
    /// The item itself, which shows nothing yet.
    Created,
    Fact(u64),
    Other,
    /// Every change up to this version was acknowledged before it.
    Mark(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Load {
    began: Tick,
    read: Option<u64>,
}

/// A read of L2 in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct L2Read {
    offset: usize,
    as_of: u64,
    /// The hash, once it is read.
    hash: Option<Option<u64>>,
}

/// How often each may still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Left {
    commits: u8,
    relays: u8,
    others: u8,
    loads: u8,
    evictions: u8,
    l2_reads: u8,
    l2_fills: u8,
    expiries: u8,
}

#[derive(Clone)]
struct State {
    recent: Arc<Recent>,
    held: Option<u64>,
    truth: u64,
    published: u64,
    log: Vec<Record>,
    next: usize,
    /// Whether the record at `next` is half applied.
    taken: bool,
    as_of: u64,
    loads: Vec<Load>,
    hash: Option<u64>,
    writer: usize,
    fill: Option<(usize, u64)>,
    l2_read: Option<L2Read>,
    /// The highest version that anybody can have seen.
    shown: u64,
    went_back: bool,
    /// Whether a read of L2 was used.
    l2_answered: bool,
    left: Left,
    essence: u64,
}

impl State {
    /// Makes states equal that differ only in their ticks.
    fn seal(mut self) -> Self {
        let mut hasher = DefaultHasher::new();
        let began: Vec<Tick> = self.loads.iter().map(|load| load.began).collect();
        self.recent.essence(&began, &mut hasher);
        self.loads.iter().for_each(|load| load.read.hash(&mut hasher));
        (self.hash, self.writer, self.fill, self.l2_read, self.held).hash(&mut hasher);
        (&self.log, self.next, self.taken, self.as_of, self.published, self.truth).hash(&mut hasher);
        (self.shown, self.went_back, self.l2_answered, self.left).hash(&mut hasher);
        self.essence = hasher.finish();
        self
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.essence == other.essence
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.essence.hash(hasher);
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { held, truth, as_of, shown, .. } = self;
        write!(f, "L1 {held:?} of {truth}, as of {as_of}, shown {shown}")
    }
}

/// A change is acknowledged at ten times its version; watermarks and reads are in between.
fn moment(version: u64) -> Timestamp {
    at(version * 10 + 5)
}

struct FillRace {
    recent: usize,
    /// The version at the start; 0 if the SKU has yet to be created.
    begins: u64,
    /// Whether loads are joined with `recent`; without that, loaded facts are put in as they come.
    fence: bool,
    left: Left,
}

impl FillRace {
    /// What the caller is answered; `None` if the load is repeated, or its answer is not valid.
    fn land(&self, state: &mut State, read: u64, source: LoadSource, until: u64) -> Option<u64> {
        let held = state.held.map(|version| stock(SKU, version));
        let loaded = stock(SKU, read);
        let filled = if self.fence {
            l1::filled(&state.recent, &sku(SKU), held.as_ref(), loaded, source, moment(until), || 0).ok()?
        } else {
            let mut filled = loaded;
            filled.join(held.unwrap_or_default());
            filled
        };
        state.held = Some(version(&filled));
        state.held
    }

    /// `None` if nothing would change.
    fn step(&self, before: &State, step: Step) -> Option<State> {
        let mut state = before.clone();
        match step {
            Step::Commit => {
                state.left.commits = state.left.commits.checked_sub(1)?;
                state.truth += 1;
            }
            Step::Relay => state.relay()?,
            Step::Other => {
                state.left.others = state.left.others.checked_sub(1)?;
                state.log.push(Record::Other);
            }
            Step::Send => {
                state.left.loads = state.left.loads.checked_sub(1)?;
                state.loads.push(Load { began: state.recent.tick(), read: None });
            }
            Step::Read(index) => {
                let load = state.loads.get_mut(index).filter(|load| load.read.is_none())?;
                load.read = Some(state.truth);
            }
            Step::Evict => {
                state.left.evictions = state.left.evictions.checked_sub(1)?;
                state.held.take()?;
            }
            Step::Take | Step::Finish | Step::Land(_) | Step::LandL2 => self.touch(&mut state, step)?,
            other => state.redis(other)?,
        }
        Some(state.seal())
    }

    /// What the node itself does, with its own `recent`.
    fn touch(&self, state: &mut State, step: Step) -> Option<()> {
        let landing = state.landing(step)?;
        state.recent = Arc::new(state.recent.fork());
        let answered = match (step, landing) {
            (Step::Take, _) => state.take(),
            (Step::Finish, _) => state.finish(),
            (_, Some((read, source, until))) => self.land(state, read, source, until),
            _ => None,
        };
        state.l2_answered |= step == Step::LandL2 && answered.is_some();
        let seen = [state.held, answered].into_iter().flatten();
        state.went_back |= seen.clone().any(|version| version < state.shown || version < state.as_of);
        state.shown = seen.max().unwrap_or(0).max(state.shown);
        Some(())
    }
}

impl State {
    fn relay(&mut self) -> Option<()> {
        self.left.relays = self.left.relays.checked_sub(1)?;
        if self.published == 0 && self.truth > 0 {
            self.log.push(Record::Created);
        }
        if self.published < self.truth {
            self.log.push(Record::Fact(self.truth));
        }
        self.published = self.truth;
        self.log.push(Record::Mark(self.truth));
        Some(())
    }

    /// Whether the step can be taken, and what lands with it: the version that was read, its source, and the time
    /// through which it is valid.
    #[allow(clippy::option_option)] // nothing to do, nothing lands, something lands
    fn landing(&mut self, step: Step) -> Option<Option<(u64, LoadSource, u64)>> {
        match step {
            Step::Take => (!self.taken && self.next < self.log.len()).then_some(None),
            Step::Finish => self.taken.then_some(None),
            Step::Land(index) => {
                let Load { began, read } = *self.loads.get(index)?;
                let read = read?;
                self.loads.remove(index);
                Some(Some((read, LoadSource::Origin { began }, read)))
            }
            _ => {
                let L2Read { offset, as_of, hash } = self.l2_read?;
                let hash = hash?;
                self.l2_read = None;
                let source = LoadSource::L2 { partition: 0, offset: offset as i64, as_of: moment(as_of) };
                Some(hash.map(|version| (version, source, self.truth)))
            }
        }
    }

    fn take(&mut self) -> Option<u64> {
        self.taken = true;
        let offset = self.next as i64;
        match self.log[self.next] {
            Record::Created => self.recent.feed(0, offset, SkuChange::Item(item(SKU))),
            Record::Fact(version) => self.recent.feed(0, offset, SkuChange::Fact(fact(SKU, version))),
            Record::Other => self.recent.feed(0, offset, SkuChange::Fact(fact(OTHER, 1))),
            Record::Mark(version) => self.as_of = self.as_of.max(version),
        }
        None
    }

    fn finish(&mut self) -> Option<u64> {
        match self.log[self.next] {
            Record::Fact(version) => self.held = self.held.map(|held| held.max(version)), // `L1::feed`
            Record::Other | Record::Created => {}
            Record::Mark(_) => self.recent.drop_passed(moment(self.as_of)),
        }
        self.taken = false;
        self.next += 1;
        None
    }

    fn redis(&mut self, step: Step) -> Option<()> {
        match step {
            Step::Write => {
                if let Record::Fact(version) = *self.log.get(self.writer)? {
                    self.hash = self.hash.map(|hash| hash.max(version));
                }
                self.writer += 1;
            }
            Step::ForeignFill => {
                self.left.l2_fills = self.left.l2_fills.checked_sub(1)?;
                self.hash = self.hash.max(Some(self.truth).filter(|version| *version > 0));
            }
            Step::Expire => {
                self.left.expiries = self.left.expiries.checked_sub(1)?;
                self.hash.take()?;
            }
            Step::FillBegins => {
                self.left.l2_fills = self.left.l2_fills.checked_sub(1)?;
                self.fill = Some((self.next, self.held.filter(|version| *version > 0)?));
            }
            Step::FillLands => {
                let (position, version) = self.fill.take()?;
                if position >= self.writer {
                    self.hash = self.hash.max(Some(version));
                }
            }
            Step::Offset => {
                self.left.l2_reads = self.left.l2_reads.checked_sub(1)?;
                self.l2_read = Some(L2Read { offset: self.writer, as_of: self.as_of, hash: None });
            }
            Step::Hash => {
                let hash = self.hash;
                self.l2_read.as_mut().filter(|read| read.hash.is_none())?.hash = Some(hash);
            }
            _ => return None,
        }
        Some(())
    }
}

impl Model for FillRace {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let tiers = Tiers::new(self.recent, 1);
        let state = State {
            recent: tiers.recent,
            held: None,
            truth: self.begins,
            published: self.begins,
            log: Vec::new(),
            next: 0,
            taken: false,
            as_of: 0,
            loads: Vec::new(),
            hash: None,
            writer: 0,
            fill: None,
            l2_read: None,
            shown: 0,
            went_back: false,
            l2_answered: false,
            left: self.left,
            essence: 0,
        };
        vec![state.seal()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Step>) {
        use Step::*;
        actions.extend([Commit, Relay, Other, Take, Finish, Send, Evict, Write, ForeignFill, Expire]);
        actions.extend([FillBegins, FillLands, Offset, Hash, LandL2]);
        actions.extend((0..state.loads.len()).flat_map(|index| [Read(index), Land(index)]));
    }

    fn next_state(&self, state: &State, step: Step) -> Option<State> {
        self.step(state, step)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("nothing goes back, nothing is below its as_of", |_, state: &State| !state.went_back),
            Property::sometimes("the feed overtakes a load", |_, state: &State| {
                state.loads.iter().any(|load| load.read.is_some_and(|read| read < state.as_of))
            }),
            Property::sometimes("L2 answers", |_, state: &State| state.l2_answered),
        ]
    }
}

/// It takes seconds in all; if it takes longer, the bounds have grown beyond what every test run should pay for.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(60);
const NONE: Left =
    Left { commits: 0, relays: 0, others: 0, loads: 0, evictions: 0, l2_reads: 0, l2_fills: 0, expiries: 0 };

fn check(name: &str, model: FillRace) -> impl Checker<FillRace> {
    let began = std::time::Instant::now();
    let checked = model.checker().threads(2).timeout(LIMIT).spawn_bfs().join();
    let (states, took) = (checked.unique_state_count(), began.elapsed());
    eprintln!("{name}: {states} states in {took:?}");
    assert!(checked.is_done(), "{name}: not every order was tried");
    checked
}

/// Two loads that cross, against the feed and evictions.
fn loads(recent: usize) -> Left {
    let others = u8::from(recent == 1);
    Left { commits: 2, relays: 1, others, loads: 2, evictions: 1, ..NONE }
}

/// A load and reads of L2, against the feed, the writer, fills and evictions.
fn second_tier(recent: usize) -> Left {
    let others = u8::from(recent == 1);
    Left { commits: 1, relays: 1, others, loads: 1, evictions: 1, l2_reads: 1, l2_fills: 1, expiries: 0 }
}

#[test]
fn no_order_of_loads_goes_back_or_below_as_of() {
    for recent in [1, 2] {
        let checked = check("loads", FillRace { recent, begins: 1, fence: true, left: loads(recent) });
        checked.assert_no_discovery("nothing goes back, nothing is below its as_of");
        checked.assert_any_discovery("the feed overtakes a load");
    }
}

#[test]
fn no_order_with_the_second_tier_goes_back_or_below_as_of() {
    for recent in [1, 2] {
        let checked = check("second tier", FillRace { recent, begins: 1, fence: true, left: second_tier(recent) });
        checked.assert_no_discovery("nothing goes back, nothing is below its as_of");
        checked.assert_any_discovery("L2 answers");
    }
}

/// What a load found before the SKU was created must never hide it.
#[test]
fn no_order_hides_a_sku_that_was_created() {
    for recent in [1, 2] {
        for left in [loads(recent), second_tier(recent)] {
            let checked = check("creation", FillRace { recent, begins: 0, fence: true, left });
            checked.assert_no_discovery("nothing goes back, nothing is below its as_of");
            checked.assert_any_discovery("the feed overtakes a load");
        }
    }
}

#[test]
fn without_the_fence_a_created_sku_is_hidden() {
    let left = Left { commits: 1, relays: 1, loads: 1, evictions: 1, ..NONE };
    let checked = FillRace { recent: 2, begins: 0, fence: false, left }.checker().spawn_bfs().join();
    checked.assert_any_discovery("nothing goes back, nothing is below its as_of");
}

/// The model can fail: without the join with `recent` the checker finds the race.
#[test]
fn without_the_fence_the_race_is_found() {
    let left = Left { commits: 1, relays: 1, loads: 1, ..NONE };
    let checked = FillRace { recent: 2, begins: 1, fence: false, left }.checker().spawn_bfs().join();
    let path = checked.assert_any_discovery("nothing goes back, nothing is below its as_of");
    let steps = path.into_actions();
    eprintln!("the race: {steps:?}");
    assert!(steps.contains(&Step::Take) && steps.last() == Some(&Step::Land(0)), "the load lands last: {steps:?}");
}
