//! The Kafka topic for people's own consumers: JSON, key SKU, kept by time and not compacted.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, NewTopic, TopicReplication},
    client::DefaultClientContext,
    error::KafkaError,
    producer::{FutureProducer, FutureRecord},
};

use crate::relay::make_topic;

pub(super) const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(5);

pub struct Topic {
    producer: FutureProducer,
    admin: AdminClient<DefaultClientContext>,
    name: String,
    partitions: i32,
    replication: i32,
    /// Whether it is known to exist.
    there: AtomicBool,
}

impl Topic {
    /// Connects when first used.
    pub fn new(brokers: &str, name: &str, partitions: i32, replication: i32) -> Result<Self, KafkaError> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", brokers)
            .set("client.id", "onhand-restock")
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", ACKNOWLEDGED_WITHIN.as_millis().to_string());
        let (producer, admin) = (config.create()?, config.create()?);
        Ok(Self { producer, admin, name: name.to_owned(), partitions, replication, there: AtomicBool::new(false) })
    }

    /// Resolves when it is acknowledged; the error is for the log.
    pub(super) async fn send(&self, sku: &str, body: &str) -> Result<(), String> {
        if !self.there.load(Ordering::Relaxed) {
            self.make().await?;
            self.there.store(true, Ordering::Relaxed);
        }
        let record = FutureRecord::to(&self.name).key(sku).payload(body);
        self.producer.send(record, ACKNOWLEDGED_WITHIN).await.map(drop).map_err(|(error, _)| {
            // It may have been deleted since.
            self.there.store(false, Ordering::Relaxed);
            error.to_string()
        })
    }

    async fn make(&self) -> Result<(), String> {
        let topic = NewTopic::new(&self.name, self.partitions, TopicReplication::Fixed(self.replication))
            .set("cleanup.policy", "delete");
        make_topic(&self.admin, &topic).await
    }
}
