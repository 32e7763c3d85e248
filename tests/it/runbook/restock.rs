//! Crossings reach the topic and the webhooks, once each.

use hmac::{Hmac, Mac};
use onhand_harness::{World, eventually};
use rdkafka::{
    Message, Offset,
    consumer::{BaseConsumer, Consumer},
    topic_partition_list::TopicPartitionList,
};
use serde_json::{Value, json};

use super::{
    RESTOCK, hold, open, operator,
    receiver::{Received, Receiver},
    storefront,
};

const SECRET: &str = "whsec-0123456789abcdef";

fn verify(received: &Received) {
    let signature = received.header("onhand-signature");
    let (t, v1) = signature.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")).expect("t and v1");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{t}.{}", received.body).as_bytes());
    let right: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(v1, right);
}

fn body(received: &Received) -> Value {
    serde_json::from_str(&received.body).unwrap()
}

/// Everything in the topic: key and value.
fn topic(world: &World, name: &str) -> Vec<(String, Value)> {
    let mut config = world.kafka().config();
    config.set("group.id", uuid::Uuid::new_v4().to_string()).set("enable.partition.eof", "true");
    let consumer: BaseConsumer = config.create().unwrap();
    let metadata = consumer.fetch_metadata(Some(name), std::time::Duration::from_secs(5)).unwrap();
    let partitions = metadata.topics()[0].partitions().len() as i32;
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(name, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    let (mut records, mut ends) = (Vec::new(), 0);
    while ends < partitions {
        match consumer.poll(std::time::Duration::from_secs(10)).expect("an answer from Kafka") {
            Ok(record) => {
                let key = String::from_utf8_lossy(record.key().unwrap()).into_owned();
                records.push((key, serde_json::from_slice(record.payload().unwrap()).unwrap()));
            }
            Err(_) => ends += 1,
        }
    }
    records
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crossing_is_told_once_even_over_a_restart() {
    let mut refusals = 2;
    let receiver = Receiver::start(move || {
        refusals -= 1;
        (if refusals >= 0 { 500 } else { 204 }, "text/plain", String::new())
    })
    .await;
    let name = format!("onhand.restock.{}", uuid::Uuid::new_v4().simple());
    let webhooks = format!(r#"[{{url = "{}", secret = "{SECRET}"}}]"#, receiver.url);
    let builder = World::start().edges(0).origins(2);
    let builder = builder.env("ONHAND_ORIGIN__RESTOCK__TOPIC", &name).env("ONHAND_ORIGIN__RESTOCK__EVERY", "100ms");
    let world = open(builder.env("ONHAND_ORIGIN__RESTOCK__WEBHOOKS", &webhooks)).await;
    operator(&world).put("/inventory/products/x/policy", json!({"low_stock_at": 5})).await.expect(200);
    let held = hold(&world, 10, 600).await;
    eventually!(!receiver.received().is_empty());
    // Refused once or twice by now: what is left is in the database.
    world.origin(0).restart().await;
    eventually!(std::time::Duration::from_secs(30), receiver.received().len() == 3);
    storefront(&world).post(&format!("/v1/reservations/{held}/cancel"), json!({})).await.expect(200);
    eventually!(receiver.received().len() == 4);
    eventually!(operator(&world).post(RESTOCK, json!({})).await.expect(200).json()["pending"] == 0);

    let received = receiver.received();
    received.iter().for_each(verify);
    let told: Vec<Value> = received.iter().map(body).collect();
    assert_eq!((&told[0], &told[1]), (&told[1], &told[2]), "the same in every attempt");
    assert_eq!(received[0].header("onhand-notification"), told[0]["id"]);
    let shown = |value: &Value| ["event", "sku", "location", "available", "threshold"].map(|name| value[name].clone());
    assert_eq!(shown(&told[0]), [json!("low_stock"), json!("x"), json!("a"), json!(0), json!(5)]);
    assert_eq!(shown(&told[3]), [json!("back_in_stock"), json!("x"), json!("a"), json!(10), json!(5)]);
    assert!(told[0]["at"].is_string() && told[0]["seq"].is_number());
    let published = topic(&world, &name);
    assert_eq!(published.len(), 2, "{published:?}");
    assert!(published.contains(&("x".to_owned(), told[0].clone())), "{published:?}");
    assert!(published.contains(&("x".to_owned(), told[3].clone())), "{published:?}");
}

/// It takes the connection, and that is all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_target_is_waited_for_no_longer_than_the_caller_waits() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let webhooks = format!(r#"[{{url = "http://{}", secret = "{SECRET}"}}]"#, silent.local_addr().unwrap());
    let builder = World::start().edges(0).env("ONHAND_ORIGIN__RESTOCK__EVERY", "1h");
    let world = open(builder.env("ONHAND_ORIGIN__RESTOCK__WEBHOOKS", &webhooks)).await;
    operator(&world).put("/inventory/products/x/policy", json!({"low_stock_at": 5})).await.expect(200);
    hold(&world, 10, 600).await;
    let call = operator(&world).call(reqwest::Method::POST, RESTOCK).header("onhand-timeout-ms", "300");
    let began = std::time::Instant::now();
    let told = call.json(json!({})).send().await;
    assert_eq!((told.status, told.code().as_str()), (504, "deadline_exceeded"), "{}", told.text());
    assert!(began.elapsed() < std::time::Duration::from_secs(4), "a webhook has five");
}

/// Two replicas, many crossings, nobody asked to wait: each is told once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_endpoint_sends_what_is_due() {
    let receiver = Receiver::start(|| (200, "text/plain", String::new())).await;
    let webhooks = format!(r#"[{{url = "{}", secret = "{SECRET}"}}]"#, receiver.url);
    let builder = World::start().edges(0).origins(2).env("ONHAND_ORIGIN__RESTOCK__EVERY", "1h");
    let builder = builder.env("ONHAND_ORIGIN__RESTOCK__TOPIC", "");
    let world = open(builder.env("ONHAND_ORIGIN__RESTOCK__WEBHOOKS", &webhooks)).await;
    for number in 0..30 {
        let sku = format!("s{number}");
        world.stock(&sku, "a", 3).await;
        let policy = format!("/inventory/products/{sku}/policy");
        operator(&world).put(&policy, json!({"low_stock_at": 3})).await.expect(200);
    }
    assert!(receiver.received().is_empty(), "nobody has looked yet");
    let other = world.origin(1).client(&world.tokens.operator);
    let (one, two) = (operator(&world), other);
    let (one, two) = tokio::join!(one.post(RESTOCK, json!({})), two.post(RESTOCK, json!({})));
    let sent = |reply: onhand_harness::Reply| reply.expect(200).json()["sent"].as_i64().unwrap();
    assert_eq!(sent(one) + sent(two), 30);
    let mut skus: Vec<String> = receiver.received().iter().map(|told| body(told)["sku"].to_string()).collect();
    skus.sort_unstable();
    skus.dedup();
    assert_eq!((skus.len(), receiver.received().len()), (30, 30));
    let left = operator(&world).post(RESTOCK, json!({})).await.expect(200).json();
    assert_eq!(left, json!({"sent": 0, "pending": 0, "failed": 0}));
}
