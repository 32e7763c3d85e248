//! The topic in Kafka: read completely, by `assign`, without a group.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use onhand_kafka::Brokers;
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
};

use super::TopicReader;

/// How long brokers may take to answer questions about the topic.
const ASK: Duration = Duration::from_secs(2);
/// The time between checks for a topic that does not exist yet: the first announced release creates it.
const LOOK: Duration = Duration::from_secs(1);
/// After this long without a record, the watchdog checks whether the consumer is stuck.
const QUIET: Duration = Duration::from_secs(30);

pub(super) struct KafkaReader {
    config: ClientConfig,
    topic: String,
    open: Option<OpenTopic>,
    /// Kept for a topic that does not exist yet, because a consumer is expensive to make.
    waiting: Option<BaseConsumer>,
    /// Whether it has been logged that the topic or its brokers are missing; it is logged once.
    reported: bool,
    caught_up: bool,
}

struct OpenTopic {
    consumer: BaseConsumer,
    /// The next offset of each partition; `None` before its first record.
    next: Vec<Option<i64>>,
    /// Partitions whose end was reached.
    ended: BTreeSet<i32>,
    heard: Instant,
}

impl KafkaReader {
    pub(super) fn new(brokers: &Brokers, topic: &str) -> Self {
        let config = brokers.client(&[
            ("client.id", "onhand-rules"),
            // `assign` needs a group's name, but joins none.
            ("group.id", "onhand-rules"),
            ("enable.auto.commit", "false"),
            ("enable.partition.eof", "true"),
            ("auto.offset.reset", "earliest"),
            ("allow.auto.create.topics", "false"),
            ("reconnect.backoff.max.ms", "1000"),
            ("log.connection.close", "false"),
        ]);
        Self { config, topic: topic.to_owned(), open: None, waiting: None, reported: false, caught_up: false }
    }

    fn open(&mut self) -> KafkaResult<OpenTopic> {
        let consumer = self.waiting.take().map_or_else(|| self.config.create::<BaseConsumer>(), Ok)?;
        let partitions = match partitions(&consumer, &self.topic) {
            Ok(partitions) => partitions,
            Err(error) => {
                self.waiting = Some(consumer);
                return Err(error);
            }
        };
        let mut all = TopicPartitionList::new();
        for partition in 0..partitions as i32 {
            all.add_partition_offset(&self.topic, partition, Offset::Beginning)?;
        }
        consumer.assign(&all)?;
        Ok(OpenTopic { consumer, next: vec![None; partitions], ended: BTreeSet::new(), heard: Instant::now() })
    }
}

fn partitions(consumer: &BaseConsumer, topic: &str) -> KafkaResult<usize> {
    let metadata = consumer.fetch_metadata(Some(topic), ASK)?;
    let there = metadata.topics().iter().filter(|topic| topic.error().is_none());
    let count: usize = there.map(|topic| topic.partitions().len()).sum();
    let unknown = KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopicOrPartition);
    if count > 0 { Ok(count) } else { Err(unknown) }
}

impl OpenTopic {
    /// The records that are there now.
    fn read(&mut self, wait: Duration) -> Vec<Vec<u8>> {
        let (mut values, mut wait) = (Vec::new(), wait);
        while let Some(polled) = self.consumer.poll(wait) {
            match polled {
                Ok(record) => {
                    self.next[record.partition() as usize] = Some(record.offset() + 1);
                    values.push(record.payload().unwrap_or_default().to_vec());
                    (wait, self.heard) = (Duration::ZERO, Instant::now());
                }
                Err(KafkaError::PartitionEOF(partition)) => {
                    self.ended.insert(partition);
                    wait = Duration::ZERO;
                }
                Err(error) => tracing::debug!(%error, "the announcements hesitate"),
            }
        }
        values
    }

    /// Whether the log has more, or less, than was read of it: then the consumer is stuck, or it is another topic.
    fn stands_still(&mut self, topic: &str) -> bool {
        if self.heard.elapsed() < QUIET {
            return false;
        }
        self.heard = Instant::now();
        let differs = |(partition, next): (usize, &Option<i64>)| {
            let ends = self.consumer.fetch_watermarks(topic, partition as i32, ASK);
            ends.is_ok_and(|(low, high)| high != next.unwrap_or(low))
        };
        self.next.iter().enumerate().any(differs)
    }
}

impl TopicReader for KafkaReader {
    fn poll(&mut self, wait: Duration) -> Vec<Vec<u8>> {
        let Some(open) = &mut self.open else {
            match self.open() {
                Ok(open) => self.open = Some(open),
                Err(error) => {
                    if !std::mem::replace(&mut self.reported, true) {
                        tracing::info!(%error, topic = self.topic, "waiting for releases to be announced");
                    }
                    thread::sleep(LOOK);
                }
            }
            return Vec::new();
        };
        let values = open.read(wait);
        self.caught_up |= open.ended.len() == open.next.len();
        if open.stands_still(&self.topic) {
            tracing::warn!(topic = self.topic, "reading the announcements again from the start");
            (self.open, self.caught_up) = (None, false);
        }
        values
    }

    fn caught_up(&self) -> bool {
        self.caught_up
    }
}
