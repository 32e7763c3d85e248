//! Every way in which a fact can arrive, in random order, against a model of the origin, the log, Redis and another
//! edge: a node never shows a lower version than it has shown, nor an older one than its `as_of` promises. One of the
//! SKUs is created meanwhile: it begins as an unknown name, which is version 0, and must not be shown as unknown once
//! it exists.

use proptest::prelude::*;

use super::*;

const SKUS: [&str; 3] = ["a", "b", "c"];

#[derive(Debug, Clone, Copy)]
enum Step {
    /// A change is committed and acknowledged.
    Commit(usize),
    /// The relay publishes what is committed, and then a watermark.
    Relay,
    /// The edge reads one record.
    Deliver,
    LoadSent(usize),
    LoadRead(usize),
    LoadLanded(usize),
    Evict(usize),
    /// The region's writer applies one record to Redis.
    L2Write,
    /// An edge that is ahead fills.
    L2ForeignFill(usize),
    L2FillBegins(usize),
    L2FillLands(usize),
    L2Expires(usize),
    L2Read(usize),
    L2Landed(usize),
    /// A write through this edge is answered.
    Written(usize),
    /// The log was lost under the edge.
    Restart,
    Look(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let one = 0..SKUS.len();
    prop_oneof![
        4 => one.clone().prop_map(Step::Commit),
        3 => Just(Step::Relay),
        8 => Just(Step::Deliver),
        3 => one.clone().prop_map(Step::LoadSent),
        3 => (0..4_usize).prop_map(Step::LoadRead),
        3 => (0..4_usize).prop_map(Step::LoadLanded),
        2 => one.clone().prop_map(Step::Evict),
        6 => Just(Step::L2Write),
        1 => one.clone().prop_map(Step::L2ForeignFill),
        2 => one.clone().prop_map(Step::L2FillBegins),
        2 => (0..4_usize).prop_map(Step::L2FillLands),
        1 => one.clone().prop_map(Step::L2Expires),
        3 => one.clone().prop_map(Step::L2Read),
        3 => (0..4_usize).prop_map(Step::L2Landed),
        1 => one.clone().prop_map(Step::Written),
        1 => Just(Step::Restart),
        6 => one.prop_map(Step::Look),
    ]
}

#[derive(Clone, Copy)]
enum Record {
    Fact(usize, u64),
    Watermark(u64),
}

/// A load or a read of L2 in flight.
struct Flight {
    sku: usize,
    source: LoadSource,
    read: Option<u64>,
}

struct World {
    tiers: Tiers,
    clock: u64,
    truth: [u64; 3],
    /// When each version was acknowledged: (sku, version, time).
    acknowledged: Vec<(usize, u64, u64)>,
    unpublished: Vec<(usize, u64)>,
    log: Vec<Record>,
    next: usize,
    as_of: u64,
    loads: Vec<Flight>,
    reads: Vec<Flight>,
    /// Redis: the hashes and the writer's offset.
    hashes: [Option<u64>; 3],
    writer: usize,
    /// Fills in flight: (sku, position, version).
    fills: Vec<(usize, usize, u64)>,
    shown: [u64; 3],
}

impl World {
    fn new(recent: usize) -> Self {
        Self {
            tiers: Tiers::new(recent, 1),
            clock: 1,
            truth: [0, 1, 1],
            acknowledged: Vec::new(),
            unpublished: Vec::new(),
            log: Vec::new(),
            next: 0,
            as_of: 0,
            loads: Vec::new(),
            reads: Vec::new(),
            hashes: [None; 3],
            writer: 0,
            fills: Vec::new(),
            shown: [0; 3],
        }
    }

