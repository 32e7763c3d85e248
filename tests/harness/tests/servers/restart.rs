//! Killed and started again, on the same port and data.

use std::time::Duration;

use onhand_harness::{Kafka, Servers, eventually};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    producer::{FutureProducer, FutureRecord},
};

#[tokio::test]
async fn postgres_keeps_its_data_over_kill_9() {
    let servers = Servers::dedicated().await.unwrap();
    let postgres = &servers.postgres;
    postgres.sql("postgres", "CREATE TABLE kept (n int)").await;
    postgres.sql("postgres", "INSERT INTO kept VALUES (7)").await;
    postgres.restart().await;
    let rows = postgres.sql("postgres", "SELECT n FROM kept").await;
    assert_eq!(rows[0].get::<_, i32>(0), 7);
    let fsync = postgres.sql("postgres", "SHOW fsync").await;
    assert_eq!(fsync[0].get::<_, String>(0), "on");
}

#[tokio::test]
async fn postgres_frozen_answers_nobody_and_thawed_goes_on() {
    let servers = Servers::dedicated().await.unwrap();
    let client = servers.postgres.client("postgres").await;
    servers.postgres.freeze();
    let mut question = Box::pin(client.query("SELECT 1", &[]));
    let waited = tokio::time::timeout(Duration::from_millis(300), &mut question).await;
    assert!(waited.is_err(), "a backend answered while frozen");
    servers.postgres.thaw();
    assert_eq!(question.await.unwrap().len(), 1);
}

#[tokio::test]
async fn redis_comes_back_empty_on_its_port() {
    let servers = Servers::dedicated().await.unwrap();
    let mut client = servers.redis.client(3).await;
    let _: () = redis::cmd("SET").arg("k").arg("v").query_async(&mut client).await.unwrap();
    servers.redis.restart().await;
    let mut client = servers.redis.client(3).await;
    let gone: Option<String> = redis::cmd("GET").arg("k").query_async(&mut client).await.unwrap();
    assert_eq!(gone, None);
    assert!(servers.redis.terminate(Duration::from_secs(5)).await.success());
}

#[tokio::test]
async fn kafka_keeps_its_log_over_kill_9() {
    let servers = Servers::dedicated().await.unwrap();
    let kafka = &servers.kafka;
    kafka.create_topic("kept", 2, true).await;
    produce(kafka, "kept", "first").await;
    kafka.kill();
    kafka.start().await;
    let read = tokio::task::spawn_blocking({
        let config = kafka.config();
        move || first_payload(config, "kept")
    });
    assert_eq!(read.await.unwrap(), "first");
    produce(kafka, "kept", "second").await;
}

async fn produce(kafka: &Kafka, topic: &str, payload: &str) {
    let producer: FutureProducer = kafka.config().set("acks", "all").create().unwrap();
    let record = FutureRecord::to(topic).key("k").payload(payload).partition(1);
    producer.send(record, Duration::from_secs(20)).await.unwrap();
}

fn first_payload(mut config: rdkafka::ClientConfig, topic: &str) -> String {
    let consumer: BaseConsumer = config.set("group.id", "none").create().unwrap();
    let mut from = TopicPartitionList::new();
    from.add_partition_offset(topic, 1, Offset::Beginning).unwrap();
    consumer.assign(&from).unwrap();
    // While the broker comes back, polls may give errors first.
    let record = (0..200).find_map(|_| consumer.poll(Duration::from_millis(100))?.ok()).expect("a record within 20 s");
    String::from_utf8_lossy(record.payload().unwrap()).into_owned()
}

#[tokio::test]
async fn shared_servers_are_one_set_and_cannot_be_killed() {
    let (one, two) = tokio::join!(Servers::shared(), Servers::shared());
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.postgres.pid(), two.postgres.pid());
    let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| one.redis.kill()));
    assert!(refused.is_err() && one.redis.is_running());
    let mut tries = 0;
    eventually!({
        tries += 1;
        tries > 2
    });
}
