//! The feed over Kafka.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use onhand_kafka::Brokers;
use rdkafka::{
    admin::{AdminClient, NewTopic, TopicReplication},
    client::DefaultClientContext,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseRecord, Producer, ThreadedProducer},
};

use super::{
    Feed, FeedEnd, FeedError, FeedRecord,
    delivery::{Deliveries, Publication},
};
use crate::topic::{self, producing};

/// How often the partition count is checked.
const LOOK: Duration = Duration::from_secs(10);
const ASK: Duration = Duration::from_secs(5);

pub struct KafkaFeed {
    producer: Arc<ThreadedProducer<Deliveries>>,
    admin: AdminClient<DefaultClientContext>,
    brokers: Brokers,
    topic: String,
    /// For a topic that must be created.
    new_partitions: i32,
    new_replication: i32,
    known: Arc<Mutex<Option<(i32, Instant)>>>,
    healthy: Arc<AtomicBool>,
}

impl KafkaFeed {
    /// Connects when first used, so that Kafka's absence never stops the origin's writes.
    pub fn new(brokers: &Brokers, topic: &str, new_partitions: i32, new_replication: i32) -> Result<Self, FeedError> {
        let prompt = [("linger.ms", "0"), ("socket.nagle.disable", "true"), ("reconnect.backoff.max.ms", "1000")];
        let config = producing(brokers, &prompt);
        let failed = |error: KafkaError| FeedError(error.to_string());
        Ok(Self {
            producer: Arc::new(config.create_with_context(Deliveries).map_err(failed)?),
            admin: config.create().map_err(failed)?,
            brokers: brokers.clone(),
            topic: topic.to_owned(),
            new_partitions,
            new_replication,
            known: Arc::default(),
            healthy: Arc::default(),
        })
    }

    fn known(&self) -> Option<(i32, Instant)> {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The topic's partitions, or 0 if it does not exist. librdkafka blocks here, so a thread waits.
    async fn look(&self) -> Result<i32, FeedError> {
        let (producer, topic) = (self.producer.clone(), self.topic.clone());
        let found = tokio::task::spawn_blocking(move || {
            let metadata = producer.client().fetch_metadata(Some(&topic), ASK);
            metadata.map_err(|error| FeedError(error.to_string())).and_then(|metadata| count(&metadata))
        });
        let partitions = found.await.map_err(|error| FeedError(error.to_string()))??;
        if partitions > 0 {
            *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((partitions, Instant::now()));
        }
        Ok(partitions)
    }

    async fn make_topic(&self) -> Result<(), FeedError> {
        let topic = NewTopic::new(&self.topic, self.new_partitions, TopicReplication::Fixed(self.new_replication))
            .set("cleanup.policy", "compact")
            .set("min.compaction.lag.ms", "3600000");
        topic::make(&self.admin, &topic).await.map_err(FeedError)
    }

    /// Queues all of them; if they do not all fit, the publication fails.
    fn queue(&self, records: &[FeedRecord], publication: &Arc<Publication>) {
        for record in records {
            let message = BaseRecord::with_opaque_to(&self.topic, publication.clone()).partition(record.partition);
            let sent = self.producer.send(message.key(&record.key).payload(&record.value));
            if let Err((error, _)) = sent {
                return publication.fail(&error);
            }
        }
    }
}

/// 0 for a topic that does not exist; other errors say nothing about its contents.
pub(super) fn count(metadata: &rdkafka::metadata::Metadata) -> Result<i32, FeedError> {
    let mut partitions = 0;
    for topic in metadata.topics() {
        match topic.error().map(RDKafkaErrorCode::from) {
            None => partitions += topic.partitions().len() as i32,
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {}
            Some(error) => return Err(FeedError(format!("the topic {}: {error}", topic.name()))),
        }
    }
    Ok(partitions)
}

#[async_trait]
impl Feed for KafkaFeed {
    async fn partitions(&self) -> Result<i32, FeedError> {
        if let Some((partitions, at)) = self.known()
            && at.elapsed() < LOOK
        {
            return Ok(partitions);
        }
        let looked = self.look().await;
        match (looked, self.known()) {
            (Ok(0), _) => {
                self.make_topic().await?;
                Err(FeedError(format!("the topic {} was just created", self.topic)))
            }
            (Ok(partitions), _) => Ok(partitions),
            // A failed check changes nothing: publishing itself will show whether Kafka works.
            (Err(_), Some((partitions, _))) => Ok(partitions),
            (Err(error), None) => {
                self.healthy.store(false, Ordering::Relaxed);
                Err(error)
            }
        }
    }

    async fn end(&self) -> Result<FeedEnd, FeedError> {
        let failed = |error: &dyn std::fmt::Display| FeedError(error.to_string());
        let partitions = self.look().await?;
        let config = self.brokers.client(&[
            ("client.id", "onhand-origin-end"),
            ("group.id", "onhand-origin-end"),
            ("enable.auto.commit", "false"),
            ("enable.partition.eof", "true"),
            ("fetch.wait.max.ms", "10"),
        ]);
        let topic = self.topic.clone();
        let read = tokio::task::spawn_blocking(move || super::end::read(&config, &topic, partitions)).await;
        read.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
    }

    fn publish(&self, records: Vec<FeedRecord>) -> BoxFuture<'static, Result<(), FeedError>> {
        let (publication, failed) = Publication::new();
        self.queue(&records, &Arc::new(publication));
        let healthy = self.healthy.clone();
        Box::pin(async move {
            let sent = failed.await.map_or(Ok(()), Err); // closed: every record is acknowledged
            healthy.store(sent.is_ok(), Ordering::Relaxed);
            sent
        })
    }

    fn healthy(&self) -> Option<bool> {
        Some(self.healthy.load(Ordering::Relaxed))
    }
}
