//! Webhooks on decision: each decision is told, signed, until it is acknowledged.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use hmac::{Hmac, Mac};
use onhand_harness::eventually;
use serde_json::{Value, json};
use sha2::Sha256;

use super::{LONG, body, id, is, place, ready, world};
use crate::runbook::receiver::{Received, Receiver};

const SECRET: &str = "0123456789abcdef";

fn signed(received: &Received) -> bool {
    let (at, signature) = received.header("onhand-signature").split_once(",v1=").unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{}.{}", at.strip_prefix("t=").unwrap(), received.body).as_bytes());
    let right: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    signature == right
}

/// What was told of each order, state by state; repetitions count once, by their id.
fn told(receiver: &Receiver) -> BTreeMap<String, Vec<Value>> {
    let mut told = BTreeMap::<String, Vec<Value>>::new();
    for received in receiver.received() {
        let notice: Value = serde_json::from_str(&received.body).unwrap();
        assert_eq!(
            (received.header("onhand-notification"), notice["event"].as_str()),
            (notice["id"].as_str().unwrap(), Some("order_decided"))
        );
        assert!(signed(&received), "signed as restocks are");
        let of = told.entry(notice["order"].as_str().unwrap().to_owned()).or_default();
        if of.iter().all(|known| known["id"] != notice["id"]) {
            of.push(notice);
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_decision_is_told_until_it_is_acknowledged() {
    let away = Arc::new(AtomicBool::new(true));
    let answers = away.clone();
    let answer = move || {
        if answers.load(Ordering::Relaxed) {
            (503, "text/plain", String::new())
        } else {
            (204, "text/plain", String::new())
        }
    };
    let (shop, mail) = (Receiver::start(answer).await, Receiver::start(|| (200, "text/plain", String::new())).await);
    let webhooks = format!(
        "[{{url = \"{}\", secret = \"{SECRET}\"}}, {{url = \"{}\", secret = \"{SECRET}\"}}]",
        shop.url, mail.url
    );
    let world = world()
        .dedicated()
        .origins(2)
        .env("ONHAND_ORIGIN__DECISIONS__WEBHOOKS", &webhooks)
        .env("ONHAND_ORIGIN__RESERVATIONS__MAX_OPEN_UNITS", "10")
        .env("ONHAND_ORDERS__MAX_ATTEMPTS", "1")
        .ready()
        .await;
    world.location("a", 0).await;
    world.stock("x", "a", 3).await;
    world.stock("y", "a", 500).await;
    ready(&world).await;
    let client = world.edge(0).client(&world.tokens.storefront);
    let mut order = body("x", 3);
    order["order_ref"] = json!("order-1001");
    let orders =
        [("bought", order, "confirmed"), ("late", body("x", 3), "sold_out"), ("many", body("y", 9), "dead_lettered")];
    let mut expected = Vec::new();
    for (key, order, state) in orders {
        let placed = client.call("POST".parse().unwrap(), "/v1/orders").key(key).json(order).send().await.expect(202);
        is(&world, world.edge(0), &id(&placed), state).await;
        expected.push((id(&placed), state));
    }
    // The other webhook does not wait for the one that is away.
    eventually!(LONG, expected.iter().all(|(order, _)| told(&mail).contains_key(order)));
    let bought = &told(&mail)[&expected[0].0][0];
    assert_eq!(
        (bought["state"].as_str(), bought["order_ref"].as_str(), bought["subject"].as_str()),
        (Some("confirmed"), Some("order-1001"), Some("storefront"))
    );
    assert!(bought["reservation_id"].is_string() && bought["reason"].is_null(), "{bought}");
    assert_eq!(told(&mail)[&expected[1].0][0]["reason"], "insufficient_stock");
    assert_eq!(told(&mail)[&expected[2].0][0]["reason"], "open_units");
    eventually!(LONG, shop.received().len() > 3, "they are tried again");
    // Nor does a crash lose one: whoever leads next sends it.
    let leads = async |node: usize| world.origin(node).metric("processor_leading").await == Some(1.0);
    let leader = usize::from(!leads(0).await);
    world.origin(leader).kill();
    away.store(false, Ordering::Relaxed);
    let acknowledged = async || world.sql("SELECT count(*) FROM order_notices").await[0].get::<_, i64>(0) == 0;
    eventually!(LONG, acknowledged().await);
    for (order, state) in &expected {
        let of = &told(&shop)[order];
        assert_eq!((of.len(), of[0]["state"].as_str()), (1, Some(*state)), "{of:?}");
    }
    // A dead letter that is replayed is decided again, and told again.
    let held = told(&mail)[&expected[0].0][0]["reservation_id"].as_str().unwrap().to_owned();
    let shipped = world.origin(1 - leader).client(&world.tokens.operator);
    shipped.post(&format!("/v1/reservations/{held}/cancel"), json!({})).await.expect(200);
    shipped.post("/internal/api/orders/dlq/replay", json!({})).await.expect(202);
    eventually!(LONG, told(&shop)[&expected[2].0].last().unwrap()["state"] == "confirmed");
    let again = place(&world, world.edge(0), "more", body("y", 1)).await.expect(202);
    eventually!(LONG, told(&shop).contains_key(&id(&again)));
}
