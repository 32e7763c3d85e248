use std::time::Duration;

use onhand_harness::{World, eventually};
use serde_json::{Value, json};

/// Reads one stream, event by event.
struct Stream {
    response: reqwest::Response,
    text: String,
}

impl Stream {
    async fn open(url: &str, last: Option<&str>) -> Self {
        let mut request = reqwest::Client::new().get(url);
        if let Some(id) = last {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &"text/event-stream".parse().unwrap())
        );
        Self { response, text: String::new() }
    }

    /// Id, name and data.
    async fn next(&mut self) -> (String, String, Value) {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field =
                    |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
                let event = (field("id: "), field("event: "), serde_json::from_str(&field("data: ")).expect("JSON"));
                self.text = rest.to_owned();
                return event;
            }
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.response.chunk()).await;
            let chunk =
                chunk.expect("something comes every second").expect("the stream goes on").expect("an end is told");
            self.text.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
        }
    }

    async fn availability(&mut self) -> (String, Value) {
        loop {
            let (id, name, data) = self.next().await;
            match name.as_str() {
                "availability" => return (id, data),
                "as_of" => assert!(data["as_of"].is_string()),
                other => panic!("{other}: {data}"),
            }
        }
    }
}

/// Holds made elsewhere show in order; a node that is gone is left for another, and nothing is missed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_resumed_at_another_node() {
    let world = World::start().edges(2).ready().await;
    world.location("a", 0).await;
    for sku in ["cup", "pot"] {
        world.stock(sku, "a", 10).await;
    }
    for node in 0..2 {
        eventually!(world.edge(node).anonymous().get("/v1/availability/pot").await.json()["available"] == 10);
    }
    let url = |node: usize| format!("{}/v1/stream?sku=cup&sku=pot", world.edge(node).url());
    let mut stream = Stream::open(&url(0), None).await;
    assert_eq!(stream.availability().await.1["available"], 10);
    assert_eq!(stream.availability().await.1["sku"], "pot");
    let shop = world.edge(1).client(&world.tokens.storefront);
    let hold = async |sku: &str| {
        shop.post("/v1/reservations", json!({"lines": [{"sku": sku, "quantity": 1}]})).await.expect(201);
    };
    let mut last = String::new();
    for left in [9, 8, 7] {
        hold("cup").await;
        let (id, shown) = stream.availability().await;
        assert_eq!((&shown["sku"], &shown["available"]), (&json!("cup"), &json!(left)));
        last = id;
    }
    assert!(world.edge(0).terminate(Duration::from_secs(20)).await.success());
    loop {
        let (_, name, data) = stream.next().await;
        if name == "end" {
            assert_eq!(data["reason"], "shutting_down");
            break;
        }
    }
    hold("pot").await;
    let mut resumed = Stream::open(&url(1), Some(&last)).await;
    let (_, shown) = resumed.availability().await;
    assert_eq!((&shown["sku"], &shown["available"]), (&json!("pot"), &json!(9)), "only what changed since");
    assert_eq!(resumed.next().await.1, "as_of");
}
