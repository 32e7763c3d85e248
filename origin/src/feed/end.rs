//! The feed's end: the history that last wrote to it.

use std::time::{Duration, Instant};

use onhand_wire::event::Change;
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};

use super::FeedEnd;

const ASK: Duration = Duration::from_secs(3);
/// How many records are read at each partition's end; ten times as many if no watermark is among them.
const TAIL: i64 = 200;

/// The highest term and T of the last watermarks. Blocks.
pub(super) fn read(config: &ClientConfig, topic: &str, partitions: i32) -> Result<FeedEnd, KafkaError> {
    let consumer: BaseConsumer = config.create()?;
    let mut highest = FeedEnd::Empty;
    for partition in 0..partitions {
        highest = highest.higher(last(&consumer, topic, partition)?);
    }
    Ok(highest)
}

/// The partition's last watermark.
fn last(consumer: &BaseConsumer, topic: &str, partition: i32) -> Result<FeedEnd, KafkaError> {
    let (low, high) = consumer.fetch_watermarks(topic, partition, ASK)?;
    let mut tail = TAIL;
    loop {
        let from = (high - tail).max(low);
        let found = if from < high { watermark(consumer, topic, partition, from, high)? } else { FeedEnd::Empty };
        if found != FeedEnd::Empty || from == low {
            return Ok(found);
        }
        tail *= 10;
    }
}

/// The highest watermark between two offsets; compaction may have left gaps, also at the end.
fn watermark(
    consumer: &BaseConsumer,
    topic: &str,
    partition: i32,
    from: i64,
    high: i64,
) -> Result<FeedEnd, KafkaError> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(from))?;
    consumer.assign(&list)?;
    let mut found = FeedEnd::Empty;
    let until = Instant::now() + ASK;
    loop {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                if let Some(Ok(Change::Watermark(mark))) = message.payload().map(Change::decode) {
                    found = found.higher(FeedEnd::At { term: mark.term, t: mark.t });
                }
                if message.offset() + 1 >= high {
                    return Ok(found);
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(found),
            Some(Err(error)) => return Err(error),
            None if Instant::now() > until => {
                return Err(KafkaError::MessageConsumption(rdkafka::types::RDKafkaErrorCode::OperationTimedOut));
            }
            None => {}
        }
    }
}
