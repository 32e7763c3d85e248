//! L2 under trouble: slow, flushed, evicting, restored, its writer stopped, partitions added, and as a
//! Redis Cluster. Whatever happens, edges answer, never go back, and in the end L2 is what the rows are.

mod cluster;
mod partitions;

use std::time::Duration;

use onhand_harness::{World, eventually};
use onhand_wire::{Fact, Sku, l2, partition};
use redis::AsyncCommands;
use serde_json::json;

const PARTITIONS: i32 = 3;
const SKUS: usize = 40;

fn sku(number: usize) -> String {
    format!("s-{number}")
}

fn key(sku: &str, partitions: i32) -> String {
    l2::key(partition::of(sku, partitions), &Sku::new(sku).unwrap())
}

/// Forty SKUs with ten each.
async fn stocked(world: &World) {
    world.location("a", 0).await;
    let rows: String = (0..SKUS).map(|number| format!("{},a,10,Item\n", sku(number))).collect();
    let csv = format!("sku,location,quantity,name\n{rows}");
    let admin = world.origin(0).client(&world.tokens.admin);
    let import = admin.call("POST".parse().unwrap(), "/inventory/imports?create=true").body("text/csv", csv);
    assert_eq!(import.send().await.expect(200).json()["applied"], SKUS);
}

async fn metric(world: &World, edge: usize, name: &str) -> f64 {
    world.edge(edge).metric(name).await.unwrap()
}

/// Empties one edge's own tier.
async fn clear_l1(world: &World, edge: usize) {
    let call = world.edge(edge).management().call("DELETE".parse().unwrap(), "/actuator/caches/l1");
    call.header("authorization", &format!("Bearer {}", world.tokens.operator)).send().await.expect(200);
}

/// Looks every SKU up at one edge; what each is, and where it came from.
async fn look_up(world: &World, edge: usize) -> Vec<(i64, String)> {
    let shop = world.edge(edge).anonymous();
    let mut found = Vec::new();
    for number in 0..SKUS {
        let answer = shop.get(&format!("/v1/availability/{}", sku(number))).await.expect(200);
        let source = answer.header("onhand-source").unwrap_or_default().to_owned();
        found.push((answer.json()["available"].as_i64().unwrap(), source));
    }
    found
}

/// Loads and fills until L2 answers for every SKU.
async fn served_by_l2(world: &World, edge: usize) {
    eventually!(Duration::from_secs(30), {
        clear_l1(world, edge).await;
        look_up(world, edge).await.iter().all(|(_, source)| source == "l2")
    });
}

/// One unit less of every SKU, through the origin, so that edges hear by the feed only.
/// A change that no lookup shows.
async fn mark_each(world: &World, low_stock_at: u32) {
    let operator = world.origin(0).client(&world.tokens.operator);
    for number in 0..SKUS {
        let path = format!("/inventory/products/{}/policy", sku(number));
        operator.put(&path, json!({"low_stock_at": low_stock_at})).await.expect(200);
    }
}

async fn sell_one_of_each(world: &World) {
    let operator = world.origin(0).client(&world.tokens.operator);
    for number in 0..SKUS {
        let body = json!({"location": "a", "delta": -1, "kind": "lost", "reason": "a test"});
        operator.post(&format!("/inventory/products/{}/adjustments", sku(number)), body).await.expect(200);
    }
}

async fn shows(world: &World, edge: usize, available: i64) -> bool {
    look_up(world, edge).await.iter().all(|(shown, _)| *shown == available)
}

/// What L2 holds of each SKU.
async fn held(redis: &mut impl AsyncCommands) -> Vec<Option<i64>> {
    let mut held = Vec::new();
    for number in 0..SKUS {
        let field: Option<Vec<u8>> = redis.hget(key(&sku(number), PARTITIONS), "a").await.unwrap();
        held.push(field.map(|field| l2::decode_field::<Fact>(&field).unwrap().on_hand));
    }
    held
}

