//! Those who look up meanwhile, by the stream's own popularity, and judge what they are shown:
//! no edge may go back to a lower version, and an answer with an as-of later than an
//! acknowledgement must show what was acknowledged.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use onhand_wire::{
    Sku, Timestamp, Version,
    availability::{Answers, Availability},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rand::{Rng, SeedableRng, rngs::StdRng};
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    Error,
    books::Floor,
    fleet::{Answer, Ask},
    orders::Orders,
    seed::Key,
    stage::{Stage, count},
};

/// Between two lookups of one looker: they accompany the orders, they aren't a load test.
const PAUSE: Duration = Duration::from_millis(1);
const QUERY_SKUS: usize = 50;
const EDGES_START: Duration = Duration::from_secs(60);

pub(super) fn path(sku: &Sku) -> String {
    format!("/v1/availability/{}", utf8_percent_encode(sku.as_str(), NON_ALPHANUMERIC))
}

/// An edge that has not heard of the seeded stock would answer 404 or 0.
pub(super) async fn wait_for_edges(stage: &Stage) -> Result<(), Error> {
    let Some(sku) = stage.seeded.skus.last() else { return Ok(()) };
    let ask = Ask::get(format!("{}?channel={}", path(sku), stage.seeded.channel));
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
            let mut looker = Looker { stage, rng: StdRng::seed_from_u64(u64::from(seed)), seen: HashMap::new() };
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
    /// The highest version that each edge has shown this looker, who asks one thing at a time.
    seen: HashMap<(usize, Key), Version>,
}

impl Looker {
    async fn look(&mut self, orders: &Orders) {
        let edge = self.rng.random_range(0..self.stage.edges.len());
        let many = self.rng.random_ratio(1, 10);
        let skus: Vec<Sku> = (0..if many { QUERY_SKUS } else { 1 }).map(|_| self.popular(orders)).collect();
        let ask = if many { self.query(&skus) } else { self.single(&skus[0]) };
        // Before the call: what is acknowledged while it runs, it need not show.
        let floors: Vec<(Key, Floor)> = skus.iter().flat_map(|sku| self.floors(sku)).collect();
        match self.stage.edges.ask_once(edge, &ask).await {
            Ok(answer) if answer.status == 200 => self.judge(edge, many, &answer, &floors),
            // An edge may be down or degraded for a while; what matters is what it does show.
            Ok(_) | Err(_) => count(&self.stage.counts.lookup_failures),
        }
    }

    fn popular(&mut self, orders: &Orders) -> Sku {
        let order = &orders.list[self.rng.random_range(0..orders.list.len())];
        order.lines[self.rng.random_range(0..order.lines.len())].0.clone()
    }

    fn single(&self, sku: &Sku) -> Ask {
        Ask::get(format!("{}?channel={}", path(sku), self.stage.seeded.channel))
    }

    fn query(&self, skus: &[Sku]) -> Ask {
        let body = json!({"skus": skus, "channel": self.stage.seeded.channel});
        Ask::json(Method::POST, "/v1/availability/query", &body)
    }

    fn floors(&self, sku: &Sku) -> Vec<(Key, Floor)> {
        let keys = self.stage.seeded.locations().map(|location| (sku.clone(), location));
        keys.filter_map(|key| Some((key.clone(), self.stage.books.floor(&key)?))).collect()
    }

    fn judge(&mut self, edge: usize, many: bool, answer: &Answer, floors: &[(Key, Floor)]) {
        count(&self.stage.counts.lookups);
        let items = if many {
            answer.json::<Answers>().map(|answers| answers.items)
        } else {
            answer.json().map(|item| vec![item])
        };
        let items: Vec<Availability> = match items {
            Ok(items) => items,
            Err(error) => return self.stage.counts.unexpected.add(|| error.to_string()),
        };
        let shown: HashMap<Key, Version> = items.iter().flat_map(versions).collect();
        let as_of = answer.header("onhand-as-of").and_then(Timestamp::parse);
        for (key, version) in &shown {
            self.judge_order(edge, key, *version);
        }
        for (key, floor) in floors {
            self.judge_as_of(edge, key, *floor, shown.get(key).copied(), as_of);
        }
    }

    fn judge_order(&mut self, edge: usize, key: &Key, version: Version) {
        let before = self.seen.entry((edge, key.clone())).or_insert(version);
        if version < *before {
            let url = self.stage.edges.url(edge);
            self.stage
                .counts
                .went_back
                .add(|| format!("{url} showed {} at {} in {before}, then in {version}", key.0, key.1));
        }
        *before = version.max(*before);
    }

    fn judge_as_of(&self, edge: usize, key: &Key, floor: Floor, shown: Option<Version>, as_of: Option<Timestamp>) {
        let Some(as_of) = as_of.filter(|as_of| *as_of > floor.at) else { return };
        count(&self.stage.counts.answers_checked);
        if shown.is_none_or(|shown| shown < floor.version) {
            let (url, shown) =
                (self.stage.edges.url(edge), shown.map_or("nothing".to_owned(), |shown| shown.to_string()));
            let what = || {
                format!(
                    "{url} as of {as_of} showed {shown} of {} at {}; {} was acknowledged as of {}",
                    key.0, key.1, floor.version, floor.at
                )
            };
            self.stage.counts.unearned.add(what);
        }
    }
}

fn versions(item: &Availability) -> impl Iterator<Item = (Key, Version)> {
    item.locations.iter().filter_map(|at| Some(((item.sku.clone(), at.location.clone()), Version::parse(&at.version)?)))
}
