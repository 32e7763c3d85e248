//! Connections as no client would use them. Processes, and thousands of them: tests/it/hostile.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::world::{World, fact, soon};

const LOOKUP: &str = "GET /v1/availability/a HTTP/1.1\r\nHost: x\r\n\r\n";

async fn until(stream: &mut TcpStream, enough: impl Fn(&str) -> bool) -> String {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if enough(&text) {
            return text;
        }
        let got = stream.read_buf(&mut read).await.unwrap();
        assert!(got > 0, "it ended with {text}");
    }
}

#[tokio::test]
async fn one_connection_too_many_is_told_and_closed() {
    let world = World::start_with(|config| config.http.max_connections = 3).await;
    world.store(fact("a", "eu-1", 5, 1));
    assert_eq!(world.available("a").await, 5); // its client keeps one of the three open
    let (mut first, second) = (world.connect().await, world.connect().await);
    first.write_all(LOOKUP.as_bytes()).await.unwrap();
    until(&mut first, |read| read.contains("in_stock")).await;
    world.eventually("three open", async || world.metric("edge_connections").await == 3).await;
    let mut third = world.connect().await;
    third.write_all(LOOKUP.as_bytes()).await.unwrap();
    let mut told = String::new();
    soon(third.read_to_string(&mut told)).await.unwrap();
    assert!(told.starts_with("HTTP/1.1 503") && told.contains("retry-after: 1\r\n"), "{told}");
    assert!(told.contains("connection: close\r\n") && told.contains(r#""code":"overloaded""#), "{told}");
    assert_eq!(world.metric("edge_connections_refused_total").await, 1);
    first.write_all(LOOKUP.as_bytes()).await.unwrap();
    until(&mut first, |read| read.contains("in_stock")).await;
    drop(second);
    world.eventually("room", async || world.metric("edge_connections").await == 2).await;
    let mut fourth = world.connect().await;
    fourth.write_all(LOOKUP.as_bytes()).await.unwrap();
    until(&mut fourth, |read| read.contains("in_stock")).await;
}

#[tokio::test]
async fn a_caller_that_has_closed_its_side_gets_its_answer() {
    let world = World::start().await;
    world.store(fact("a", "eu-1", 5, 1));
    world.origin.with(|state| state.slow = std::time::Duration::from_millis(200)); // the answer comes after the end
    let mut half = world.connect().await;
    half.write_all(LOOKUP.as_bytes()).await.unwrap();
    half.shutdown().await.unwrap();
    let mut answer = String::new();
    half.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(r#""available":5"#), "{answer}");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let world = World::start().await;
    for (sku, on_hand) in [("a", 5), ("b", 6)] {
        world.store(fact(sku, "eu-1", on_hand, 1));
    }
    let mut pipe = world.connect().await;
    let both = format!("{LOOKUP}{}", LOOKUP.replace("/a ", "/b "));
    pipe.write_all(both.repeat(100).as_bytes()).await.unwrap();
    let answers = until(&mut pipe, |read| read.matches(r#""sku""#).count() == 200).await;
    let order: Vec<&str> = answers.match_indices(r#"{"sku":""#).map(|(at, _)| &answers[at + 8..at + 9]).collect();
    assert_eq!(order, ["a", "b"].repeat(100));
}
