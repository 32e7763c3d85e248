//! The region's one writer for each partition of L2, chosen by a consumer group.
//!
//! The position is kept in Redis, not in the group: each script call changes the hashes and advances the offset
//! together, and only from the offset that it expects. If Redis has another offset (it was restarted or restored, or an
//! old writer is still alive), writing goes on from there. If there is none, or the log no longer reaches back to it,
//! or it belongs to another topic, the partition is cleared first.

mod place;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use onhand_kafka::Brokers;
use onhand_wire::{Sku, event::Change, l2};
use rdkafka::{
    ClientContext, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    types::RDKafkaRespErr,
};
use tokio::runtime::Handle;

use place::{BlockingRedis, REDIS, WriterPlace};

use super::{Stop, kafka};
use crate::{metrics::Metrics, position::Position, redis_client::Redis};

const POLL: Duration = Duration::from_millis(100);
const ASK: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_millis(250);
/// How long a writer may be silent before another edge takes its partitions: Kafka's own minimum.
const SILENT_MS: &str = "6000";
/// How often it checks for new partitions.
const LOOK_MS: &str = "10000";
/// Most writes in one round trip.
const BATCH: usize = 500;

/// What the writer needs; runs on a thread of its own.
pub(crate) struct L2Writer {
    pub(crate) brokers: Brokers,
    pub(crate) topic: String,
    pub(crate) region: String,
    /// A connection of its own, because big batches must not delay reads.
    pub(crate) redis: Arc<Redis>,
    pub(crate) runtime: Handle,
    pub(crate) position: Arc<Position>,
    pub(crate) metrics: Arc<Metrics>,
}

impl L2Writer {
    pub(crate) fn start(self, stop: Stop) -> std::io::Result<()> {
        let thread = std::thread::Builder::new().name("l2-writer".to_owned());
        thread.spawn(move || self.run(&stop)).map(|_detached| ())
    }

    fn run(self, stop: &Stop) {
        let mut failures = 0_u64;
        while !stop.stopped() {
            let Some(log_id) = self.position.log_id() else {
                std::thread::sleep(RETRY);
                continue;
            };
            if let Err(error) = self.write(log_id, stop) {
                if failures.is_multiple_of(20) {
                    tracing::warn!(%error, "L2 is not being written; trying again");
                }
                failures += 1;
                std::thread::sleep(RETRY);
            }
        }
    }

