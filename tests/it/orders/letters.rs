//! Dead letters: what fails by itself is tried again, set aside, looked at, replayed, or given up.

use std::time::Duration;

use onhand_harness::{World, eventually};
use onhand_wire::partition;
use rdkafka::{
    Message,
    consumer::{BaseConsumer, Consumer},
    message::Headers,
    producer::{BaseRecord, Producer, ThreadedProducer},
};
use serde_json::json;

use crate::onhand::run;

use super::{LONG, body, books, count, id, is, lane, place, read, ready, world};

/// Records of the dead letters' topic, each with its headers.
fn letters(world: &World) -> Vec<(String, Vec<(String, String)>)> {
    let mut config = world.kafka().config();
    config.set("group.id", "letters").set("auto.offset.reset", "earliest").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().unwrap();
    let mut list = rdkafka::TopicPartitionList::new();
    list.add_partition_offset(&format!("{}-dlq", world.orders_topic()), 0, rdkafka::Offset::Beginning).unwrap();
    consumer.assign(&list).unwrap();
    let mut found = Vec::new();
    let until = std::time::Instant::now() + Duration::from_secs(3);
    while std::time::Instant::now() < until {
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(200)) {
            let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
            let headers = message.headers().unwrap();
            let headers = headers.iter().map(|header| (header.key.to_owned(), text(header.value))).collect();
            found.push((text(message.key()), headers));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_of_its_own_is_retried_set_aside_and_replayed() {
    let world = world()
        .env("ONHAND_ORIGIN__RESERVATIONS__MAX_OPEN_UNITS", "10")
        .env("ONHAND_ORDERS__MAX_ATTEMPTS", "3")
        .env("ONHAND_ORDERS__SHORTEST_PAUSE", "50ms")
        .ready()
        .await;
    world.location("a", 0).await;
    world.stock("x", "a", 500).await;
    ready(&world).await;
    let shop = world.edge(0).client(&world.tokens.storefront);
    let held = shop.post("/v1/reservations", body("x", 8)).await.expect(201).json();
    let refused = place(&world, world.edge(0), "too-many", body("x", 5)).await.expect(202);
    // Another one of the same SKU does not wait for it.
    let fine = place(&world, world.edge(0), "fine", body("x", 1)).await.expect(202);
    is(&world, world.edge(0), &id(&fine), "confirmed").await;
    is(&world, world.edge(0), &id(&refused), "dead_lettered").await;
    assert_eq!(read(&world, world.edge(0), &id(&refused)).await["reason"], "open_units");
    let operator = world.origin(0).client(&world.tokens.operator);
    let page = operator.get("/internal/api/orders/dlq?cause=open_units&sku=x").await.expect(200).json();
    assert_eq!(
        (page["items"][0]["id"].as_str(), page["items"][0]["attempts"].as_i64()),
        (Some(&*id(&refused)), Some(3))
    );
    let summary = operator.get("/internal/api/orders/dlq/summary").await.expect(200).json();
    assert_eq!((summary["count"].as_i64(), summary["causes"][0]["cause"].as_str()), (Some(1), Some("open_units")));
    eventually!(LONG, world.origin(0).metric("processor_dlq_size").await == Some(1.0));
    // Row and record agree.
    eventually!(LONG, count(&world, "letter").await == 0);
    let records = letters(&world);
    assert_eq!(records.len(), 1, "{records:?}");
    let header = |name: &str| records[0].1.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    assert_eq!(
        (records[0].0.as_str(), header("cause"), header("attempts")),
        (&*id(&refused), Some("open_units".to_owned()), Some("3".to_owned()))
    );
    assert!(header("first_seen").is_some_and(|at| at.starts_with("20")) && header("fault").is_some());

    let replay = "/internal/api/orders/dlq/replay";
    let dry = operator.post(replay, json!({"dry_run": true})).await.expect(200).json();
    assert_eq!((dry["would_replay"].as_i64(), count(&world, "state = 'dead_lettered'").await), (Some(1), 1));
    let cancel = format!("/v1/reservations/{}/cancel", held["id"].as_str().unwrap());
    shop.post(&cancel, json!({})).await.expect(200);
    let replayed = operator.post(replay, json!({"cause": "open_units", "limit": 10})).await.expect(202).json();
    assert_eq!(replayed["replayed"], 1, "{replayed}");
    is(&world, world.edge(0), &id(&refused), "confirmed").await;
    assert_eq!(books(&world, "x").await, (2, 6));
    let again = operator.post(replay, json!({"ids": [id(&refused)]})).await.expect(202).json();
    assert_eq!(again["replayed"], 0, "what is decided stays");
    let trail = operator.get("/internal/api/audit?kind=orders_replayed").await.expect(200).json();
    assert_eq!(trail["items"].as_array().unwrap().len(), 2, "{trail}");
}

/// A record that is no order stops nothing: it gets a row by its place, and the orders around it are decided.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poison_record_is_a_dead_letter_and_nothing_waits_for_it() {
    let world = world().ready().await;
    world.location("a", 0).await;
    world.stock("x", "a", 500).await;
    ready(&world).await;
    lane(&world, "high", "pause").await;
    let before = place(&world, world.edge(0), "before", body("x", 1)).await.expect(202);
    let producer: ThreadedProducer<_> =
        world.kafka().config().create::<ThreadedProducer<rdkafka::producer::DefaultProducerContext>>().unwrap();
    let at = partition::of("x", 8);
    for poison in [b"nonsense".as_slice(), &[], &[0xc1; 20], &[0x91; 50_000]] {
        producer.send(BaseRecord::to(world.orders_topic()).partition(at).key("k").payload(poison)).unwrap();
    }
    producer.flush(Duration::from_secs(10)).unwrap();
    let after = place(&world, world.edge(0), "after", body("x", 1)).await.expect(202);
    eventually!(LONG, count(&world, "state = 'dead_lettered' AND cause = 'undecodable'").await == 4);
    lane(&world, "high", "resume").await;
    for order in [before, after] {
        is(&world, world.edge(0), &id(&order), "confirmed").await;
    }
    let operator = world.origin(0).client(&world.tokens.operator);
    let replayed = operator.post("/internal/api/orders/dlq/replay", json!({})).await.expect(202).json();
    assert_eq!((replayed["replayed"].as_i64(), replayed["hopeless"].as_i64()), (Some(0), Some(4)));
    let origin = world.origin(0).url();
    let at = ["--origin", &origin, "--token", &world.tokens.operator];
    let (done, said) = run(&[&["orders", "discard", "--reason", "somebody's test"], &at[..]].concat(), &[]).await;
    assert!(!done && said.contains("--cause"), "all of them are never given up by a slip: {said}");
    let discard = ["orders", "discard", "--cause", "undecodable", "--reason", "somebody's test"];
    let (done, said) = run(&[&discard, &at[..]].concat(), &[]).await;
    assert!(done && said.contains("4 are given up"), "{said}");
    assert_eq!(count(&world, "state = 'dead_lettered'").await, 0);
    assert_eq!(count(&world, "state = 'rejected' AND reason = 'discarded'").await, 4);
}
