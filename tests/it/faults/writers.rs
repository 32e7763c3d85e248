//! Callers that hold and cancel, each call repeated with its key until it is settled.

use std::{sync::Arc, time::Duration};

use onhand_checker::Write;
use onhand_harness::Reply;
use onhand_wire::{Timestamp, session::Session};
use reqwest::Method;
use serde_json::{Value, json};

use super::{books::Held, load::Shared};

const PAUSE: Duration = Duration::from_millis(4);
/// A frozen node must not hold a writer for long: the next way in is tried with the same key.
const TRY: Duration = Duration::from_secs(3);
/// More than any fault lasts.
const TRIES: usize = 4000;

pub async fn write(shared: Arc<Shared>, number: usize) {
    let mut turn = number * 1000;
    while !shared.stopped() {
        turn += 1;
        let sku = shared.skus[turn * 7 % shared.skus.len()].clone();
        let units = 1 + (turn % 3) as i64;
        let body = json!({"lines": [{"sku": sku, "quantity": units}], "ttl_s": 86400});
        let held = settle(&shared, number, "/v1/reservations", &body).await;
        if held.status == 201 {
            let held = held.json();
            let id = held["id"].as_str().unwrap().to_owned();
            shared.books.held(&id, Held { sku, units, cancelled: false });
            if turn.is_multiple_of(2) {
                settle(&shared, number, &format!("/v1/reservations/{id}/cancel"), &json!({})).await.expect(200);
                shared.books.cancelled(&id);
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The definite answer; what it says was written goes to the checker.
async fn settle(shared: &Shared, number: usize, path: &str, body: &Value) -> Reply {
    let key = uuid::Uuid::new_v4().to_string();
    for attempt in 0..TRIES {
        let shop = &shared.shops[(number + attempt) % shared.shops.len()];
        let call = shop.call(Method::POST, path).key(&key).json(body.clone()).try_send();
        if let Ok(Ok(reply)) = tokio::time::timeout(TRY, call).await {
            match reply.status {
                200 | 201 => {
                    acknowledged(shared, &reply);
                    return reply;
                }
                409 if reply.code() == "insufficient_stock" => return reply,
                409 if reply.code() == "in_progress" => {}
                status => assert!(status >= 500, "{path}: {}", reply.text()),
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{path} with key {key} is never settled");
}

fn acknowledged(shared: &Shared, reply: &Reply) {
    let at = reply.header("onhand-as-of").and_then(Timestamp::parse).expect("a write tells its moment");
    let session = reply.header("onhand-session").expect("a write gives a session");
    let session = Session::decode(session).expect("a session of ours");
    Write::of_session(&session, at).for_each(|write| shared.checker.acknowledged(&write));
    let mut last = shared.last.lock().unwrap();
    *last = at.max(*last);
}