    /// Writes until Redis or Kafka fails, or the feed changes to another topic.
    fn write(&self, log_id: Arc<str>, stop: &Stop) -> Result<(), WriteFailed> {
        let redis = BlockingRedis { redis: self.redis.clone(), runtime: self.runtime.clone() };
        redis.within(self.redis.ping())?;
        let place = WriterPlace { topic: self.topic.clone(), log_id: log_id.clone(), redis };
        let more = [
            ("session.timeout.ms", SILENT_MS),
            ("heartbeat.interval.ms", "1500"),
            ("topic.metadata.refresh.interval.ms", LOOK_MS),
        ];
        let config = kafka::settings(&self.brokers, &format!("onhand-l2-{}", self.region), &more);
        let context =
            WriterContext { place, at: Mutex::default(), assigned: AtomicU64::new(0), failed: Mutex::default() };
        let consumer: BaseConsumer<WriterContext> = config.create_with_context(context)?;
        consumer.subscribe(&[&self.topic])?;
        while !stop.stopped() && self.position.log_id().as_ref() == Some(&log_id) {
            let batches = gather(&consumer);
            let context = consumer.context();
            if let Some(failed) = context.failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return Err(failed);
            }
            let writes: usize = batches.values().map(|batch| batch.writes.len()).sum();
            for partition in context.send(&batches)? {
                context.start_again(&consumer, partition)?;
            }
            self.metrics.l2_written(writes);
        }
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
enum WriteFailed {
    #[error("redis: no answer within {} s", REDIS.as_secs())]
    TooSlow,
    #[error("redis: {0}")]
    Redis(#[from] redis::RedisError),
    #[error("kafka: {0}")]
    Kafka(#[from] rdkafka::error::KafkaError),
}

/// The writes of one partition that go to Redis together.
#[derive(Default)]
struct Batch {
    /// The offset after the last of them.
    next: i64,
    writes: Vec<FieldWrite>,
}

impl Batch {
    /// The writes from `offset` on: earlier ones were fetched before the writer's position changed.
    fn from(&self, offset: i64) -> impl Iterator<Item = &FieldWrite> {
        self.writes.iter().filter(move |write| write.offset >= offset)
    }
}

struct FieldWrite {
    offset: i64,
    sku: Sku,
    field: String,
    value: Vec<u8>,
}

fn field_write(offset: i64, payload: &[u8]) -> Option<FieldWrite> {
    let (sku, field, value) = match Change::decode(payload).ok()? {
        Change::Fact(fact) => (fact.sku.clone(), fact.location.to_string(), l2::encode_field(&fact)),
        Change::Item(item) => (item.sku.clone(), l2::ITEM.to_owned(), l2::encode_field(&item)),
        Change::Location(_) | Change::Channel(_) | Change::Watermark(_) => return None,
    };
    Some(FieldWrite { offset, sku, field, value })
}

/// Gathers what has come, up to a batch. Records from before partitions changed hands are dropped: their new owner
/// reads them again.
fn gather(consumer: &BaseConsumer<WriterContext>) -> BTreeMap<i32, Batch> {
    let mut batches = BTreeMap::<i32, Batch>::new();
    let assigned = || consumer.context().assigned.load(Ordering::Relaxed);
    let mut under = assigned();
    let mut wait = POLL;
    for _ in 0..BATCH {
        let polled = consumer.poll(wait);
        if assigned() != under {
            under = assigned();
            batches.clear();
        }
        match polled {
            Some(Ok(message)) => {
                let batch = batches.entry(message.partition()).or_default();
                batch.next = message.offset() + 1;
                batch.writes.extend(message.payload().and_then(|payload| field_write(message.offset(), payload)));
            }
            Some(Err(error)) => {
                tracing::debug!(%error, "the change feed could not be read");
                consumer.context().lost(&error);
                break;
            }
            None => break,
        }
        wait = Duration::ZERO;
    }
    batches
}

/// The consumer's context: partitions are assigned at the offsets that Redis has.
struct WriterContext {
    place: WriterPlace,
    /// The offset that Redis should have, for each of our partitions.
    at: Mutex<BTreeMap<i32, i64>>,
    /// How often partitions have changed hands.
    assigned: AtomicU64,
    failed: Mutex<Option<WriteFailed>>,
}

impl ClientContext for WriterContext {}

impl ConsumerContext for WriterContext {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, error: RDKafkaRespErr, list: &mut TopicPartitionList) {
        self.assigned.fetch_add(1, Ordering::Relaxed);
        let assigned = error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        let done = if assigned { self.assign(consumer, list) } else { self.revoke(consumer) };
        if let Err(error) = done {
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }
}

impl WriterContext {
    fn at(&self) -> std::sync::MutexGuard<'_, BTreeMap<i32, i64>> {
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn assign(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) -> Result<(), WriteFailed> {
        let mut placed = TopicPartitionList::new();
        let mut at = BTreeMap::new();
        for element in list.elements() {
            let offset = self.place.of(consumer, element.partition())?;
            placed.add_partition_offset(element.topic(), element.partition(), Offset::Offset(offset))?;
            at.insert(element.partition(), offset);
        }
        tracing::info!(partitions = ?at, "writing L2");
        *self.at() = at;
        Ok(consumer.assign(&placed)?)
    }

    fn revoke(&self, consumer: &BaseConsumer<Self>) -> Result<(), WriteFailed> {
        self.at().clear();
        Ok(consumer.unassign()?)
    }

    /// The log does not reach back to where we read: all positions are fetched again.
    fn lost(&self, error: &rdkafka::error::KafkaError) {
        if kafka::lost(error) {
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(WriteFailed::Kafka(error.clone()));
        }
    }

    /// Writes each partition's batch. Returns the partitions where Redis has another offset.
    fn send(&self, batches: &BTreeMap<i32, Batch>) -> Result<Vec<i32>, WriteFailed> {
        let mut at = self.at();
        let (mut sent, mut pipelines) = (Vec::new(), Vec::new());
        for (partition, batch) in batches {
            let Some(expected) = at.get(partition).copied() else { continue };
            if batch.next <= expected {
                continue;
            }
            pipelines.push(self.place.pipeline(*partition, expected, batch));
            sent.push((*partition, batch.next));
        }
        let found = self.place.redis.all::<(Option<String>,)>(&pipelines)?;
        let mut others = Vec::new();
        for ((partition, next), (found,)) in sent.into_iter().zip(found) {
            if found.as_deref() == Some(&l2::encode_offset(&self.place.log_id, next)) {
                at.insert(partition, next);
            } else {
                others.push(partition);
            }
        }
        Ok(others)
    }

    fn start_again(&self, consumer: &BaseConsumer<Self>, partition: i32) -> Result<(), WriteFailed> {
        let offset = self.place.of(consumer, partition)?;
        consumer.seek(&self.place.topic, partition, Offset::Offset(offset), ASK)?;
        self.at().insert(partition, offset);
        Ok(())
    }
}
