//! The region's one writer for each partition of L2, chosen by a consumer group.
//!
//! The place is Redis's, not the group's: each script call changes the hashes and moves the offset on
//! together, and only from the offset that it expects. If Redis has another (restarted, restored, a
//! writer that would not die), writing goes on from there; if there is none, or the log no longer
//! reaches back to it, or it is another topic's, the partition is cleared first.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use onhand_wire::{Sku, event::Change, l2};
use rdkafka::{
    ClientContext, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::KafkaResult,
    types::RDKafkaRespErr,
};
use redis::{Connection, RedisResult};

use super::{Position, Stop, kafka};
use crate::metrics::Metrics;

const POLL: Duration = Duration::from_millis(100);
const ASK: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_millis(250);
/// How long Redis may take for one batch.
const REDIS: Duration = Duration::from_secs(2);
/// Most records in one round trip.
const BATCH: usize = 500;

/// KEYS: the offset, then the hash of each record. ARGV: the offset expected, the offset to move to,
/// then field and value of each record. Answers the offset that is there.
const WRITE: &str = concat!(
    include_str!("../cache/newer.lua"),
    r#"
local at = redis.call('GET', KEYS[1])
if at ~= ARGV[1] then return at end
for i = 2, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 1 then join(KEYS[i], ARGV[2 * i - 1], ARGV[2 * i]) end
end
redis.call('SET', KEYS[1], ARGV[2])
return ARGV[2]
"#
);

/// What the writer needs; runs on a thread of its own.
pub(crate) struct L2Writer {
    pub(crate) brokers: String,
    pub(crate) topic: String,
    pub(crate) region: String,
    pub(crate) redis: redis::Client,
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
                    tracing::warn!(%error, "the second tier is not being written; trying again");
                }
                failures += 1;
                std::thread::sleep(RETRY);
            }
        }
    }

    /// Writes until Redis or Kafka fails, or the feed turns to another topic.
    fn write(&self, log_id: Arc<str>, stop: &Stop) -> Result<(), Failed> {
        let place = Place { topic: self.topic.clone(), log_id: log_id.clone(), redis: Mutex::new(self.connect()?) };
        let mut config = kafka::settings(&self.brokers, &format!("onhand-l2-{}", self.region));
        config.set("session.timeout.ms", "10000").set("heartbeat.interval.ms", "2000");
        let context = Writing { place, at: Mutex::default(), assigned: AtomicU64::new(0), failed: Mutex::default() };
        let consumer: BaseConsumer<Writing> = config.create_with_context(context)?;
        consumer.subscribe(&[&self.topic])?;
        while !stop.stopped() && self.position.log_id().as_ref() == Some(&log_id) {
            let batches = gather(&consumer);
            let context = consumer.context();
            if let Some(failed) = context.failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return Err(failed);
            }
            let records: usize = batches.values().map(|batch| batch.records.len()).sum();
            for partition in context.send(&batches)? {
                context.start_again(&consumer, partition)?;
            }
            self.metrics.l2_written(records);
        }
        Ok(())
    }

    fn connect(&self) -> RedisResult<Connection> {
        let redis = self.redis.get_connection_with_timeout(REDIS)?;
        redis.set_read_timeout(Some(REDIS))?;
        redis.set_write_timeout(Some(REDIS))?;
        Ok(redis)
    }
}

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("redis: {0}")]
    Redis(#[from] redis::RedisError),
    #[error("kafka: {0}")]
    Kafka(#[from] rdkafka::error::KafkaError),
}

/// One partition's records of a moment.
#[derive(Default)]
struct Batch {
    /// The offset after the last of them.
    next: i64,
    records: Vec<Record>,
}

impl Batch {
    /// Those from `offset` on: earlier ones were fetched before writing was placed elsewhere.
    fn from(&self, offset: i64) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(move |record| record.offset >= offset)
    }
}

struct Record {
    offset: i64,
    sku: Sku,
    field: String,
    value: Vec<u8>,
}

fn record(offset: i64, payload: &[u8]) -> Option<Record> {
    let (sku, field, value) = match Change::decode(payload).ok()? {
        Change::Fact(fact) => (fact.sku.clone(), fact.location.to_string(), l2::encode_field(&fact)),
        Change::Item(item) => (item.sku.clone(), l2::ITEM.to_owned(), l2::encode_field(&item)),
        Change::Location(_) | Change::Channel(_) | Change::Watermark(_) => return None,
    };
    Some(Record { offset, sku, field, value })
}