    fn take(&mut self, step: Step) {
        self.clock += 1;
        match step {
            Step::Commit(sku) => self.commit(sku),
            Step::Relay => {
                let records = self.unpublished.drain(..).map(|(sku, version)| Record::Fact(sku, version));
                self.log.extend(records);
                self.log.push(Record::Watermark(self.clock));
            }
            Step::Deliver => self.deliver(),
            Step::LoadSent(sku) => {
                let source = self.tiers.began();
                self.loads.push(Flight { sku, source, read: None });
            }
            Step::LoadRead(index) => {
                if let Some(load) = self.loads.get_mut(index) {
                    load.read = Some(self.truth[load.sku]);
                }
            }
            Step::LoadLanded(index) => {
                if self.loads.get(index).is_some_and(|load| load.read.is_some()) {
                    let load = self.loads.swap_remove(index);
                    self.land(load);
                }
            }
            Step::Evict(sku) => self.tiers.l1.evict(&super::sku(SKUS[sku])),
            Step::L2Write => self.l2_write(),
            Step::L2ForeignFill(sku) if self.truth[sku] == 0 => {} // nobody fills a SKU that does not exist
            Step::L2ForeignFill(sku) => self.hashes[sku] = self.hashes[sku].max(Some(self.truth[sku])),
            Step::L2FillBegins(sku) => {
                let position = self.next;
                if let Some(version) = self.tiers.held(SKUS[sku]).filter(|version| *version > 0) {
                    self.fills.push((sku, position, version));
                }
            }
            Step::L2FillLands(index) => {
                if index < self.fills.len() {
                    let (sku, position, version) = self.fills.swap_remove(index);
                    if position >= self.writer {
                        self.hashes[sku] = self.hashes[sku].max(Some(version));
                    }
                }
            }
            Step::L2Expires(sku) => self.hashes[sku] = None,
            Step::L2Read(sku) => {
                let source = LoadSource::L2 { partition: 0, offset: self.writer as i64, as_of: at(self.as_of) };
                self.reads.push(Flight { sku, source, read: self.hashes[sku] });
            }
            Step::L2Landed(index) => {
                if index < self.reads.len() {
                    let read = self.reads.swap_remove(index);
                    self.land(read);
                }
            }
            Step::Written(sku) if self.truth[sku] == 0 => {} // it cannot be held
            Step::Written(sku) => {
                self.commit(sku);
                let written = Stock { item: None, facts: vec![fact(SKUS[sku], self.truth[sku])] };
                let name = super::sku(SKUS[sku]);
                self.tiers.recent.written(&name, written.clone(), at(self.clock));
                self.tiers.l1.written(&name, written);
            }
            Step::Restart => {
                self.next = self.log.len();
                self.tiers.intake.restart(&[self.next as i64]);
            }
            Step::Look(sku) => {
                if let Some(version) = self.tiers.held(SKUS[sku]) {
                    self.shows(sku, version, self.as_of);
                }
            }
        }
    }

    fn commit(&mut self, sku: usize) {
        self.truth[sku] += 1;
        self.unpublished.push((sku, self.truth[sku]));
        self.acknowledged.push((sku, self.truth[sku], self.clock));
    }

    fn deliver(&mut self) {
        let Some(record) = self.log.get(self.next).copied() else { return };
        match record {
            Record::Fact(sku, 1) => self.tiers.create(self.next as i64, SKUS[sku]),
            Record::Fact(sku, version) => self.tiers.feed(self.next as i64, SKUS[sku], version),
            Record::Watermark(t) => {
                self.as_of = self.as_of.max(t);
                self.tiers.recent.drop_passed(at(self.as_of));
            }
        }
        self.next += 1;
    }

    fn l2_write(&mut self) {
        let Some(record) = self.log.get(self.writer).copied() else { return };
        if let Record::Fact(sku, version) = record {
            self.hashes[sku] = self.hashes[sku].map(|held| held.max(version));
        }
        self.writer += 1;
    }

    fn land(&mut self, flight: Flight) {
        let Some(read) = flight.read else { return };
        let as_of = self.as_of; // read before the entry
        if let Some(version) = self.tiers.fill(SKUS[flight.sku], read, flight.source, self.clock) {
            self.shows(flight.sku, version, as_of);
        }
    }

    fn shows(&mut self, sku: usize, version: u64, as_of: u64) {
        assert!(version >= self.shown[sku], "{} went back from {} to {version}", SKUS[sku], self.shown[sku]);
        self.shown[sku] = version;
        let promised = self.acknowledged.iter().filter(|(of, _, moment)| *of == sku && *moment < as_of);
        let promised = promised.map(|(_, version, _)| *version).max().unwrap_or(0);
        assert!(version >= promised, "as_of {as_of} promises {promised} of {}, shown {version}", SKUS[sku]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_node_never_goes_back_and_never_answers_below_its_as_of(
        recent in 1..5_usize,
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut world = World::new(recent);
        steps.into_iter().for_each(|step| world.take(step));
    }
}
