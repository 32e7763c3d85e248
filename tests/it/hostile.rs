//! Callers that mean harm, or might as well: the server lives, and others are served meanwhile.
//! Each listener that strangers reach is tried: the edge's public one, and the origin's API.

use std::time::Duration;

use onhand_harness::{Client, eventually};
use tokio::{io::AsyncWriteExt, task::JoinSet, time::sleep};

use crate::origin_http::{Connection, Dev};

/// The listener, a page that others read meanwhile, and a call whose body is read.
const LISTENERS: [(&str, &str, &str); 2] =
    [("edge public", "/health", "/v1/availability/query"), ("origin api", "/inventory/health", "/v1/reservations")];
/// As many as the issue asks for.
const IDLE: usize = 10_000;

async fn served(dev: &Dev, listener: &str, page: &str) {
    Client::at(&dev.process.url(listener), None).get(page).await.expect(200);
}

fn request(page: &str) -> String {
    format!("GET {page} HTTP/1.1\r\nhost: x\r\n\r\n")
}

/// So many descriptors may this process open, and with them the one that it starts.
fn descriptors() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    line.split_whitespace().nth(3).unwrap().parse().unwrap_or(usize::MAX)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_idle_connections_leave_room_for_others() {
    let many = IDLE.min(descriptors().saturating_sub(1000));
    println!("{many} idle connections");
    assert!(many >= 1000, "too few descriptors for this test: raise `ulimit -n`");
    let limit = (many + 10).to_string();
    let (most, head, idle) =
        ("ONHAND_HTTP__MAX_CONNECTIONS", "ONHAND_HTTP__HEADER_TIMEOUT", "ONHAND_HTTP__IDLE_TIMEOUT");
    let dev = Dev::start(&[(most, limit.as_str()), (head, "1h"), (idle, "1h")]).await;
    for (listener, page, _) in LISTENERS {
        let mut idle = Vec::with_capacity(many);
        for _ in 0..many {
            idle.push(dev.connect_to(listener).await);
        }
        served(&dev, listener, page).await;
        // The first and the last are still good for a call.
        for number in [0, many - 1] {
            let connection: &mut Connection = &mut idle[number];
            connection.send(&request(page)).await;
            assert!(connection.until("}").await.starts_with("HTTP/1.1 200"));
        }
        // Beyond the limit: told so, not left waiting.
        let mut over = JoinSet::new();
        for _ in 0..20 {
            let mut connection = dev.connect_to(listener).await;
            let ask = request(page);
            over.spawn(async move {
                connection.send(&ask).await;
                connection.until_cut().await
            });
        }
        // Those within the limit stay; the first to end is one that was refused.
        let told = over.join_next().await.unwrap().unwrap();
        assert!(told.starts_with("HTTP/1.1 503") && told.contains("overloaded"), "{told}");
        over.shutdown().await;
        drop(idle);
        eventually!({
            let mut again = dev.connect_to(listener).await;
            again.send(&request(page)).await;
            again.until("\r\n").await.starts_with("HTTP/1.1 200")
        });
    }
}

/// A byte now and then, of heads and of bodies: each is cut at its limit, and nobody else waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dribbled_heads_and_bodies_are_cut_while_others_are_served() {
    let env = [("ONHAND_HTTP__HEADER_TIMEOUT", "1s"), ("ONHAND_HTTP__IDLE_TIMEOUT", "1h")];
    let dev = Dev::start(&env).await;
    for (listener, page, call) in LISTENERS {
        let mut dribbling = JoinSet::new();
        for number in 0..200 {
            let body = format!(
                "POST {call} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nidempotency-key: k{number}\r\n\
                 content-type: application/json\r\ncontent-length: 100000\r\n\r\n",
                dev.admin
            );
            let begin = if number % 2 == 0 { "GET / HTTP/1.1\r\nx-slow: ".to_owned() } else { body };
            dribbling.spawn(dribble(dev.connect_to(listener).await, begin));
        }
        while !dribbling.is_empty() {
            served(&dev, listener, page).await;
            while let Some(ended) = dribbling.try_join_next() {
                ended.unwrap();
            }
        }
    }
}

