//! The region's second tier, as one edge uses it: reads for the misses of one moment, fills off the
//! request path. Redis failing, slow, flushed, evicting or restarting is a miss.
//!
//! A hash counts only with the offset that its partition's writer has reached, read **before** it:
//! the hash then holds everything below that offset, and `recent` everything from there on. Without
//! an offset, or with another topic's, nothing is read and nothing is filled.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use onhand_wire::{Fact, Item, Sku, Stock, Timestamp, l2, partition, setting::Span};
use redis::{FromRedisValue, Pipeline, Value, aio::ConnectionManager};
use tokio::sync::mpsc;

use super::{
    l1::L1,
    recent::{Recent, Source},
};
use crate::{
    breaker::Breaker,
    config::{BreakerConfig, RedisConfig},
    feed::Position,
    metrics::Metrics,
};

/// Fills waiting to be written; beyond, they are forgone.
const FILLS: usize = 4096;
/// Fills written in one round trip.
const FILLS_AT_ONCE: usize = 64;
/// A whole hash is joined field by field, if the filling edge has read the feed at least as far as
/// the partition's writer. KEYS: offset, hash. ARGV: topic id, the edge's position, ttl in ms, then
/// field and value in turn. A value starts with its version: 2 bytes of term, 6 of seq.
const FILL: &str = concat!(
    include_str!("newer.lua"),
    r#"
local at = redis.call('GET', KEYS[1])
if not at then return 0 end
local topic, offset = string.match(at, '^(.*):(%d+)$')
if topic ~= ARGV[1] or tonumber(offset) > tonumber(ARGV[2]) then return 0 end
for i = 4, #ARGV, 2 do join(KEYS[2], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
"#
);

pub(crate) struct L2 {
    client: redis::Client,
    manager: OnceLock<ConnectionManager>,
    config: RedisConfig,
    breaker: Breaker,
    position: Arc<Position>,
    recent: Arc<Recent>,
    metrics: Arc<Metrics>,
    fills: mpsc::Sender<Sku>,
}

/// A SKU found in L2, and what `recent` must reach back to.
pub(crate) struct Read {
    pub(crate) stock: Stock,
    pub(crate) source: Source,
}

impl L2 {
    /// The handle, and the queue for [`fill_for_ever`].
    pub(crate) fn new(
        client: redis::Client,
        config: &RedisConfig,
        position: Arc<Position>,
        recent: Arc<Recent>,
        metrics: Arc<Metrics>,
    ) -> (Arc<Self>, mpsc::Receiver<Sku>) {
        let (fills, queue) = mpsc::channel(FILLS);
        let breaker = Breaker::new(BreakerConfig {
            failure_threshold: 5,
            success_threshold: 1,
            base_timeout: Span::ms(500),
            max_timeout: Span::s(2),
        });
        let config = config.clone();
        (Arc::new(Self { client, manager: OnceLock::new(), config, breaker, position, recent, metrics, fills }), queue)
    }

    /// Runs a pipeline within the timeout and under the breaker. None: a miss.
    async fn run<T: FromRedisValue>(&self, pipeline: &Pipeline, timeout: Duration) -> Option<T> {
        if !self.breaker.allows(Instant::now()) {
            return None;
        }
        let mut manager = self.manager()?;
        let answer = tokio::time::timeout(timeout, pipeline.query_async::<T>(&mut manager)).await;
        match answer {
            Ok(Ok(answer)) => {
                self.breaker.succeeded();
                return Some(answer);
            }
            Ok(Err(error)) => tracing::debug!(%error, "redis failed"),
            Err(_) => tracing::debug!(?timeout, "redis was too slow"),
        }
        self.metrics.l2_failure();
        self.breaker.failed(Instant::now());
        None
    }

