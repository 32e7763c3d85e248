//! Those who look up meanwhile, by the stream's own popularity; the checker judges what they are
//! shown: no edge may go back to a lower version, and an answer with an as-of later than an
//! acknowledgement must show what was acknowledged.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use onhand_checker::{Asked, versions};
use onhand_wire::{Sku, Timestamp, availability::Answers};
use rand::{Rng, SeedableRng, rngs::StdRng};
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    Error,
    orders::Orders,
    stage::{Stage, count},
};
use crate::fleet::{Answer, Ask, lookup};

/// Between two lookups of one looker: they accompany the orders, they aren't a load test.
const PAUSE: Duration = Duration::from_millis(1);
const QUERY_SKUS: usize = 50;
const EDGES_START: Duration = Duration::from_secs(60);

/// An edge that has not heard of the seeded stock would answer 404 or 0.
pub(super) async fn wait_for_edges(stage: &Stage) -> Result<(), Error> {
    let Some(sku) = stage.seeded.skus.last() else { return Ok(()) };
    let ask = Ask::get(format!("{}?channel={}", lookup(sku), stage.seeded.channel));
    for edge in 0..stage.edges.len() {
        let began = Instant::now();
        loop {
            let answer = stage.edges.ask_only(edge, &ask).await?;
            if answer.status == 200 || began.elapsed() > EDGES_START {
                answer.success()?;
                break;
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
        let edge = self.rng.random_range(0..self.stage.edges.len());
        let many = self.rng.random_ratio(1, 10);
        let skus: Vec<Sku> = (0..if many { QUERY_SKUS } else { 1 }).map(|_| self.popular(orders)).collect();
        let ask = if many { self.query(&skus) } else { self.single(&skus[0]) };
        let asked = self.stage.checker.asking();
        match self.stage.edges.ask_once(edge, &ask).await {
            Ok(answer) if answer.status == 200 => self.judge(edge, asked, &skus, &answer),
            // An edge may be down or degraded for a while; what matters is what it does show.
            Ok(_) | Err(_) => count(&self.stage.counts.lookup_failures),
        }
    }

    fn popular(&mut self, orders: &Orders) -> Sku {
        let order = &orders.list[self.rng.random_range(0..orders.list.len())];
        order.lines[self.rng.random_range(0..order.lines.len())].0.clone()
    }

    fn single(&self, sku: &Sku) -> Ask {
        Ask::get(format!("{}?channel={}", lookup(sku), self.stage.seeded.channel))
    }

    fn query(&self, skus: &[Sku]) -> Ask {
        let body = json!({"skus": skus, "channel": self.stage.seeded.channel});
        Ask::json(Method::POST, "/v1/availability/query", &body)
    }

    fn judge(&self, node: usize, asked: Asked, skus: &[Sku], answer: &Answer) {
        count(&self.stage.counts.lookups);
        let items = if skus.len() > 1 {
            answer.json::<Answers>().map(|answers| answers.items)
        } else {
            answer.json().map(|item| vec![item])
        };
        let Some(as_of) = answer.header("onhand-as-of").and_then(Timestamp::parse) else {
            return self.stage.counts.unexpected.add(|| format!("{}: no Onhand-As-Of", answer.call));
        };
        let stale = answer.header("onhand-stale").is_some();
        match items {
            Ok(items) => {
                let shown = versions(&items);
                self.stage.checker.answered(&onhand_checker::Answer { node, asked, as_of, stale, skus, shown });
            }
            Err(error) => self.stage.counts.unexpected.add(|| error.to_string()),
        }
    }
}
