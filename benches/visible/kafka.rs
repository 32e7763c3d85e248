//! Raw Kafka: a producer and a consumer on the same broker, with the settings that Onhand's have.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
};

const TOPIC: &str = "raw";
/// A record every ten milliseconds: enough to measure by, too few to be a load of its own.
const EVERY: Duration = Duration::from_millis(10);

/// Microseconds from handing a record to the producer to the consumer's having it.
pub(crate) fn start(brokers: &str, whole: Duration) -> tokio::task::JoinHandle<Histogram<u64>> {
    let brokers = brokers.to_owned();
    tokio::spawn(async move {
        make_topic(&brokers).await;
        tokio::task::spawn_blocking(move || measure(&brokers, whole)).await.expect("no panic")
    })
}

async fn make_topic(brokers: &str) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().expect("an admin client");
    let topic = NewTopic::new(TOPIC, 1, TopicReplication::Fixed(1));
    admin.create_topics([&topic], &AdminOptions::new()).await.expect("the topic is made");
}

fn measure(brokers: &str, whole: Duration) -> Histogram<u64> {
    let began = Instant::now();
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "raw")
        .set("fetch.wait.max.ms", "10")
        .create()
        .expect("a consumer");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(TOPIC, 0, Offset::Beginning).expect("a partition");
    consumer.assign(&list).expect("assigned");
    let owned = brokers.to_owned();
    let sender = std::thread::spawn(move || send(&owned, began, whole));
    let mut times = Histogram::new(3).expect("three digits");
    while began.elapsed() < whole {
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
        let arrived = began.elapsed().as_micros() as u64;
        let payload: [u8; 8] = message.payload().and_then(|bytes| bytes[..8].try_into().ok()).expect("our own record");
        let sent = u64::from_le_bytes(payload);
        // The first seconds are for connections to be made.
        if sent > 3_000_000 {
            times.record(arrived - sent).expect("it grows as it must");
        }
    }
    sender.join().expect("no panic");
    times
}

fn send(brokers: &str, began: Instant, whole: Duration) {
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("linger.ms", "0")
        .set("socket.nagle.disable", "true")
        .create()
        .expect("a producer");
    while began.elapsed() < whole {
        let mut payload = [0_u8; 200];
        payload[..8].copy_from_slice(&(began.elapsed().as_micros() as u64).to_le_bytes());
        let record = BaseRecord::<(), [u8]>::to(TOPIC).partition(0).payload(&payload);
        producer.send(record).expect("room in the queue");
        std::thread::sleep(EVERY);
    }
    producer.flush(Duration::from_secs(5)).expect("all is sent");
}
