//! Writers and readers that go on through every fault, and the checker that judges what they see.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hdrhistogram::Histogram;
use onhand_checker::Checker;
use onhand_harness::{Client, World};
use onhand_wire::{Sku, Timestamp};
use tokio::task::JoinSet;

use super::{books::Books, readers, writers};

/// Of each, half are at `a` and half at `b`; the scarce ones sell out.
const PLENTY: usize = 10;
const SCARCE: usize = 2;
pub const PLENTY_STOCK: i64 = 1_000_000;
pub const SCARCE_STOCK: i64 = 20;
/// A frozen node must not hold a writer for long: the next way in is tried with the same key.
const TRY: Duration = Duration::from_secs(3);
const LONGER_THAN_ANY_FAULT: Duration = Duration::from_secs(90);
const READERS_AN_EDGE: usize = 3;

/// What all tasks of a load share.
pub struct Shared {
    pub checker: Checker,
    pub books: Books,
    pub skus: Vec<Sku>,
    pub edges: Vec<Edge>,
    /// Where writes go: edges and origins by turns.
    pub shop: onhand_client::Client,
    pub stop: AtomicBool,
    /// Readers set no bounds and clear nothing.
    pub from_cache_only: AtomicBool,
    /// From sending a lookup to its answer from L1, in microseconds.
    pub hits: Mutex<Histogram<u64>>,
    /// The latest `Onhand-As-Of` of a write.
    pub last: Mutex<Timestamp>,
}

pub struct Edge {
    pub public: Client,
    pub management: Client,
    /// Clears a tier.
    pub operator: String,
}

pub struct Load {
    pub shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

/// Stock for a load: `s0`… with plenty, `r0`… scarce.
pub async fn seed(world: &World) -> Vec<Sku> {
    for (priority, location) in ["a", "b"].into_iter().enumerate() {
        world.location(location, i32::try_from(priority).unwrap()).await;
    }
    let mut skus = Vec::new();
    for (prefix, count, stock) in [("s", PLENTY, PLENTY_STOCK), ("r", SCARCE, SCARCE_STOCK)] {
        for number in 0..count {
            let sku = format!("{prefix}{number}");
            for location in ["a", "b"] {
                world.stock(&sku, location, stock / 2).await;
            }
            skus.push(Sku::new(&sku).unwrap());
        }
    }
    skus
}

impl Load {
    /// `writers` of them; each prefers another of the ways in.
    pub fn start(world: &World, skus: Vec<Sku>, writers: usize) -> Self {
        let edge = |node: &onhand_harness::Node| Edge {
            public: node.anonymous(),
            management: node.management(),
            operator: format!("Bearer {}", world.tokens.operator),
        };
        let nodes = world.edges().iter().chain(world.origins()).map(|node| node.url());
        let shop = onhand_client::Client::builder().urls(nodes).token(&world.tokens.storefront);
        let shared = Arc::new(Shared {
            checker: Checker::new(world.edges().iter().map(|edge| edge.name().to_owned())),
            books: Books::default(),
            skus,
            edges: world.edges().iter().map(edge).collect(),
            shop: shop.try_timeout(TRY).patience(LONGER_THAN_ANY_FAULT).build().unwrap(),
            stop: AtomicBool::new(false),
            from_cache_only: AtomicBool::new(false),
            hits: Mutex::new(histogram()),
            last: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        for number in 0..writers {
            tasks.spawn(writers::write(shared.clone(), number));
        }
        for number in 0..READERS_AN_EDGE * shared.edges.len() {
            tasks.spawn(readers::read(shared.clone(), number % shared.edges.len(), number));
        }
        Self { shared, tasks }
    }

    /// The hits since this was last asked.
    pub fn take_hits(&self) -> Histogram<u64> {
        std::mem::replace(&mut *self.shared.hits.lock().unwrap(), histogram())
    }

    /// Whether lookups leave the origin alone from now on.
    pub fn answer_from_cache(&self, only: bool) {
        self.shared.from_cache_only.store(only, Ordering::Relaxed);
    }

    pub fn last(&self) -> Timestamp {
        *self.shared.last.lock().unwrap()
    }

    /// Every task has ended, and none by a panic.
    pub async fn end(mut self) -> Arc<Shared> {
        self.shared.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("no caller saw what the contract rules out");
        }
        self.shared
    }
}

impl Shared {
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000, 3).expect("bounds that make sense")
}

/// Milliseconds.
pub fn p99(hits: &Histogram<u64>) -> f64 {
    Duration::from_micros(hits.value_at_quantile(0.99)).as_secs_f64() * 1000.0
}
