//! Kafka topics: how each is created and written to, and topics besides the feed, whose records are acknowledged one by
//! one.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use onhand_kafka::Brokers;
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};

/// A record that is not acknowledged by then has failed, and is no longer on its way.
pub(crate) const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(5);

const MADE_WITHIN: Duration = Duration::from_secs(5);

/// The settings of an origin's producer.
pub(crate) fn producing(brokers: &Brokers, more: &[(&str, &str)]) -> ClientConfig {
    let within = ACKNOWLEDGED_WITHIN.as_millis().to_string();
    let common = [
        ("client.id", "onhand-origin"),
        ("acks", "all"),
        ("enable.idempotence", "true"),
        ("message.timeout.ms", within.as_str()),
    ];
    brokers.client(&[&common, more].concat())
}

/// Creates a topic, unless it exists.
pub(crate) async fn make(admin: &AdminClient<DefaultClientContext>, topic: &NewTopic<'_>) -> Result<(), String> {
    let options = AdminOptions::new().operation_timeout(Some(MADE_WITHIN)).request_timeout(Some(MADE_WITHIN));
    let made = admin.create_topics([topic], &options).await.map_err(|error| error.to_string())?;
    match made.into_iter().next() {
        Some(Err((name, code))) if code != RDKafkaErrorCode::TopicAlreadyExists => {
            Err(format!("the topic {name} could not be made: {code}"))
        }
        _ => Ok(()),
    }
}

/// How a missing topic is created.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub partitions: i32,
    pub replication: i32,
    /// Whether the last record of each key is kept, instead of all records for some time.
    pub compacted: bool,
}

pub struct Topic {
    producer: FutureProducer,
    admin: AdminClient<DefaultClientContext>,
    name: String,
    shape: Shape,
    /// Whether it is known to exist.
    there: AtomicBool,
}

impl Topic {
    /// Connects when first used.
    pub fn new(brokers: &Brokers, name: &str, shape: Shape) -> Result<Self, KafkaError> {
        let config = producing(brokers, &[]);
        let (producer, admin) = (config.create()?, config.create()?);
        Ok(Self { producer, admin, name: name.to_owned(), shape, there: AtomicBool::new(false) })
    }

    /// Resolves when it is acknowledged; the error is for the log.
    pub(crate) async fn send(&self, key: &str, value: &[u8]) -> Result<(), String> {
        self.send_with(key, value, &[]).await
    }

    /// The same, with headers.
    pub(crate) async fn send_with(&self, key: &str, value: &[u8], headers: &[(&str, String)]) -> Result<(), String> {
        if !self.there.load(Ordering::Relaxed) {
            self.make().await?;
            self.there.store(true, Ordering::Relaxed);
        }
        let mut record = FutureRecord::to(&self.name).key(key).payload(value);
        if !headers.is_empty() {
            let add = |all: OwnedHeaders, (key, value): &(&str, String)| all.insert(Header { key, value: Some(value) });
            record = record.headers(headers.iter().fold(OwnedHeaders::new_with_capacity(headers.len()), add));
        }
        self.producer.send(record, ACKNOWLEDGED_WITHIN).await.map(drop).map_err(|(error, _)| {
            // It may have been deleted since.
            self.there.store(false, Ordering::Relaxed);
            error.to_string()
        })
    }

    async fn make(&self) -> Result<(), String> {
        let Shape { partitions, replication, compacted } = self.shape;
        let topic = NewTopic::new(&self.name, partitions, TopicReplication::Fixed(replication))
            .set("cleanup.policy", if compacted { "compact" } else { "delete" });
        make(&self.admin, &topic).await
    }
}