/// A Redis that takes half a second, or for ever, is given up after a few reads: lookups do not wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_redis_costs_few_lookups_their_patience() {
    let world = World::start().dedicated().partitions(PARTITIONS).ready().await;
    stocked(&world).await;
    served_by_l2(&world, 0).await;
    let failures = async || metric(&world, 0, "edge_l2_failures_total").await;
    let before = failures().await;
    world.redis().freeze();
    eventually!({
        clear_l1(&world, 0).await;
        look_up(&world, 0).await; // answered all the same
        metric(&world, 0, "edge_l2_breaker_state").await != 0.0
    });
    for _ in 0..3 {
        clear_l1(&world, 0).await;
        let found = look_up(&world, 0).await;
        assert!(found.iter().all(|(available, source)| (*available, source.as_str()) == (10, "origin")), "{found:?}");
    }
    let waited = failures().await - before;
    println!("lookups that waited for a frozen Redis: {waited} of {}", 4 * SKUS);
    assert!(waited <= 10.0, "{waited} round trips failed before it was given up");
    // The node asks it once a second.
    eventually!(world.edge(0).anonymous().get("/health").await.json()["redis"] == false);
    world.redis().thaw();
    eventually!(metric(&world, 0, "edge_l2_breaker_state").await == 0.0);
    served_by_l2(&world, 0).await;
}

/// Flushed, short of memory, restored from an old copy, killed and started empty.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_loses_its_memory_is_never_believed_wrongly() {
    let world = World::start().dedicated().partitions(PARTITIONS).ready().await;
    stocked(&world).await;
    served_by_l2(&world, 0).await;
    let mut redis = world.redis_client().await;

    // An old copy, put back under writers that are far past it: they go on from its offset.
    let copy = copy(&mut redis).await;
    sell_one_of_each(&world).await;
    eventually!(shows(&world, 0, 9).await);
    eventually!(held(&mut redis).await.iter().all(|held| *held == Some(9)));
    let _: () = redis::cmd("FLUSHDB").query_async(&mut redis).await.unwrap();
    restore(&mut redis, &copy).await;
    clear_l1(&world, 0).await;
    assert!(shows(&world, 0, 9).await, "what the copy holds is not believed as it stands");
    eventually!(held(&mut redis).await.iter().all(|held| *held == Some(9)));
    served_by_l2(&world, 0).await;

    let _: () = redis::cmd("FLUSHDB").query_async(&mut redis).await.unwrap();
    sell_one_of_each(&world).await;
    eventually!(shows(&world, 0, 8).await);
    served_by_l2(&world, 0).await;
    assert!(shows(&world, 0, 8).await);

    // So short of memory that it evicts whatever it likes, the writers' places too.
    let limit = async |redis: &mut redis::aio::MultiplexedConnection, bytes: &str| {
        let _: () =
            redis::cmd("CONFIG").arg(&["SET", "maxmemory-policy", "allkeys-random"]).query_async(redis).await.unwrap();
        redis::cmd("CONFIG").arg(&["SET", "maxmemory", bytes]).query_async::<()>(redis).await.unwrap();
    };
    limit(&mut redis, "1").await;
    sell_one_of_each(&world).await;
    eventually!(shows(&world, 0, 7).await);
    clear_l1(&world, 0).await;
    assert!(shows(&world, 0, 7).await);
    limit(&mut redis, "0").await;
    served_by_l2(&world, 0).await;

    world.redis().restart().await;
    sell_one_of_each(&world).await;
    eventually!(shows(&world, 0, 6).await);
    served_by_l2(&world, 0).await;
    let mut redis = world.redis_client().await;
    assert!(held(&mut redis).await.iter().all(|held| *held == Some(6)));
}

type Copy = (Vec<Option<String>>, Vec<Vec<(Vec<u8>, Vec<u8>)>>);

/// The offsets first, as a copy that is taken while the writers go on has them.
async fn copy(redis: &mut impl AsyncCommands) -> Copy {
    let (mut offsets, mut hashes) = (Vec::new(), Vec::new());
    for partition in 0..PARTITIONS {
        offsets.push(redis.get(l2::offset_key(partition)).await.unwrap());
    }
    for number in 0..SKUS {
        hashes.push(redis.hgetall(key(&sku(number), PARTITIONS)).await.unwrap());
    }
    (offsets, hashes)
}

async fn restore(redis: &mut impl AsyncCommands, (offsets, hashes): &Copy) {
    for (number, fields) in hashes.iter().enumerate() {
        let _: () = redis.hset_multiple(key(&sku(number), PARTITIONS), fields).await.unwrap();
    }
    for (partition, offset) in (0..).zip(offsets) {
        let _: () = redis.set(l2::offset_key(partition), offset.clone().unwrap()).await.unwrap();
    }
}

