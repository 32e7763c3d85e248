//! The feed's own records once more: doubled, in another order, late.

use std::time::Duration;

use onhand_harness::World;
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    producer::{FutureProducer, FutureRecord},
};

const ASK: Duration = Duration::from_secs(10);
/// Of each partition, the last so many.
const TAIL: i64 = 150;

struct Copy {
    partition: i32,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// Produces the last records of every partition again, each twice, in random order. How many.
pub async fn again(world: &World) -> usize {
    let (config, topic) = (world.kafka().config(), world.topic().to_owned());
    let read = tokio::task::spawn_blocking(move || read(config, &topic).expect("the broker is up"));
    let mut copies = read.await.expect("no panic while reading");
    copies.shuffle(&mut StdRng::seed_from_u64(7));
    let producer: FutureProducer = world.kafka().config().create().expect("a producer");
    for Copy { partition, key, value } in copies.iter().chain(&copies) {
        let record = FutureRecord::to(world.topic()).partition(*partition).key(key).payload(value);
        producer.send(record, ASK).await.expect("the broker takes it");
    }
    copies.len() * 2
}

fn read(mut config: ClientConfig, topic: &str) -> Result<Vec<Copy>, KafkaError> {
    let consumer: BaseConsumer = config.set("group.id", "drill").set("enable.partition.eof", "true").create()?;
    let metadata = consumer.fetch_metadata(Some(topic), ASK)?;
    let partitions = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
    let mut assigned = TopicPartitionList::new();
    for partition in 0..i32::try_from(partitions).expect("few") {
        let (low, high) = consumer.fetch_watermarks(topic, partition, ASK)?;
        assigned.add_partition_offset(topic, partition, Offset::Offset((high - TAIL).max(low)))?;
    }
    consumer.assign(&assigned)?;
    let (mut copies, mut ended) = (Vec::new(), 0);
    while ended < partitions {
        match consumer.poll(ASK) {
            Some(Ok(message)) => copies.push(Copy {
                partition: message.partition(),
                key: message.key().unwrap_or_default().to_vec(),
                value: message.payload().unwrap_or_default().to_vec(),
            }),
            Some(Err(KafkaError::PartitionEOF(_))) => ended += 1,
            Some(Err(error)) => return Err(error),
            None => break,
        }
    }
    Ok(copies)
}
