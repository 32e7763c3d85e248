//! L2 as one edge uses it: reads for the misses of one moment, and fills off the request path. If Redis fails, is slow,
//! flushed, evicts or restarts, that is a miss.
//!
//! A hash is valid only with the offset that its partition's writer has reached, read **before** the hash: the hash
//! then holds everything below that offset, and `recent` everything from there on. Without an offset, or with another
//! topic's, nothing is read and nothing is filled.

mod fill;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use onhand_http::{
    breaker::{Breaker, BreakerConfig, BreakerState},
    setting::Span,
};
use onhand_wire::{Fact, Item, Sku, Stock, Timestamp, l2, partition};
use redis::{FromRedisValue, Pipeline, RedisResult, Value};
use tokio::sync::mpsc;

pub(crate) use fill::fill_for_ever;

use super::recent::{LoadSource, Recent};
use crate::{config::RedisConfig, metrics::Metrics, position::Position, redis_client::Redis};

/// How long Redis may take to answer a ping. Lookups use it only if it is as fast as they need.
const PING: Duration = Duration::from_millis(250);
/// How long operators wait for Redis.
const ANSWER: Duration = Duration::from_secs(1);

pub(crate) struct L2 {
    redis: Redis,
    config: RedisConfig,
    breaker: Breaker,
    position: Arc<Position>,
    recent: Arc<Recent>,
    metrics: Arc<Metrics>,
    fills: mpsc::Sender<Sku>,
    /// Rises when L2 is cleared: earlier reads are then invalid.
    cleared: AtomicU64,
}

/// A SKU found in L2, and what `recent` must reach back to.
pub(crate) struct L2Read {
    pub(crate) stock: Stock,
    pub(crate) source: LoadSource,
}

/// Everything that Redis holds of a SKU, valid or not.
#[derive(Default)]
pub(crate) struct StoredHash {
    /// The log's id and the offset of the partition's writer.
    pub(crate) writer: Option<(String, i64)>,
    pub(crate) stock: Stock,
    /// Fields that cannot be read.
    pub(crate) unreadable: Vec<String>,
}

impl L2 {
    /// Returns the handle and the queue for [`fill_for_ever`].
    pub(crate) fn new(
        redis: Redis,
        config: &RedisConfig,
        position: Arc<Position>,
        recent: Arc<Recent>,
        metrics: Arc<Metrics>,
    ) -> (Arc<Self>, mpsc::Receiver<Sku>) {
        let (fills, queue) = mpsc::channel(fill::WAITING);
        let breaker = Breaker::new(
            "redis reads",
            BreakerConfig {
                failure_threshold: 5,
                success_threshold: 1,
                base_timeout: Span::ms(500),
                max_timeout: Span::s(2),
            },
        );
        let config = config.clone();
        (Arc::new(Self { redis, config, breaker, position, recent, metrics, fills, cleared: AtomicU64::new(0) }), queue)
    }