/// Until the server has had enough.
async fn dribble(mut connection: Connection, begin: String) {
    connection.send(&begin).await;
    let (mut reads, mut writes) = connection.0.split();
    let reading = async {
        let mut rest = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut reads, &mut rest).await.map(|_| rest)
    };
    let writing = async {
        while writes.write_all(b" ").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let limit = sleep(Duration::from_secs(30));
    tokio::select! {
        _cut = reading => {}
        () = writing => {}
        () = limit => panic!("it may dribble for ever"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enormous_heads_and_bodies_are_refused_while_others_are_served() {
    let dev = Dev::start(&[]).await;
    for (listener, page, call) in LISTENERS {
        let mut greedy = dev.connect_to(listener).await;
        let _cut_early = greedy.0.write_all(format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(1 << 20)).as_bytes()).await;
        assert!(!greedy.until_cut().await.contains("200 OK"));
        let auth = format!("authorization: Bearer {}\r\nidempotency-key: k", dev.admin);
        let head = format!("POST {call} HTTP/1.1\r\nhost: x\r\n{auth}\r\ncontent-type: application/json");
        // Twenty at once, of twenty megabytes each; half of them without telling the length.
        let mut sending = JoinSet::new();
        for number in 0..20 {
            let length = if number % 2 == 0 { "content-length: 20971520" } else { "transfer-encoding: chunked" };
            sending.spawn(flood(
                dev.connect_to(listener).await,
                format!("{head}\r\n{length}\r\n\r\n"),
                number % 2 == 1,
            ));
        }
        served(&dev, listener, page).await;
        while let Some(answer) = sending.join_next().await {
            let answer = answer.unwrap();
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413"), "{answer}");
        }
        served(&dev, listener, page).await;
        // Seven are read to their end, so that the refusal is seen for sure.
        let seven = Client::at(&dev.process.url(listener), Some(&dev.admin));
        let reply = seven.call(reqwest::Method::POST, call).key("k").body("application/json", vec![b' '; 7 << 20]);
        assert_eq!(reply.send().await.expect(413).code(), "too_large");
    }
}

async fn flood(mut connection: Connection, head: String, chunked: bool) -> String {
    connection.send(&head).await;
    let megabyte = " ".repeat(1 << 20);
    let piece = if chunked { format!("{:x}\r\n{megabyte}\r\n", megabyte.len()) } else { megabyte };
    for _ in 0..20 {
        if connection.0.write_all(piece.as_bytes()).await.is_err() {
            break;
        }
    }
    let _cut = connection.0.shutdown().await;
    connection.until_cut().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_http_is_refused_while_others_are_served() {
    let dev = Dev::start(&[]).await;
    for (listener, page, call) in LISTENERS {
        let both = format!(
            "POST {call} HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
        );
        let twice = format!("POST {call} HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\n{{}}  ");
        let cases: [&[u8]; 8] = [
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"\0\0\0\0\0\0\0\0\r\n\r\n",
            b"GET\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            twice.as_bytes(),
            both.as_bytes(),
        ];
        for bad in cases {
            let mut connection = dev.connect_to(listener).await;
            connection.0.write_all(bad).await.unwrap();
            let _cut = connection.0.shutdown().await;
            let answer = connection.until_cut().await;
            let shown = String::from_utf8_lossy(bad);
            assert!(!answer.starts_with("HTTP/1.1 2"), "{shown}: {answer}");
            served(&dev, listener, page).await;
        }
    }
}

/// A write whose caller has closed its sending side is carried out and answered, through the edge too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_closed_callers_get_their_answers() {
    let dev = Dev::start(&[]).await;
    let admin = Client::at(&dev.process.url("origin api"), Some(&dev.admin));
    admin.put("/inventory/products/x", serde_json::json!({"name": "x"})).await.expect(201);
    let stock = serde_json::json!({"location": "a", "quantity": 10, "reason": "count"});
    admin.put("/inventory/products/x/stock", stock).await.expect(200);
    for (number, (listener, _, _)) in LISTENERS.into_iter().enumerate() {
        let body = r#"{"lines":[{"sku":"x","quantity":1}]}"#;
        let head = "POST /v1/reservations HTTP/1.1\r\nhost: x\r\ncontent-type: application/json";
        let auth = format!("authorization: Bearer {}\r\nidempotency-key: half-{number}", dev.admin);
        let mut half = dev.connect_to(listener).await;
        half.send(&format!("{head}\r\n{auth}\r\ncontent-length: {}\r\n\r\n{body}", body.len())).await;
        half.0.shutdown().await.unwrap();
        let answer = half.until_cut().await;
        assert!(answer.starts_with("HTTP/1.1 201") && answer.contains(r#""state":"held""#), "{answer}");
    }
}
