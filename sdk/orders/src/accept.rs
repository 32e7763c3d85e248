//! Accepting: into the lane and acknowledged, or refused with what to do.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use moka::sync::Cache;
use onhand_http::breaker::{Breaker, BreakerState};
use onhand_wire::{
    Code, Problem, Sees, Timestamp,
    order::{Lane, OrderRecord, ShownOrder, Standing, Wait},
    quote::Total,
    request::PlaceOrder,
};
use rdkafka::error::KafkaError;
use uuid::Uuid;

use crate::{
    config::Config,
    ids::{Ids, Place},
    lanes::{AppendError, Lanes, Log, Written},
};

/// Orders accepted here that a repeat finds again without another record; beyond, the oldest are appended once more,
/// and known again when they are taken in.
const REMEMBERED: u64 = 100_000;

/// Bytes of a record: what Kafka takes unless it is told otherwise, with room for its own.
const MOST_BYTES: usize = 900_000;

/// An order that a caller asks for, judged.
pub struct Request {
    pub subject: String,
    pub owner: Option<String>,
    pub key: String,
    pub digest: String,
    pub order: PlaceOrder,
    pub amount: Option<Total>,
    pub correlation: String,
    pub now: Timestamp,
}

/// An order that is in its lane.
#[derive(Debug, Clone)]
pub struct Accepted {
    pub id: Uuid,
    pub wait: Option<Wait>,
    /// Signed, for its `Location`.
    pub place: String,
    /// Whether it was accepted here before.
    pub replayed: bool,
}

impl Accepted {
    pub fn location(&self) -> String {
        format!("/v1/orders/{}?place={}", self.id, self.place)
    }

    pub fn shown(&self) -> ShownOrder {
        ShownOrder::queued(self.id, self.wait)
    }
}

/// Why an order is not accepted, or not known to be.
#[derive(Debug)]
pub enum Refused {
    /// The problem, and seconds until another try may do better.
    Later(Problem, u64),
    Problem(Problem),
}

