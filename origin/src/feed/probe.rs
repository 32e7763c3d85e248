//! What `onhand check` says about the brokers and the topic; creates nothing.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use onhand_kafka::Brokers;
use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::KafkaError,
};

use super::{FeedError, kafka::count};

const ASK: Duration = Duration::from_secs(5);
/// How often, and for how long each time, it waits for the reason why no broker answers.
const LISTEN: (usize, Duration) = (10, Duration::from_millis(50));

/// Why no broker is reached: librdkafka's errors do not say it, but its log does.
#[derive(Default)]
struct Heard(Mutex<String>);

impl Heard {
    fn note(&self, message: &str) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Other messages show the address, which may be a password in the wrong place.
        if message.contains("SSL") || message.contains("SASL") {
            message.clone_into(&mut noted);
        }
    }
}

impl ClientContext for Heard {
    fn log(&self, level: RDKafkaLogLevel, _facility: &str, message: &str) {
        use RDKafkaLogLevel::{Alert, Critical, Emerg, Error};
        if matches!(level, Emerg | Alert | Critical | Error) {
            self.note(message);
        }
    }

    fn error(&self, _error: KafkaError, reason: &str) {
        self.note(reason);
    }
}

impl ConsumerContext for Heard {}

pub async fn probe(brokers: &Brokers, topic: &str) -> Result<String, FeedError> {
    let (config, name) = (brokers.client(&[("client.id", "onhand-check")]), topic.to_owned());
    let asked = tokio::task::spawn_blocking(move || ask(&config, &name)).await;
    let addresses = &brokers.addresses;
    match asked.map_err(|error| FeedError(error.to_string()))?? {
        0 => Ok(format!("{addresses} answers; the topic {topic} will be made by the first origin")),
        partitions => Ok(format!("{addresses} answers; the topic {topic} has {partitions} partitions")),
    }
}

fn ask(config: &rdkafka::ClientConfig, topic: &str) -> Result<i32, FeedError> {
    let failed = |error: KafkaError| FeedError(error.to_string());
    let consumer: BaseConsumer<Heard> = config.create_with_context(Heard::default()).map_err(failed)?;
    let error = match consumer.fetch_metadata(Some(topic), ASK) {
        Ok(metadata) => return count(&metadata),
        Err(error) => error,
    };
    for _ in 0..LISTEN.0 {
        let _noted_with_its_reason = consumer.poll(LISTEN.1);
    }
    let why = consumer.context().0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Err(FeedError(if why.is_empty() { error.to_string() } else { format!("{error}: {why}") }))
}
