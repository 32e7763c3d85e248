//! Deciding: in order, by turns, in time.

use onhand_harness::eventually;
use serde_json::json;

use super::{LONG, body, books, count, id, is, lane, place, read, ready, settle, world};

/// Contract: in a lane, orders with the same first SKU are decided in the order in which they were accepted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_of_one_sku_are_decided_in_the_order_of_their_offsets() {
    let world = world().edges(2).origins(2).ready().await;
    world.location("a", 0).await;
    for (sku, units) in [("hot", 60), ("other", 1000)] {
        world.stock(sku, "a", units).await;
    }
    ready(&world).await;
    lane(&world, "high", "pause").await;
    for number in 0..150 {
        let sku = if number % 3 == 2 { "other" } else { "hot" };
        let shop = world.edge(number % 2).client(&world.tokens.storefront);
        settle(&shop, &format!("k-{number}"), body(sku, 1)).await.expect(202);
    }
    eventually!(LONG, count(&world, "state = 'queued'").await == 150);
    let mut last = body("hot", 1);
    last["decide_within_s"] = json!(600);
    let waiting = place(&world, world.edge(0), "last", last).await.expect(202);
    eventually!(LONG, count(&world, "state = 'queued'").await == 151);
    // Its place is known to any node, by its Location.
    let location = waiting.header("location").unwrap().to_owned();
    let ahead = async |node: &onhand_harness::Node| {
        node.client(&world.tokens.storefront).get(&location).await.expect(200).json()["ahead"].as_u64()
    };
    for node in [world.edge(0), world.edge(1), world.origin(0), world.origin(1)] {
        eventually!(LONG, ahead(node).await >= Some(100), "{:?}", ahead(node).await);
    }
    lane(&world, "high", "resume").await;
    is(&world, world.edge(0), &id(&waiting), "sold_out").await;
    eventually!(LONG, count(&world, "state = 'queued'").await == 0);
    // Sixty of the hundred and one: the first sixty.
    let rows = world.sql("SELECT state FROM orders WHERE sku = 'hot' ORDER BY partition, at_offset").await;
    let states: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert!(states[..60].iter().all(|state| state == "confirmed"), "{states:?}");
    assert!(states[60..].iter().all(|state| state == "sold_out"), "{states:?}");
    assert_eq!(books(&world, "hot").await, (60, 60));
    let partitions =
        world.sql("SELECT count(DISTINCT partition) FROM orders WHERE sku = 'hot'").await[0].get::<_, i64>(0);
    assert_eq!(partitions, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_lane_leaves_the_other_going() {
    let world = world().origins(2).ready().await;
    world.location("a", 0).await;
    world.stock("x", "a", 500).await;
    ready(&world).await;
    lane(&world, "high", "pause").await;
    let high = place(&world, world.edge(0), "high", body("x", 1)).await.expect(202);
    let mut order = body("x", 1);
    order["priority"] = json!("low");
    let low = place(&world, world.edge(0), "low", order).await.expect(202);
    is(&world, world.edge(0), &id(&low), "confirmed").await;
    assert_eq!(read(&world, world.edge(0), &id(&high)).await["state"], "queued");
    let operator = world.origin(1).client(&world.tokens.operator);
    let lanes = operator.get("/internal/api/orders/lanes").await.expect(200).json();
    assert_eq!((lanes["lanes"][0]["lane"].as_str(), lanes["lanes"][0]["paused"].as_bool()), (Some("high"), Some(true)));
    lane(&world, "high", "resume").await;
    is(&world, world.edge(0), &id(&high), "confirmed").await;
    let trail = operator.get("/internal/api/audit?kind=lane_paused").await.expect(200).json();
    assert_eq!(trail["items"][0]["what"], "high", "{trail}");
}

/// Issue 19: with both lanes full, nine turns of ten are the high lane's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn low_has_one_turn_of_ten_while_both_have_work() {
    let world = world().ready().await;
    world.location("a", 0).await;
    world.stock("probe", "a", 1).await;
    for number in 0..20 {
        world.stock(&format!("s{number}"), "a", 1_000_000).await;
    }
    ready(&world).await;
    for name in ["high", "low"] {
        lane(&world, name, "pause").await;
    }
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..16 {
        let client = world.edge(0).client(&world.tokens.storefront);
        callers.spawn(async move {
            for number in 0..250 {
                let mut order = body(&format!("s{}", number % 20), 1);
                order["priority"] = json!(if caller % 2 == 0 { "high" } else { "low" });
                settle(&client, &format!("k-{caller}-{number}"), order).await.expect(202);
            }
        });
    }
    callers.join_all().await;
    eventually!(LONG, count(&world, "state = 'queued'").await == 4000);
    world.sql("UPDATE order_lanes SET paused = false").await;
    eventually!(LONG, count(&world, "state = 'queued'").await == 0);
    // Of what was decided while both had work: the first 2000 high ones took 10 turns of 9 to 1.
    let rows = world
        .sql(
            "SELECT count(*) FROM orders WHERE lane = 'low' AND sku <> 'probe' AND decided_at < (
                SELECT max(decided_at) FROM orders WHERE lane = 'high' AND sku <> 'probe')",
        )
        .await;
    let low: i64 = rows[0].get(0);
    assert!((150..=350).contains(&low), "{low} of the low lane while 2000 of the high one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_undecided_in_time_is_rejected() {
    let world = world().ready().await;
    world.location("a", 0).await;
    world.stock("x", "a", 5).await;
    ready(&world).await;
    lane(&world, "high", "pause").await;
    let mut order = body("x", 1);
    order["decide_within_s"] = json!(1);
    let late = place(&world, world.edge(0), "late", order).await.expect(202);
    let patient = place(&world, world.edge(0), "patient", body("x", 1)).await.expect(202);
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    lane(&world, "high", "resume").await;
    is(&world, world.edge(0), &id(&late), "rejected").await;
    assert_eq!(read(&world, world.edge(0), &id(&late)).await["reason"], "decide_by");
    is(&world, world.edge(0), &id(&patient), "confirmed").await;
    assert_eq!(books(&world, "x").await, (1, 1));
}
