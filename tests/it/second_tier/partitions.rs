//! Partitions added while everything runs, and records that are gone before an edge has read them.

use std::time::Duration;

use onhand_harness::{World, eventually};
use onhand_wire::{l2, partition};
use rdkafka::{
    Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, AlterConfig, NewPartitions, ResourceSpecifier},
    client::DefaultClientContext,
};
use redis::AsyncCommands;

use super::{PARTITIONS, SKUS, look_up, sell_one_of_each, served_by_l2, shows, sku};

const MORE: i32 = 5;

fn admin(world: &World) -> AdminClient<DefaultClientContext> {
    world.kafka().config().create().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_added_while_running_are_read_and_written() {
    let world = World::start().partitions(PARTITIONS).ready().await;
    super::stocked(&world).await;
    served_by_l2(&world, 0).await;
    let moved = (0..SKUS).filter(|number| partition::of(&sku(*number), MORE) >= PARTITIONS).count();
    assert!(moved > 5, "{moved} SKUs get another partition");
    let new = NewPartitions::new(world.topic(), MORE as usize);
    admin(&world).create_partitions([&new], &AdminOptions::new()).await.unwrap();

    let partitions = async || {
        let told = world.edge(0).management().get("/actuator/explain/s-0").await.expect(200).json();
        told["node"]["partition"] == partition::of("s-0", MORE)
    };
    let mut redis = world.redis_client().await;
    let wait = Duration::from_secs(60);
    eventually!(wait, {
        let placed: bool = redis.exists(l2::offset_key(MORE - 1)).await.unwrap();
        placed && (partition::of("s-0", MORE) == partition::of("s-0", PARTITIONS) || partitions().await)
    });
    sell_one_of_each(&world).await;
    eventually!(wait, shows(&world, 0, 9).await);
    served_by_l2(&world, 0).await;
    assert!(shows(&world, 0, 9).await);
    let as_of = async || {
        let answer = world.edge(0).anonymous().get("/v1/availability/s-0").await;
        answer.header("onhand-as-of").unwrap().to_owned()
    };
    let before = as_of().await;
    eventually!(as_of().await > before); // every partition counts again
}

/// What the edge was to read next is gone from the log: it holds nothing any more, and is right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_gone_before_they_were_read_clear_l1() {
    let world = World::start().partitions(PARTITIONS).ready().await;
    super::stocked(&world).await;
    assert!(shows(&world, 0, 10).await);
    world.edge(0).freeze();
    sell_one_of_each(&world).await;
    let mut gone = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        gone.add_partition_offset(world.topic(), partition, Offset::End).unwrap();
    }
    // Kafka deletes no records of a topic that is only compacted.
    let (admin, options) = (admin(&world), AdminOptions::new());
    let policy = AlterConfig::new(ResourceSpecifier::Topic(world.topic())).set("cleanup.policy", "compact,delete");
    admin.alter_configs([&policy], &options).await.unwrap().remove(0).unwrap();
    let deleted = admin.delete_records(&gone, &options).await.unwrap();
    deleted.elements().iter().for_each(|element| element.error().unwrap());
    world.edge(0).thaw();
    eventually!(Duration::from_secs(30), world.edge(0).log().contains("starting again from its end"));
    eventually!(Duration::from_secs(30), shows(&world, 0, 9).await);
    assert!(look_up(&world, 0).await.len() == SKUS);
}
