//! The callers that do lookups meanwhile, with the stream's own popularity. The checker judges what they are shown: no
//! edge may go back to a lower version, and an answer with an as-of later than an acknowledgement must show what was
//! acknowledged.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use onhand_checker::{Asked, versions};
use onhand_client::{self as client, Reply};
use onhand_wire::{Sku, availability::Availability, request::AvailabilityQuery};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::task::JoinSet;

use super::{
    Error,
    orders::Orders,
    stage::{Stage, count},
};

/// The pause between two lookups of one caller: lookups accompany the orders; they aren't a load test.
const PAUSE: Duration = Duration::from_millis(1);
const QUERY_SKUS: usize = 50;
const EDGES_START: Duration = Duration::from_secs(60);

/// An edge that does not know the seeded stock yet would answer 404 or 0.
pub(super) async fn wait_for_edges(stage: &Stage) -> Result<(), Error> {
    let Some(sku) = stage.seeded.skus.last() else { return Ok(()) };
    for edge in 0..stage.edges.nodes() {
        let began = Instant::now();
        while let Err(error) = stage.edges.availability(sku, &stage.view()).only(edge).await {
            if error.problem().is_none() || began.elapsed() > EDGES_START {
                return Err(error.into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

pub(super) struct Lookers {
    stop: Arc<AtomicBool>,
    at_work: JoinSet<()>,
}

impl Lookers {
    pub(super) async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.at_work.join_all().await;
    }
}

pub(super) fn start(stage: &Arc<Stage>, orders: &Arc<Orders>, lookers: u16) -> Lookers {
    let (stop, mut at_work) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
    for seed in 0..lookers {
        let (stage, orders, stop) = (Arc::clone(stage), Arc::clone(orders), Arc::clone(&stop));
        at_work.spawn(async move {
            let mut looker = Looker { stage, rng: StdRng::seed_from_u64(u64::from(seed)) };
            while !stop.load(Ordering::Relaxed) {
                looker.look(&orders).await;
                tokio::time::sleep(PAUSE).await;
            }
        });
    }
    Lookers { stop, at_work }
}

struct Looker {
    stage: Arc<Stage>,
    rng: StdRng,
}

impl Looker {
    async fn look(&mut self, orders: &Orders) {
        let edge = self.rng.random_range(0..self.stage.edges.nodes());
        let many = self.rng.random_ratio(1, 10);
        let skus: Vec<Sku> = (0..if many { QUERY_SKUS } else { 1 }).map(|_| self.popular(orders)).collect();
        let asked = self.stage.checker.asking();
        match if many { self.query(edge, &skus).await } else { self.single(edge, &skus[0]).await } {
            Ok(reply) => self.judge(edge, asked, &skus, reply),
            Err(error @ client::Error::Unreadable { .. }) => self.stage.counts.unexpected.add(|| error.to_string()),
            // An edge may be down or degraded for a while; only what it shows is judged.
            Err(_) => count(&self.stage.counts.lookup_failures),
        }
    }

    fn popular(&mut self, orders: &Orders) -> Sku {
        let order = &orders.list[self.rng.random_range(0..orders.list.len())];
        order.lines[self.rng.random_range(0..order.lines.len())].0.clone()
    }

    async fn single(&self, edge: usize, sku: &Sku) -> Result<Reply<Vec<Availability>>, client::Error> {
        let call = self.stage.edges.availability(sku, &self.stage.view()).only(edge).once();
        Ok(call.await?.map(|item| vec![item]))
    }

    async fn query(&self, edge: usize, skus: &[Sku]) -> Result<Reply<Vec<Availability>>, client::Error> {
        let channel = Some(self.stage.seeded.channel.clone());
        let query = AvailabilityQuery { skus: skus.to_vec(), channel, locations: None };
        Ok(self.stage.edges.query(&query).only(edge).once().await?.map(|answers| answers.items))
    }

    fn judge(&self, node: usize, asked: Asked, skus: &[Sku], reply: Reply<Vec<Availability>>) {
        count(&self.stage.counts.lookups);
        let Some(as_of) = reply.as_of else {
            return self.stage.counts.unexpected.add(|| format!("a lookup of {}: no Onhand-As-Of", skus[0]));
        };
        let (stale, shown) = (reply.stale, versions(&reply.value));
        self.stage.checker.answered(&onhand_checker::Answer { node, asked, as_of, stale, skus, shown });
    }
}
