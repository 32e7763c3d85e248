//! The lanes' logs: Kafka's topics, or a log in the process.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use onhand_kafka::{Brokers, topic_id};
use onhand_wire::{memory_log::MemoryLog, order::Lane, partition};
use rdkafka::{
    error::KafkaError,
    producer::{FutureProducer, FutureRecord, Producer},
};
use uuid::Uuid;

/// The topic of a lane, of the high lane's name.
pub fn topic_of(high: &str, lane: Lane) -> String {
    match lane {
        Lane::High => high.to_owned(),
        Lane::Low => format!("{high}.low"),
    }
}

/// Where dead letters go.
pub fn letters_of(high: &str) -> String {
    format!("{high}-dlq")
}

/// Which log the lanes are in.
#[derive(Clone)]
pub enum Log {
    Kafka(Brokers),
    Memory(MemoryLanes),
}

/// The lanes of one process (`onhand dev`): gone with it, as far as they are not taken in.
#[derive(Clone)]
pub struct MemoryLanes(Arc<InMemory>);

struct InMemory {
    topic: String,
    lanes: [MemoryLog; 2],
    /// How far each lane's partitions are taken in.
    taken: [Vec<AtomicI64>; 2],
}

impl MemoryLanes {
    pub fn new(partitions: i32) -> Self {
        let taken = || (0..partitions).map(|_| AtomicI64::new(0)).collect();
        let lanes = [MemoryLog::new(partitions), MemoryLog::new(partitions)];
        Self(Arc::new(InMemory { topic: format!("memory-{}", Uuid::new_v4()), lanes, taken: [taken(), taken()] }))
    }

    pub fn topic(&self) -> &str {
        &self.0.topic
    }

    pub fn log(&self, lane: Lane) -> &MemoryLog {
        &self.0.lanes[lane as usize]
    }

    /// What is before this offset is in the database.
    pub fn took(&self, lane: Lane, partition: i32, next: i64) {
        self.0.taken[lane as usize][partition as usize].fetch_max(next, Ordering::AcqRel);
    }

    pub(crate) fn append(&self, lane: Lane, sku: &str, value: Vec<u8>) -> Result<Written, AppendError> {
        let log = self.log(lane);
        let partition = partition::of(sku, log.partitions());
        let taken = self.0.taken[lane as usize][partition as usize].load(Ordering::Acquire);
        let offset = log.append_unread(partition, value, taken).ok_or(AppendError::Full)?;
        Ok(Written { topic: self.0.topic.as_str().into(), partition, offset })
    }
}

/// Where a record was written.
#[derive(Debug, Clone)]
pub struct Written {
    pub topic: Arc<str>,
    pub partition: i32,
    pub offset: i64,
}

#[derive(Debug)]
pub enum AppendError {
    /// Nothing was sent.
    Unreachable(String),
    /// Nothing was sent: too much waits to be sent.
    Full,
    /// It was not acknowledged in time, and may be in the log or come there yet.
    Unknown(String),
}

/// The writing end of both lanes.
pub struct Lanes {
    of: Of,
}

enum Of {
    Kafka(Box<Kafka>),
    Memory(MemoryLanes),
}

/// A topic's id and how many partitions it has, once it was looked at.
type Known = Option<(Arc<str>, i32)>;

struct Kafka {
    producer: FutureProducer,
    topics: [String; 2],
    within: Duration,
    /// Each lane's topic id and number of partitions, which never change; none: not yet looked at.
    shapes: [Mutex<Known>; 2],
    /// One look at a time, and whoever comes meanwhile shares it: when the last one failed, and why.
    looking: tokio::sync::Mutex<Option<(Instant, String)>>,
}

/// How long brokers may take to tell of a topic.
const ASK: Duration = Duration::from_secs(2);
/// Brokers that did not tell are asked again after this.
const ASKED_EVERY: Duration = Duration::from_millis(500);

impl Lanes {
    /// Connects when first used.
    pub fn new(log: Log, topic: &str, within: Duration) -> Result<Self, KafkaError> {
        let of = match log {
            Log::Memory(lanes) => Of::Memory(lanes),
            Log::Kafka(brokers) => {
                let timeout = within.as_millis().to_string();
                let own = [
                    ("client.id", "onhand-orders"),
                    ("acks", "all"),
                    ("enable.idempotence", "true"),
                    ("message.timeout.ms", timeout.as_str()),
                    ("linger.ms", "1"),
                    ("socket.nagle.disable", "true"),
                    ("reconnect.backoff.max.ms", "1000"),
                ];
                let topics = Lane::ALL.map(|lane| topic_of(topic, lane));
                let producer = brokers.client(&own).create()?;
                Of::Kafka(Box::new(Kafka {
                    producer,
                    topics,
                    within,
                    shapes: Default::default(),
                    looking: Default::default(),
                }))
            }
        };
        Ok(Self { of })
    }

