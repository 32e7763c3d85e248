//! Without Kafka the lanes are in the process, and the code above them is the same.

use std::time::Duration;

use serde_json::{Value, json};

use crate::dev::Dev;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_work_without_kafka() {
    let dev = Dev::start(&[]).await;
    let client = reqwest::Client::new();
    let token = dev.tokens["storefront"].as_str().unwrap().to_owned();
    let order = async |url: &str, key: &str, quantity: i64| {
        let body = json!({"lines": [{"sku": "22423", "quantity": quantity}]});
        let call = client.post(format!("{url}/v1/orders")).bearer_auth(&token).header("idempotency-key", key);
        call.json(&body).send().await.unwrap()
    };
    let read = async |url: &str, id: &str| -> Value {
        let call = client.get(format!("{url}/v1/orders/{id}")).bearer_auth(&token);
        call.send().await.unwrap().json().await.unwrap()
    };
    let placed = order(&dev.edge, "one", 1).await;
    assert_eq!(placed.status(), 202);
    let location = placed.headers()["location"].to_str().unwrap().to_owned();
    let id = placed.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
    assert!(location.contains(&id));
    let settles = async |id: &str| {
        for _ in 0..200 {
            let shown = read(&dev.origin, id).await;
            if !matches!(shown["state"].as_str(), Some("queued" | "processing")) {
                return shown;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("undecided: {}", read(&dev.origin, id).await);
    };
    assert_eq!(settles(&id).await["state"], "confirmed");
    assert_eq!(read(&dev.edge, &id).await["state"], "confirmed");
    let more = order(&dev.origin, "two", 1_000_000).await.json::<Value>().await.unwrap();
    assert_eq!(settles(more["id"].as_str().unwrap()).await["state"], "sold_out");
    let again = order(&dev.origin, "one", 1).await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(again.json::<Value>().await.unwrap()["id"], id.as_str());
    assert_eq!(order(&dev.edge, "one", 2).await.status(), 422);
    // As server-sent events, until nothing more comes.
    let stream = client.get(format!("{}/v1/orders/{id}/stream", dev.edge)).bearer_auth(&token).send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let told = stream.text().await.unwrap();
    assert!(told.starts_with("event: order\ndata: {") && told.contains("confirmed"), "{told}");
}
