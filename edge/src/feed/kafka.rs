//! Reads the feed from Kafka: by `assign`, without a group, from numeric offsets.

use std::time::{Duration, Instant};

use onhand_kafka::{Brokers, topic_id};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
};

use super::{Apply, Stop};

const POLL: Duration = Duration::from_millis(100);
/// How long brokers may take to answer questions about the topic.
const ASK: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_millis(250);
/// Watermarks come every 100 ms; after this long without a record the watchdog checks why.
const QUIET: Duration = Duration::from_secs(2);

/// Why reading stopped.
enum ReadEnd {
    Stopped,
    /// The consumer must be rebuilt; reading then goes on at the same place.
    Rebuild,
    /// The log no longer holds what comes next.
    Lost,
}

pub(super) fn read(brokers: &Brokers, topic: &str, mut apply: Apply, stop: &Stop) {
    let mut positions: Option<Vec<i64>> = None;
    let mut failures = 0_u64;
    while !stop.stopped() {
        match FeedReader::open(brokers, topic, &mut apply, positions.take(), stop) {
            Ok(reader) => match reader.run(&mut apply, stop) {
                ReadEnd::Stopped => return,
                ReadEnd::Rebuild => positions = Some(apply.position.all()),
                ReadEnd::Lost => {
                    tracing::warn!("the feed no longer holds what comes next: starting again from its end")
                }
            },
            Err(error) => {
                apply.position.set_connected(false);
                if failures.is_multiple_of(20) {
                    tracing::warn!(%error, topic, "waiting for the change feed");
                }
                failures += 1;
                if apply.position.partitions() > 0 {
                    positions = Some(apply.position.all());
                }
                std::thread::sleep(RETRY);
            }
        }
    }
}

/// A consumer's settings; `assign` needs a group's name, but joins none.
pub(super) fn settings(brokers: &Brokers, group: &str, more: &[(&str, &str)]) -> ClientConfig {
    let common = [
        ("group.id", group),
        ("enable.auto.commit", "false"),
        ("auto.offset.reset", "error"),
        ("allow.auto.create.topics", "false"),
        ("fetch.wait.max.ms", "50"),
        ("fetch.error.backoff.ms", "50"),
        ("reconnect.backoff.ms", "50"),
        ("reconnect.backoff.max.ms", "1000"),
        ("socket.keepalive.enable", "true"),
        ("socket.nagle.disable", "true"),
        ("log.connection.close", "false"),
    ];
    brokers.client(&[&common, more].concat())
}

/// The brokers' metadata may know a new topic a moment before its description is available.
const ID_TRIES: usize = 3;

/// The next offset of each partition of the topic.
fn ends(consumer: &BaseConsumer, topic: &str) -> KafkaResult<Vec<i64>> {
    (0..partitions(consumer, topic)?).map(|partition| Ok(consumer.fetch_watermarks(topic, partition, ASK)?.1)).collect()
}

fn partitions(consumer: &BaseConsumer, topic: &str) -> KafkaResult<i32> {
    let metadata = consumer.fetch_metadata(Some(topic), ASK)?;
    let count = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
    if count == 0 {
        return Err(KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopicOrPartition));
    }
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}

struct FeedReader {
    consumer: BaseConsumer,
    topic: String,
    /// When each partition last had a record: all of them get a watermark ten times a second.
    progress: Vec<Instant>,
}

impl FeedReader {
    /// Assigns every partition: from `positions`, or from 0 if the partition is new; without positions, from the ends.
    fn open(
        brokers: &Brokers,
        topic: &str,
        apply: &mut Apply,
        positions: Option<Vec<i64>>,
        stop: &Stop,
    ) -> KafkaResult<Self> {
        let consumer: BaseConsumer = settings(brokers, "onhand-edge", &[]).create()?;
        partitions(&consumer, topic)?; // a topic that is not there yet has no id either: it is waited for
        let id = (0..ID_TRIES).find_map(|_| topic_id::fetch(consumer.client().native_client(), topic, ASK));
        // An id that was not known before proves nothing of what was read before.
        let same_topic = id.is_none() || apply.position.topic_id() == id;
        let positions = match positions.filter(|_| same_topic) {
            Some(mut positions) => {
                positions.resize(positions.len().max(partitions(&consumer, topic)? as usize), 0);
                apply.reads(&positions);
                positions
            }
            None => {
                if id.is_none() {
                    tracing::warn!(topic, "the brokers do not give the topic's id: L2 is not used");
                }
                let ends = ends(&consumer, topic)?;
                apply.position.set_topic_id(id);
                apply.restart(&ends, stop);
                ends
            }
        };
        consumer.assign(&assignment(topic, &positions)?)?;
        apply.position.set_connected(true);
        tracing::info!(topic, ?positions, "reading the change feed");
        let progress = vec![Instant::now(); positions.len()];
        Ok(Self { consumer, topic: topic.to_owned(), progress })
    }

    fn run(mut self, apply: &mut Apply, stop: &Stop) -> ReadEnd {
        while !stop.stopped() {
            match self.consumer.poll(POLL) {
                Some(Ok(message)) => {
                    let (partition, offset) = (message.partition(), message.offset());
                    // Only compaction makes holes in offsets: then a watermark may already cover a change whose record
                    // was superseded further on.
                    if offset != apply.position.next_offset(partition) {
                        return ReadEnd::Lost;
                    }
                    apply.record(partition, offset, message.payload().unwrap_or_default(), stop);
                    self.progress[partition as usize] = Instant::now();
                    apply.position.set_connected(true);
                    if apply.freshness.named() > apply.position.partitions() as usize {
                        return ReadEnd::Rebuild;
                    }
                }
                Some(Err(error)) if lost(&error) => return ReadEnd::Lost,
                Some(Err(error)) => tracing::debug!(%error, "the change feed could not be read"),
                None => {}
            }
            let quiet = |progress: &Instant| progress.elapsed() > QUIET;
            if self.progress.iter().any(quiet) && self.stalled(apply) {
                tracing::warn!("the consumer makes no progress: rebuilding it");
                return ReadEnd::Rebuild;
            }
        }
        ReadEnd::Stopped
    }

    /// A partition returned nothing for a while although the log has more: the consumer is stuck, not the feed.
    fn stalled(&mut self, apply: &Apply) -> bool {
        self.progress.fill(Instant::now());
        let ends = ends(&self.consumer, &self.topic);
        apply.position.set_connected(ends.is_ok());
        let Ok(ends) = ends else { return false };
        ends.len() > apply.position.partitions() as usize
            || ends.iter().zip(apply.position.all()).any(|(end, next)| *end > next)
    }
}

pub(super) fn lost(error: &KafkaError) -> bool {
    let gone = [RDKafkaErrorCode::AutoOffsetReset, RDKafkaErrorCode::OffsetOutOfRange];
    error.rdkafka_error_code().is_some_and(|code| gone.contains(&code))
}

pub(super) fn assignment(topic: &str, positions: &[i64]) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(positions.len());
    for (partition, offset) in positions.iter().enumerate() {
        list.add_partition_offset(topic, partition as i32, Offset::Offset(*offset))?;
    }
    Ok(list)
}