    /// Looks at the lanes' topics before an order needs them.
    pub async fn prepare(&self) {
        let Of::Kafka(kafka) = &self.of else { return };
        for lane in Lane::ALL {
            if let Err(AppendError::Unreachable(cause)) = kafka.known_or_looked(lane).await {
                tracing::debug!(cause, lane = lane.as_str(), "an order lane cannot be written to yet");
            }
        }
    }

    /// Of a lane's topic; none: not looked at yet.
    pub fn partitions(&self, lane: Lane) -> Option<i32> {
        match &self.of {
            Of::Memory(lanes) => Some(lanes.log(lane).partitions()),
            Of::Kafka(kafka) => kafka.shape(lane).map(|(_, partitions)| partitions),
        }
    }

    /// Resolves when every replica that must has it. Orders of one SKU go to one partition.
    pub async fn append(&self, lane: Lane, sku: &str, id: Uuid, value: Vec<u8>) -> Result<Written, AppendError> {
        match &self.of {
            Of::Memory(lanes) => lanes.append(lane, sku, value),
            Of::Kafka(kafka) => kafka.append(lane, sku, id, value).await,
        }
    }
}

impl Kafka {
    async fn append(&self, lane: Lane, sku: &str, id: Uuid, value: Vec<u8>) -> Result<Written, AppendError> {
        let (topic, partitions) = self.known_or_looked(lane).await?;
        let (partition, key) = (partition::of(sku, partitions), id.to_string());
        let record = FutureRecord::to(&self.topics[lane as usize]).partition(partition).key(&key).payload(&value);
        let sent = self.producer.send_result(record).map_err(|(error, _)| match error.rdkafka_error_code() {
            Some(rdkafka::error::RDKafkaErrorCode::QueueFull) => AppendError::Full,
            _ => AppendError::Unreachable(error.to_string()),
        })?;
        // librdkafka gives up by itself; this is for one that does not.
        match tokio::time::timeout(2 * self.within, sent).await {
            Ok(Ok(Ok(written))) => Ok(Written { topic, partition: written.partition, offset: written.offset }),
            Ok(Ok(Err((error, _)))) => Err(self.failed(lane, &error)),
            Ok(Err(_)) | Err(_) => Err(AppendError::Unknown("the producer did not tell what became of it".to_owned())),
        }
    }

    fn failed(&self, lane: Lane, error: &KafkaError) -> AppendError {
        // The topic may be another one by now.
        *self.lock(lane) = None;
        AppendError::Unknown(error.to_string())
    }

    fn lock(&self, lane: Lane) -> std::sync::MutexGuard<'_, Option<(Arc<str>, i32)>> {
        self.shapes[lane as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shape(&self, lane: Lane) -> Option<(Arc<str>, i32)> {
        self.lock(lane).clone()
    }

    async fn known_or_looked(&self, lane: Lane) -> Result<(Arc<str>, i32), AppendError> {
        if let Some(known) = self.shape(lane) {
            return Ok(known);
        }
        let mut failed = self.looking.lock().await;
        if let Some(known) = self.shape(lane) {
            return Ok(known);
        }
        if let Some((_, cause)) = failed.as_ref().filter(|(at, _)| at.elapsed() < ASKED_EVERY) {
            return Err(AppendError::Unreachable(cause.clone()));
        }
        let looked = self.look(lane).await;
        *failed = looked.as_ref().err().map(|error| (Instant::now(), format!("{error:?}")));
        looked
    }

    /// librdkafka blocks here, so a thread waits.
    async fn look(&self, lane: Lane) -> Result<(Arc<str>, i32), AppendError> {
        let (producer, topic, ask) = (self.producer.clone(), self.topics[lane as usize].clone(), ASK.min(self.within));
        let look = move || {
            let metadata = producer.client().fetch_metadata(Some(&topic), ask).map_err(|error| error.to_string())?;
            let partitions = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
            let id = topic_id::fetch(producer.client().native_client(), &topic, ask);
            match (partitions, id) {
                (0, _) => Err(format!("there is no topic {topic} yet")),
                (_, None) => Err(format!("the brokers do not tell the id of {topic}")),
                (partitions, Some(id)) => Ok((id, i32::try_from(partitions).unwrap_or(i32::MAX))),
            }
        };
        let looked =
            tokio::task::spawn_blocking(look).await.map_err(|error| AppendError::Unreachable(error.to_string()))?;
        let shape = looked.map_err(AppendError::Unreachable)?;
        *self.lock(lane) = Some(shape.clone());
        Ok(shape)
    }
}
