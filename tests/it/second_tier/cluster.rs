//! The same tier over a Redis Cluster of three primaries.

use std::collections::BTreeSet;

use onhand_harness::{World, eventually};
use onhand_wire::l2;
use redis::AsyncCommands;
use serde_json::json;

use super::{SKUS, clear_l1, look_up, metric, sell_one_of_each, served_by_l2, shows};

const PARTITIONS: i32 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_serves_every_partition_and_outlives_a_node() {
    let world = World::start().edges(2).partitions(PARTITIONS).redis_cluster().ready().await;
    super::stocked(&world).await;
    served_by_l2(&world, 0).await;
    served_by_l2(&world, 1).await;
    let nodes = world.redis_cluster().nodes();
    let holding = holders(nodes).await;
    println!("nodes that hold hashes: {holding:?}");
    assert_eq!(holding.len(), 3, "the partitions' hash tags lie on all nodes");

    sell_one_of_each(&world).await;
    for edge in 0..2 {
        eventually!(shows(&world, edge, 9).await);
        served_by_l2(&world, edge).await;
        assert!(shows(&world, edge, 9).await, "L2 was written");
    }

    let clear = world.edge(0).management().call("POST".parse().unwrap(), "/actuator/caches/clearAll");
    let cleared = clear.header("authorization", &format!("Bearer {}", world.tokens.operator)).send().await.expect(200);
    assert_eq!(cleared.json(), json!({"cleared": ["l1", "l2"]}));
    eventually!(holders(nodes).await.is_empty()); // the writers clear their slots
    served_by_l2(&world, 0).await;

    nodes[2].kill();
    clear_l1(&world, 0).await;
    assert_eq!(look_up(&world, 0).await.len(), SKUS, "its partitions are misses, no lookup fails");
    nodes[2].start().await;
    let wait = std::time::Duration::from_secs(30);
    eventually!(wait, metric(&world, 0, "edge_l2_breaker_state").await == 0.0);
    sell_one_of_each(&world).await;
    eventually!(shows(&world, 0, 8).await);
    eventually!(wait, {
        clear_l1(&world, 0).await;
        look_up(&world, 0).await.iter().filter(|(_, source)| source == "l2").count() > SKUS / 2
    });
    assert!(shows(&world, 0, 8).await);
}

/// The nodes that hold any hash of ours.
async fn holders(nodes: &[onhand_harness::Redis]) -> BTreeSet<usize> {
    let mut holding = BTreeSet::new();
    for (index, node) in nodes.iter().enumerate() {
        let mut redis = node.client(0).await;
        let keys: Vec<String> = redis.keys("onhand:*:sku:*").await.unwrap();
        if !keys.is_empty() {
            assert!((0..PARTITIONS).any(|partition| keys[0].starts_with(&l2::key_prefix(partition))));
            holding.insert(index);
        }
    }
    holding
}