/// Each partition has one writer. One stops dead: the other takes over from the place that Redis has;
/// when the first wakes, it finds the place moved on and harms nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_stops_is_followed_and_harms_nothing_when_it_wakes() {
    let world = World::start().edges(2).partitions(PARTITIONS).ready().await;
    stocked(&world).await;
    served_by_l2(&world, 0).await;
    let mut redis = world.redis_client().await;
    let written = async |edge| metric(&world, edge, "edge_l2_written_total").await;
    sell_one_of_each(&world).await;
    eventually!(held(&mut redis).await.iter().all(|held| *held == Some(9)));
    // Until the group has given partitions to both, one of them writes all.
    let mut low = 0;
    eventually!(Duration::from_secs(40), {
        low += 1;
        mark_each(&world, low).await;
        written(0).await > 0.0 && written(1).await > 0.0
    });

    world.edge(1).freeze();
    sell_one_of_each(&world).await;
    eventually!(Duration::from_secs(40), held(&mut redis).await.iter().all(|held| *held == Some(8)));
    world.edge(1).thaw();
    sell_one_of_each(&world).await;
    eventually!(Duration::from_secs(40), held(&mut redis).await.iter().all(|held| *held == Some(7)));
    for edge in 0..2 {
        eventually!(shows(&world, edge, 7).await);
        served_by_l2(&world, edge).await;
        assert!(shows(&world, edge, 7).await);
    }
}

/// A node that starts finds the region's L2 warm: nothing is asked of the origin.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_edge_is_warm_from_l2() {
    let world = World::start().edges(2).partitions(PARTITIONS).ready().await;
    stocked(&world).await;
    let warm = json!({"top": SKUS});
    let call = world.edge(0).management().call("POST".parse().unwrap(), "/internal/api/inventory/warm-cache");
    let call = call.header("authorization", &format!("Bearer {}", world.tokens.operator)).json(warm);
    let counts = call.send().await.expect(200).json();
    println!("warm-cache: {counts}");
    assert_eq!((&counts["done"], &counts["failed"]), (&json!(SKUS), &json!(0)), "{counts}");
    served_by_l2(&world, 0).await;
    world.edge(1).restart().await;
    let loads = async || metric(&world, 1, "edge_origin_loads_total").await;
    // Its reads count once each partition's writer is past where it began to read; those that it wrote
    // itself before it was restarted first need another writer.
    served_by_l2(&world, 1).await;
    clear_l1(&world, 1).await;
    let (hits, before) = (metric(&world, 1, "edge_l2_hits_total").await, loads().await);
    assert!(look_up(&world, 1).await.iter().all(|(available, _)| *available == 10));
    let (hits, loads) = (metric(&world, 1, "edge_l2_hits_total").await - hits, loads().await - before);
    println!("a new edge: {hits} hits of L2, {loads} loads of the origin for {SKUS} SKUs");
    assert!(hits >= SKUS as f64 / 2.0 && loads <= SKUS as f64 / 2.0, "{hits} hits, {loads} loads");
}

/// Both tiers are forgotten, and what comes after is right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clear_all_clears_both_tiers() {
    let world = World::start().partitions(PARTITIONS).ready().await;
    stocked(&world).await;
    served_by_l2(&world, 0).await;
    let mut redis = world.redis_client().await;
    let clear = world.edge(0).management().call("POST".parse().unwrap(), "/actuator/caches/clearAll");
    let cleared = clear.header("authorization", &format!("Bearer {}", world.tokens.operator)).send().await.expect(200);
    assert_eq!(cleared.json(), json!({"cleared": ["l1", "l2"]}));
    assert!(look_up(&world, 0).await.iter().all(|(_, source)| source != "l2"), "nothing of the old L2 counts");
    eventually!({
        let offsets: Vec<Option<String>> =
            redis.mget((0..PARTITIONS).map(l2::offset_key).collect::<Vec<_>>()).await.unwrap();
        offsets.iter().all(Option::is_some)
    });
    sell_one_of_each(&world).await;
    eventually!(shows(&world, 0, 9).await);
    served_by_l2(&world, 0).await;
    assert!(shows(&world, 0, 9).await);
}