    /// Runs all partitions' pipelines at the same time, within the timeout and under the breaker. `None` is a miss.
    /// Only [`ping`](Self::ping) tries a Redis whose breaker is open, so no caller waits for that.
    async fn run<T: FromRedisValue>(&self, pipelines: &[Pipeline], timeout: Duration) -> Vec<Option<T>> {
        if self.breaker.state() != BreakerState::Closed {
            return pipelines.iter().map(|_| None).collect();
        }
        let one = async |pipeline| match tokio::time::timeout(timeout, self.redis.run(pipeline)).await {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(error)) => {
                tracing::debug!(%error, "redis failed");
                None
            }
            Err(_) => {
                tracing::debug!(?timeout, "redis was too slow");
                None
            }
        };
        let answers: Vec<Option<T>> = join_all(pipelines.iter().map(one)).await;
        if answers.iter().all(Option::is_some) {
            self.breaker.succeeded();
        } else {
            self.metrics.l2_failure();
            self.breaker.failed(Instant::now());
        }
        answers
    }

    /// Whether Redis answers now. Lookups use it again once it answers as fast as they need.
    pub(crate) async fn ping(&self) -> bool {
        let began = Instant::now();
        let answered = matches!(tokio::time::timeout(PING, self.redis.ping()).await, Ok(Ok(())));
        if self.breaker.state() != BreakerState::Closed && self.breaker.allows(began) {
            if answered && began.elapsed() <= self.config.timeout.0 {
                self.breaker.succeeded();
            } else {
                self.breaker.failed(Instant::now());
            }
        }
        answered
    }

    /// As the metric shows it: 0 closed, 1 open, 2 half-open.
    pub(crate) fn breaker(&self) -> i64 {
        self.breaker.state().as_number()
    }

    /// Reads the misses of one moment in one round trip; answers in the order of `skus`.
    pub(crate) async fn read(&self, skus: &[Sku], as_of: Timestamp) -> Vec<Option<L2Read>> {
        let mut found: Vec<Option<L2Read>> = skus.iter().map(|_| None).collect();
        let Some(log) = self.position.log_id() else { return found };
        let cleared = self.cleared.load(Ordering::Acquire);
        let partitions = self.position.partitions();
        let mut groups = BTreeMap::<i32, Vec<usize>>::new();
        for (index, sku) in skus.iter().enumerate() {
            groups.entry(partition::of(sku.as_str(), partitions)).or_default().push(index);
        }
        let pipelines: Vec<_> = groups
            .iter()
            .map(|(partition, indexes)| read_pipeline(*partition, indexes.iter().map(|index| &skus[*index])))
            .collect();
        let mut answers = self.run::<Vec<Value>>(&pipelines, self.config.timeout.0).await;
        if self.cleared.load(Ordering::Acquire) != cleared {
            answers.fill(None);
        }
        for ((partition, indexes), answer) in groups.into_iter().zip(answers) {
            let mut values = answer.iter().flatten();
            let offset = values.next().and_then(|value| writer_offset(value, &log));
            for (index, hash) in indexes.into_iter().zip(values) {
                let Some(offset) = offset else { break };
                let source = LoadSource::L2 { partition, offset, as_of };
                found[index] = self.counted(&skus[index], hash, source);
            }
        }
        found.iter().for_each(|read| self.metrics.l2_read(read.is_some()));
        found
    }

    /// A hash that cannot be read completely is a miss, and so is one that `recent` does not complete.
    fn counted(&self, sku: &Sku, hash: &Value, source: LoadSource) -> Option<L2Read> {
        let (stock, unreadable) = fields(sku, hash).ok()?;
        let whole = unreadable.is_empty() && stock.item.is_some();
        (whole && self.recent.reaches_back(source)).then_some(L2Read { stock, source })
    }

    /// What Redis holds, for `explain`; it asks even while the breaker is open.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(crate) async fn inspect(&self, sku: &Sku) -> Result<StoredHash, String> {
        let partition = partition::of(sku.as_str(), self.position.partitions());
        let pipeline = read_pipeline(partition, std::iter::once(sku));
        let asked = tokio::time::timeout(ANSWER, self.redis.run::<Vec<Value>>(&pipeline));
        let values = asked.await.map_err(|_| "no answer within 1 s".to_owned())?.map_err(|error| error.to_string())?;
        let [writer, hash] = values.as_slice() else { return Err("an answer of another form".to_owned()) };
        let writer = String::from_redis_value_ref(writer).ok();
        let writer = writer.as_deref().and_then(l2::decode_offset).map(|(log, offset)| (log.to_owned(), offset));
        let (stock, unreadable) = fields(sku, hash).map_err(|error| error.to_string())?;
        Ok(StoredHash { writer, stock, unreadable })
    }

    /// Clears L2: without offsets nothing is read, and the writers clear their partitions. Ignores the breaker; returns
    /// whether Redis did it.
    pub(crate) async fn clear(&self) -> bool {
        let drop = async |partition| {
            let mut pipeline = redis::pipe();
            pipeline.del(l2::offset_key(partition));
            let dropped = tokio::time::timeout(ANSWER, self.redis.run::<Vec<Value>>(&pipeline)).await;
            matches!(dropped, Ok(Ok(_)))
        };
        let dropped = join_all((0..self.position.partitions()).map(drop)).await;
        self.cleared.fetch_add(1, Ordering::AcqRel);
        dropped.into_iter().all(|dropped| dropped)
    }
}

/// The offset first: the hash then holds everything below it.
fn read_pipeline<'a>(partition: i32, skus: impl Iterator<Item = &'a Sku>) -> Pipeline {
    let mut pipeline = redis::pipe();
    pipeline.get(l2::offset_key(partition));
    skus.for_each(|sku| {
        pipeline.hgetall(l2::key(partition, sku));
    });
    pipeline
}

fn writer_offset(value: &Value, log: &str) -> Option<i64> {
    let value = String::from_redis_value_ref(value).ok()?;
    let (id, offset) = l2::decode_offset(&value)?;
    (id == log).then_some(offset)
}

/// The fields that can be read and match their names, and the names of the others.
fn fields(sku: &Sku, hash: &Value) -> RedisResult<(Stock, Vec<String>)> {
    let (mut stock, mut unreadable) = (Stock::default(), Vec::new());
    for (field, value) in Vec::<(String, Vec<u8>)>::from_redis_value_ref(hash)? {
        let item = || l2::decode_field::<Item>(&value).ok().filter(|item| item.sku == *sku);
        let named = |fact: &Fact| fact.sku == *sku && fact.location.as_str() == field;
        let fact = || l2::decode_field::<Fact>(&value).ok().filter(named);
        let read = if field == l2::ITEM {
            item().map(|item| stock.join_item(item))
        } else {
            fact().map(|fact| stock.join_fact(fact))
        };
        if read.is_none() {
            unreadable.push(field);
        }
    }
    Ok((stock, unreadable))
}
