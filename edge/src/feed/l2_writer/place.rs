//! The position of a partition's writer, and the Redis that keeps it.

use std::{sync::Arc, time::Duration};

use futures_util::future::try_join_all;
use onhand_wire::l2;
use rdkafka::consumer::{BaseConsumer, Consumer};
use redis::{FromRedisValue, Pipeline, RedisResult};
use tokio::runtime::Handle;

use super::{ASK, Batch, WriteFailed, WriterContext};
use crate::redis_client::Redis;

/// How long Redis may take for one batch.
pub(super) const REDIS: Duration = Duration::from_secs(2);
/// KEYS: the offset, then the hash of each record. ARGV: the offset expected, the offset to move to,
/// then field and value of each record. Returns the offset in Redis.
const WRITE: &str = concat!(
    include_str!("../../redis_client/newer.lua"),
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

/// Redis for the writer's thread.
pub(super) struct BlockingRedis {
    pub(super) redis: Arc<Redis>,
    pub(super) runtime: Handle,
}

impl BlockingRedis {
    pub(super) fn within<T>(&self, answer: impl Future<Output = RedisResult<T>>) -> Result<T, WriteFailed> {
        let answered = self.runtime.block_on(async { tokio::time::timeout(REDIS, answer).await });
        Ok(answered.map_err(|_| WriteFailed::TooSlow)??)
    }

    fn one<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, WriteFailed> {
        self.within(self.redis.run(pipeline))
    }

    /// Runs them at the same time, each for one partition.
    pub(super) fn all<T: FromRedisValue>(&self, pipelines: &[Pipeline]) -> Result<Vec<T>, WriteFailed> {
        self.within(try_join_all(pipelines.iter().map(|pipeline| self.redis.run(pipeline))))
    }

    /// Has no time limit, because a partition may hold many hashes.
    fn clear(&self, partition: i32) -> Result<(), WriteFailed> {
        let mut pipeline = redis::pipe();
        pipeline.del(l2::offset_key(partition)).ignore(); // first, because without it nothing is read and nothing filled
        self.one::<()>(&pipeline)?;
        Ok(self.runtime.block_on(self.redis.clear(partition))?)
    }
}

/// The position of a partition's writer in Redis.
pub(super) struct WriterPlace {
    pub(super) topic: String,
    pub(super) log_id: Arc<str>,
    pub(super) redis: BlockingRedis,
}

impl WriterPlace {
    pub(super) fn pipeline(&self, partition: i32, expected: i64, batch: &Batch) -> Pipeline {
        let mut pipeline = redis::pipe();
        let command = pipeline.cmd("EVAL");
        command.arg(WRITE).arg(1 + batch.from(expected).count()).arg(l2::offset_key(partition));
        batch.from(expected).for_each(|write| {
            command.arg(l2::key(partition, &write.sku));
        });
        command.arg(l2::encode_offset(&self.log_id, expected)).arg(l2::encode_offset(&self.log_id, batch.next));
        batch.from(expected).for_each(|write| {
            command.arg(&write.field).arg(&write.value);
        });
        pipeline
    }

    /// The offset to write from: the one in Redis, or the log's end after clearing the partition.
    pub(super) fn of(&self, consumer: &BaseConsumer<WriterContext>, partition: i32) -> Result<i64, WriteFailed> {
        let key = l2::offset_key(partition);
        loop {
            let (low, high) = consumer.fetch_watermarks(&self.topic, partition, ASK)?;
            let (held,): (Option<String>,) = self.redis.one(redis::pipe().get(&key))?;
            let held = held.as_deref().and_then(l2::decode_offset);
            if let Some((_, offset)) = held.filter(|(id, at)| *id == &*self.log_id && (low..=high).contains(at)) {
                return Ok(offset);
            }
            tracing::info!(partition, ?held, low, high, "clearing a partition of L2");
            self.redis.clear(partition)?;
            // Does not overwrite another writer's offset: edges may have filled because of it.
            let place = l2::encode_offset(&self.log_id, high);
            self.redis.one::<()>(redis::pipe().set_nx(&key, place).ignore())?;
        }
    }
}