/// What has come, up to a batch. What came before partitions changed hands is dropped: it is read
/// again by whoever has them now.
fn gather(consumer: &BaseConsumer<Writing>) -> BTreeMap<i32, Batch> {
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
                batch.records.extend(message.payload().and_then(|payload| record(message.offset(), payload)));
            }
            Some(Err(error)) => {
                tracing::debug!(%error, "the change feed hesitates");
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
struct Writing {
    place: Place,
    /// The offset that Redis is expected to have, for each partition that is ours.
    at: Mutex<BTreeMap<i32, i64>>,
    /// How often partitions have changed hands.
    assigned: AtomicU64,
    failed: Mutex<Option<Failed>>,
}

impl ClientContext for Writing {}

impl ConsumerContext for Writing {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, error: RDKafkaRespErr, list: &mut TopicPartitionList) {
        self.assigned.fetch_add(1, Ordering::Relaxed);
        let assigned = error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        let done = if assigned { self.assign(consumer, list) } else { self.revoke(consumer) };
        if let Err(error) = done {
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }
}

impl Writing {
    fn at(&self) -> std::sync::MutexGuard<'_, BTreeMap<i32, i64>> {
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn assign(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) -> Result<(), Failed> {
        let mut placed = TopicPartitionList::new();
        let mut at = BTreeMap::new();
        for element in list.elements() {
            let offset = self.place.of(consumer, element.partition())?;
            placed.add_partition_offset(element.topic(), element.partition(), Offset::Offset(offset))?;
            at.insert(element.partition(), offset);
        }
        tracing::info!(partitions = ?at, "writing the second tier");
        *self.at() = at;
        Ok(consumer.assign(&placed)?)
    }

    fn revoke(&self, consumer: &BaseConsumer<Self>) -> Result<(), Failed> {
        self.at().clear();
        Ok(consumer.unassign()?)
    }

    /// The log does not reach back to where we read: everything is placed anew.
    fn lost(&self, error: &rdkafka::error::KafkaError) {
        if kafka::lost(error) {
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Failed::Kafka(error.clone()));
        }
    }

    /// Writes each partition's batch. Answers the partitions where Redis has another offset.
    fn send(&self, batches: &BTreeMap<i32, Batch>) -> Result<Vec<i32>, Failed> {
        let mut at = self.at();
        let mut pipeline = redis::pipe();
        let mut sent = Vec::new();
        for (partition, batch) in batches {
            let Some(expected) = at.get(partition).copied() else { continue };
            if batch.next <= expected {
                continue;
            }
            pipeline.add_command(self.place.command(*partition, expected, batch));
            sent.push((*partition, batch.next));
        }
        if sent.is_empty() {
            return Ok(Vec::new());
        }
        let mut redis = self.place.redis.lock().unwrap_or_else(PoisonError::into_inner);
        let found: Vec<Option<String>> = pipeline.query(&mut redis)?;
        let mut others = Vec::new();
        for ((partition, next), found) in sent.into_iter().zip(found) {
            if found.as_deref() == Some(&l2::encode_offset(&self.place.log_id, next)) {
                at.insert(partition, next);
            } else {
                others.push(partition);
            }
        }
        Ok(others)
    }

    fn start_again(&self, consumer: &BaseConsumer<Self>, partition: i32) -> Result<(), Failed> {
        let offset = self.place.of(consumer, partition)?;
        consumer.seek(&self.place.topic, partition, Offset::Offset(offset), ASK)?;
        self.at().insert(partition, offset);
        Ok(())
    }
}

/// Where a partition's writer stands, in Redis.
struct Place {
    topic: String,
    log_id: Arc<str>,
    redis: Mutex<Connection>,
}

impl Place {
    fn command(&self, partition: i32, expected: i64, batch: &Batch) -> redis::Cmd {
        let mut command = redis::cmd("EVAL");
        command.arg(WRITE).arg(1 + batch.from(expected).count()).arg(l2::offset_key(partition));
        batch.from(expected).for_each(|record| {
            command.arg(l2::key(partition, &record.sku));
        });
        command.arg(l2::encode_offset(&self.log_id, expected)).arg(l2::encode_offset(&self.log_id, batch.next));
        batch.from(expected).for_each(|record| {
            command.arg(&record.field).arg(&record.value);
        });
        command
    }

    /// The offset to write from: Redis's, or the log's end after clearing the partition.
    fn of(&self, consumer: &BaseConsumer<Writing>, partition: i32) -> Result<i64, Failed> {
        let mut redis = self.redis.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let (low, high) = bounds(consumer, &self.topic, partition)?;
            let held: Option<String> = redis::cmd("GET").arg(l2::offset_key(partition)).query(&mut *redis)?;
            let held = held.as_deref().and_then(l2::decode_offset);
            if let Some((_, offset)) = held.filter(|(id, at)| *id == &*self.log_id && (low..=high).contains(at)) {
                return Ok(offset);
            }
            tracing::info!(partition, ?held, low, high, "clearing the second tier's partition");
            clear(&mut redis, partition)?;
            // Not over another writer's: edges may have filled on the strength of it.
            let place = l2::encode_offset(&self.log_id, high);
            redis::cmd("SET").arg(l2::offset_key(partition)).arg(place).arg("NX").exec(&mut *redis)?;
        }
    }
}

fn bounds(consumer: &BaseConsumer<Writing>, topic: &str, partition: i32) -> KafkaResult<(i64, i64)> {
    consumer.fetch_watermarks(topic, partition, ASK)
}

/// The offset goes first: without it nothing is read and nothing is filled.
fn clear(redis: &mut Connection, partition: i32) -> RedisResult<()> {
    redis::cmd("DEL").arg(l2::offset_key(partition)).exec(redis)?;
    let pattern = format!("{}*", l2::key_prefix(partition));
    let mut cursor = 0_u64;
    loop {
        let scan = redis::cmd("SCAN").arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(1000).query(redis)?;
        let (next, keys): (u64, Vec<Vec<u8>>) = scan;
        if !keys.is_empty() {
            redis::cmd("UNLINK").arg(keys).exec(redis)?;
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}