    fn manager(&self) -> Option<ConnectionManager> {
        if let Some(manager) = self.manager.get() {
            return Some(manager.clone());
        }
        let config = redis::aio::ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(Duration::from_secs(1)))
            .set_response_timeout(Some(Duration::from_secs(1)));
        let manager = ConnectionManager::new_lazy_with_config(self.client.clone(), config)
            .inspect_err(|error| tracing::error!(%error, "redis cannot be used"))
            .ok()?;
        Some(self.manager.get_or_init(|| manager).clone())
    }

    /// Whether Redis answers now.
    pub(crate) async fn ping(&self) -> bool {
        let answer: Option<(String,)> = self.run(redis::pipe().cmd("PING"), Duration::from_millis(250)).await;
        answer.is_some()
    }

    /// The misses of one moment, in one round trip, in the order asked.
    pub(crate) async fn read(&self, skus: &[Sku], as_of: Timestamp) -> Vec<Option<Read>> {
        let none = || skus.iter().map(|_| None).collect();
        let Some(topic) = self.position.log_id() else { return none() };
        let partitions = self.position.partitions();
        let placed: Vec<i32> = skus.iter().map(|sku| partition::of(sku.as_str(), partitions)).collect();
        let mut offsets: BTreeMap<i32, Option<i64>> = placed.iter().map(|placed| (*placed, None)).collect();
        let mut pipeline = redis::pipe();
        offsets.keys().for_each(|partition| {
            pipeline.get(l2::offset_key(*partition));
        });
        skus.iter().zip(&placed).for_each(|(sku, placed)| {
            pipeline.hgetall(l2::key(*placed, sku));
        });
        let Some(values) = self.run::<Vec<Value>>(&pipeline, self.config.timeout.0).await else { return none() };
        let (writers, hashes) = values.split_at(offsets.len().min(values.len()));
        for (offset, value) in offsets.values_mut().zip(writers) {
            *offset = writer_offset(value, &topic);
        }
        let mut hashes = hashes.iter();
        skus.iter()
            .zip(placed)
            .map(|(sku, partition)| {
                let hash = hashes.next()?;
                let source = Source::L2 { partition, offset: offsets[&partition]?, as_of };
                let stock = stock(sku, hash).filter(|_| self.recent.reaches_back(source));
                self.metrics.l2_read(stock.is_some());
                Some(Read { stock: stock?, source })
            })
            .collect()
    }

    /// Wants the SKU filled; forgone when too many are waiting.
    pub(crate) fn fill(&self, sku: &Sku) {
        if self.fills.try_send(sku.clone()).is_err() {
            self.metrics.l2_fill_rejected();
        }
    }

    /// Adds a fill to the pipeline. The position is read **before** the entry.
    fn add_fill(&self, pipeline: &mut Pipeline, sku: &Sku, topic: &str, l1: &L1) -> bool {
        let partition = partition::of(sku.as_str(), self.position.partitions());
        let position = self.position.next_offset(partition);
        let whole = |entry: &Arc<super::Entry>| entry.stock.known() && l1.counts(entry);
        let Some(entry) = l1.get(sku.as_str()).filter(whole) else { return false };
        pipeline.cmd("EVAL").arg(FILL).arg(2).arg(l2::offset_key(partition)).arg(l2::key(partition, sku));
        pipeline.arg(topic).arg(position).arg(self.config.ttl.0.as_millis() as u64);
        if let Some(item) = &entry.stock.item {
            pipeline.arg(l2::ITEM).arg(l2::encode_field(item));
        }
        for fact in &entry.stock.facts {
            pipeline.arg(fact.location.as_str()).arg(l2::encode_field(fact));
        }
        true
    }

    async fn fill_some(&self, skus: &[Sku], l1: &L1) {
        let Some(topic) = self.position.log_id() else { return };
        let mut pipeline = redis::pipe();
        let added = skus.iter().filter(|sku| self.add_fill(&mut pipeline, sku, &topic, l1)).count();
        if added == 0 {
            return;
        }
        let filled: Option<Vec<i64>> = self.run(&pipeline, self.config.timeout.0 * 4).await;
        let filled = filled.map_or(0, |filled| filled.iter().sum::<i64>() as usize);
        self.metrics.l2_filled(filled, added - filled);
    }

    /// Forgets the whole tier: without offsets nothing is read, and the writers clear their partitions.
    pub(crate) async fn clear(&self) {
        let mut pipeline = redis::pipe();
        (0..self.position.partitions()).for_each(|partition| {
            pipeline.del(l2::offset_key(partition));
        });
        let _: Option<Vec<Value>> = self.run(&pipeline, Duration::from_secs(1)).await;
    }
}

/// Writes fills as they are wanted, many at once.
pub(crate) async fn fill_for_ever(l2: Arc<L2>, l1: Arc<L1>, mut queue: mpsc::Receiver<Sku>) {
    let mut skus = Vec::with_capacity(FILLS_AT_ONCE);
    while queue.recv_many(&mut skus, FILLS_AT_ONCE).await > 0 {
        l2.fill_some(&skus, &l1).await;
        skus.clear();
    }
}

fn writer_offset(value: &Value, topic: &str) -> Option<i64> {
    let value = String::from_redis_value_ref(value).ok()?;
    let (id, offset) = l2::decode_offset(&value)?;
    (id == topic).then_some(offset)
}

/// A hash that cannot be read whole is a miss.
fn stock(sku: &Sku, hash: &Value) -> Option<Stock> {
    let fields = Vec::<(String, Vec<u8>)>::from_redis_value_ref(hash).ok()?;
    let mut stock = Stock::default();
    for (field, value) in fields {
        if field == l2::ITEM {
            stock.join_item(l2::decode_field::<Item>(&value).ok()?);
        } else {
            stock.join_fact(l2::decode_field::<Fact>(&value).ok()?);
        }
    }
    let whole = stock.item.as_ref().is_some_and(|item| item.sku == *sku);
    whole.then_some(stock)
}