impl Refused {
    /// Whether nothing was accepted: after a call that was not acknowledged in time nobody knows.
    pub fn is_certain(&self) -> bool {
        let (Self::Later(problem, _) | Self::Problem(problem)) = self;
        problem.code != Code::DeadlineExceeded
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

#[derive(Clone)]
struct Remembered {
    digest: Arc<str>,
    place: Place,
}

pub struct Acceptor {
    pub ids: Ids,
    lanes: Lanes,
    breaker: Breaker,
    max_wait: Duration,
    decide_within: Duration,
    remembered: Cache<Uuid, Remembered>,
    standing: ArcSwapOption<Standing>,
    /// The next offset of each partition, as far as this node has written: the origin may not have seen it yet.
    written: [Mutex<Vec<Arc<AtomicI64>>>; 2],
}

impl Acceptor {
    /// None where orders are not configured.
    pub fn new(config: &Config, log: Log) -> Result<Option<Self>, KafkaError> {
        if !config.is_on() {
            return Ok(None);
        }
        Ok(Some(Self {
            ids: Ids::new(config.id_key.clone()),
            lanes: Lanes::new(log, &config.topic, config.append_within.0)?,
            breaker: Breaker::new("order lanes", config.breaker),
            max_wait: config.max_wait.0,
            decide_within: config.decide_within.0,
            remembered: Cache::builder().max_capacity(REMEMBERED).build(),
            standing: ArcSwapOption::empty(),
            written: Default::default(),
        }))
    }

    pub fn breaker(&self) -> BreakerState {
        self.breaker.state()
    }

    /// What the first order would else wait for.
    pub async fn prepare(&self) {
        self.lanes.prepare().await;
    }

    /// How far the lanes have come, as the origin last said.
    pub fn learn(&self, standing: Standing) {
        self.standing.store(Some(Arc::new(standing)));
    }

    /// The id of this call, on every node.
    pub fn id(&self, request: &Request) -> Uuid {
        self.ids.id(&request.subject, request.owner.as_deref(), &request.key)
    }

    pub async fn accept(&self, request: Request) -> Result<Accepted, Refused> {
        let id = self.id(&request);
        if let Some(known) = self.remembered.get(&id) {
            return self.again(id, &known, &request.digest);
        }
        let (lane, now) = (request.order.priority, request.now);
        self.refuse_long_waits(lane, request.order.first_sku())?;
        let waits = self.breaker.open_for(Instant::now()).as_secs() + 1;
        if !self.breaker.allows(Instant::now()) {
            let detail = "the order lanes cannot be written to just now; nothing was accepted";
            return Err(Refused::Later(Problem::new(Code::OriginUnavailable, detail), waits));
        }
        let digest: Arc<str> = request.digest.as_str().into();
        let (sku, record) = (request.order.first_sku().to_owned(), self.record(id, request));
        let value = record.encode();
        if value.len() > MOST_BYTES {
            let detail =
                format!("body: an order may have {MOST_BYTES} bytes in its lane, this one has {}", value.len());
            return Err(Problem::new(Code::TooLarge, detail).with("limit", MOST_BYTES).into());
        }
        let written = self.append(lane, &sku, id, value).await?;
        self.wrote(lane, &written);
        let place = Place {
            lane,
            topic: written.topic.to_string(),
            partition: written.partition,
            offset: written.offset,
            accepted_at: now,
        };
        let accepted = Accepted { id, wait: self.wait(&place), place: self.ids.sign(id, &place), replayed: false };
        self.remembered.insert(id, Remembered { digest, place });
        Ok(accepted)
    }

    fn record(&self, id: Uuid, request: Request) -> OrderRecord {
        let within = request.order.decide_within_s.map_or(self.decide_within, |s| Duration::from_secs(s.into()));
        OrderRecord {
            v: OrderRecord::V,
            id,
            subject: request.subject,
            owner: request.owner,
            key: request.key,
            digest: request.digest,
            accepted_at: request.now,
            decide_by: request.now.plus(within),
            amount: request.amount,
            correlation: request.correlation,
            order: request.order,
        }
    }

    async fn append(&self, lane: Lane, sku: &str, id: Uuid, value: Vec<u8>) -> Result<Written, Refused> {
        let error = match self.lanes.append(lane, sku, id, value).await {
            Ok(written) => {
                self.breaker.succeeded();
                return Ok(written);
            }
            Err(error) => error,
        };
        let overloaded = || Problem::new(Code::Overloaded, "too many orders wait to be written; try again");
        match error {
            AppendError::Full => Err(overloaded().into()),
            AppendError::Unreachable(cause) => {
                self.breaker.failed(Instant::now());
                tracing::warn!(cause, "an order could not be written to its lane");
                let detail = "the order lanes cannot be reached; nothing was accepted";
                Err(Problem::new(Code::OriginUnavailable, detail).into())
            }
            AppendError::Unknown(cause) => {
                self.breaker.failed(Instant::now());
                tracing::warn!(cause, %id, "an order was not acknowledged in time");
                let detail = "the order was not acknowledged in time; it may be in: the same key settles it";
                Err(Problem::new(Code::DeadlineExceeded, detail).with("id", id.to_string()).into())
            }
        }
    }

    /// The same call names the same order; another one under its key is refused.
    fn again(&self, id: Uuid, known: &Remembered, digest: &str) -> Result<Accepted, Refused> {
        if *known.digest != *digest {
            return Err(key_reused().into());
        }
        let place = &known.place;
        Ok(Accepted { id, wait: self.wait(place), place: self.ids.sign(id, place), replayed: true })
    }

    /// A line that nobody waits for is a lie.
    fn refuse_long_waits(&self, lane: Lane, sku: &str) -> Result<(), Refused> {
        let Some(wait) = self.wait_at_end(lane, sku) else { return Ok(()) };
        let most = self.max_wait.as_secs();
        if wait.eta_s <= most {
            return Ok(());
        }
        let detail = format!(
            "{} orders are ahead in this lane, some {} s; an order waits {most} s here at most",
            wait.ahead, wait.eta_s
        );
        let problem = Problem::new(Code::Overloaded, detail).with("ahead", wait.ahead).with("eta_s", wait.eta_s);
        Err(Refused::Later(problem, (wait.eta_s - most).clamp(1, 30)))
    }

    /// For an order that would be written now.
    fn wait_at_end(&self, lane: Lane, sku: &str) -> Option<Wait> {
        let standing = self.standing.load();
        let standing = standing.as_deref()?.lane(lane)?;
        // The standing has none for a partition behind the last one that was ever written to.
        let partition = onhand_wire::partition::of(sku, self.lanes.partitions(lane)?) as usize;
        let told = standing.partitions.get(partition)?;
        let end = told.end.max(told.taken).max(self.end_here(lane, partition));
        Some(standing.wait(partition, end))
    }

    /// How long the order at this place still waits; none: not known here.
    pub fn wait(&self, place: &Place) -> Option<Wait> {
        let standing = self.standing.load();
        let standing = standing.as_deref()?.lane(place.lane).filter(|lane| lane.topic == place.topic)?;
        Some(standing.wait(usize::try_from(place.partition).ok()?, place.offset))
    }

    fn end_here(&self, lane: Lane, partition: usize) -> i64 {
        let ends = self.written[lane as usize].lock().unwrap_or_else(PoisonError::into_inner);
        ends.get(partition).map_or(0, |end| end.load(Ordering::Relaxed))
    }

    fn wrote(&self, lane: Lane, written: &Written) {
        let partition = usize::try_from(written.partition).unwrap_or_default();
        let mut ends = self.written[lane as usize].lock().unwrap_or_else(PoisonError::into_inner);
        if ends.len() <= partition {
            ends.resize_with(partition + 1, Arc::default);
        }
        ends[partition].fetch_max(written.offset + 1, Ordering::Relaxed);
    }

    /// What a caller is told of an order that the database does not have yet. `place`: what its `Location` said.
    pub fn on_its_way(&self, id: Uuid, place: Option<&str>) -> ShownOrder {
        let place = place.and_then(|text| self.ids.place(id, text));
        ShownOrder::queued(id, place.and_then(|place| self.wait(&place)))
    }

    /// The id that a path names: 404 unless it was issued to somebody whose orders are seen.
    pub fn read_id(&self, text: &str, sees: &Sees) -> Result<Uuid, Problem> {
        self.ids.read(text, sees)
    }
}

/// 422, for another call under a key that an order has.
pub fn key_reused() -> Problem {
    let detail = "Idempotency-Key: it names an order that was placed with another body; nothing was changed";
    Problem::new(Code::IdempotencyKeyReused, detail)
}

/// 404, where `orders.id_key` is not set.
pub fn not_configured() -> Problem {
    Problem::new(Code::NotFound, "orders are not taken here: orders.id_key is not set")
}

#[cfg(test)]
mod tests {
    use onhand_http::setting::Secret;
    use onhand_wire::order::{LaneStanding, PartitionStanding};

    use super::*;
    use crate::lanes::MemoryLanes;

    fn acceptor(lanes: &MemoryLanes) -> Acceptor {
        let config = Config { id_key: Secret::new("0123456789abcdef0123456789abcdef"), ..Config::default() };
        Acceptor::new(&config, Log::Memory(lanes.clone())).unwrap().unwrap()
    }

    fn request(key: &str, body: &str) -> Request {
        Request {
            subject: "shop".to_owned(),
            owner: None,
            key: key.to_owned(),
            digest: crate::digest(body.as_bytes()),
            order: onhand_wire::request::read(body.as_bytes()).unwrap(),
            amount: None,
            correlation: "c-1".to_owned(),
            now: Timestamp::from_micros(1_700_000_000_000_000),
        }
    }

    const BODY: &str = r#"{"lines":[{"sku":"x","quantity":1}]}"#;

    #[tokio::test]
    async fn a_repeat_is_the_same_order_and_writes_nothing() {
        let lanes = MemoryLanes::new(4);
        let acceptor = acceptor(&lanes);
        let first = acceptor.accept(request("k", BODY)).await.unwrap();
        let second = acceptor.accept(request("k", BODY)).await.unwrap();
        assert_eq!((first.id, first.replayed), (second.id, false));
        assert!(second.replayed && second.place == first.place);
        let other = r#"{"lines":[{"sku":"x","quantity":2}]}"#;
        let Err(Refused::Problem(problem)) = acceptor.accept(request("k", other)).await else { panic!("refused") };
        assert_eq!(problem.code, Code::IdempotencyKeyReused);
        assert_eq!(lanes.log(Lane::High).ends().iter().sum::<i64>(), 1);
    }

    #[tokio::test]
    async fn beyond_the_longest_wait_orders_are_refused() {
        let lanes = MemoryLanes::new(1);
        let acceptor = acceptor(&lanes);
        let standing = |undecided| Standing {
            lanes: vec![LaneStanding {
                lane: Lane::High,
                topic: lanes.topic().to_owned(),
                paused: false,
                rate: 10.0,
                partitions: vec![PartitionStanding {
                    taken: 5000,
                    undecided,
                    first_undecided: 5000 - undecided as i64,
                    end: 5000,
                }],
            }],
        };
        acceptor.learn(standing(1200));
        acceptor.accept(request("a", BODY)).await.unwrap();
        acceptor.learn(standing(1250));
        let Err(Refused::Later(problem, seconds)) = acceptor.accept(request("b", BODY)).await else {
            panic!("refused")
        };
        assert_eq!((problem.code, seconds), (Code::Overloaded, 5));
        assert_eq!(problem.members["ahead"], 1250);
    }

    /// A partition that nothing was written to has no standing: those before it are found all the same.
    #[tokio::test]
    async fn a_wait_is_that_of_the_orders_own_partition() {
        let lanes = MemoryLanes::new(8);
        let acceptor = acceptor(&lanes);
        let own = onhand_wire::partition::of("x", 8);
        for others in own + 1..=8 {
            let partition = |number| PartitionStanding {
                taken: 50,
                undecided: if number == own { 50 } else { 0 },
                first_undecided: 0,
                end: 50,
            };
            let partitions = (0..others).map(partition).collect();
            let lane = LaneStanding { lane: Lane::High, topic: String::new(), paused: true, rate: 0.1, partitions };
            acceptor.learn(Standing { lanes: vec![lane] });
            let refused = acceptor.accept(request(&format!("k-{others}"), BODY)).await;
            assert!(matches!(refused, Err(Refused::Later(..))), "{others} of 8 partitions are known: {refused:?}");
        }
    }

    #[tokio::test]
    async fn what_is_not_taken_in_is_never_pushed_out() {
        let lanes = MemoryLanes::new(1);
        let full = (0..70_000).find(|_| lanes.append(Lane::Low, "x", vec![0]).is_err());
        assert_eq!(full, Some(65_536));
        lanes.took(Lane::Low, 0, 10);
        assert!((0..10).all(|_| lanes.append(Lane::Low, "x", vec![0]).is_ok()));
        assert!(lanes.append(Lane::Low, "x", vec![0]).is_err());
    }
}
