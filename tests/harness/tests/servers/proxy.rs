//! What the proxy does to its connections.

use std::time::{Duration, Instant};

use onhand_harness::{Proxy, eventually};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Returns what it gets, until the caller closes its side.
async fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
                let _ = to.shutdown().await;
            });
        }
    });
    port
}

async fn connect(proxy: &Proxy) -> std::io::Result<TcpStream> {
    TcpStream::connect(("127.0.0.1", proxy.port())).await
}

async fn say(stream: &mut TcpStream, words: &[u8]) -> std::io::Result<Duration> {
    let (began, mut back) = (Instant::now(), vec![0; words.len()]);
    stream.write_all(words).await?;
    stream.read_exact(&mut back).await?;
    assert_eq!(back, words);
    Ok(began.elapsed())
}

#[tokio::test]
async fn passes_everything_and_the_end_of_it() {
    let proxy = Proxy::to(echo().await).await;
    let mut stream = connect(&proxy).await.unwrap();
    let words: Vec<u8> = (0..3_000_000_u32).map(|n| n as u8).collect();
    let (mut from, mut to) = stream.split();
    let sending = async {
        to.write_all(&words).await.unwrap();
        to.shutdown().await.unwrap();
    };
    let mut back = Vec::new();
    let (_, read) = tokio::join!(sending, from.read_to_end(&mut back));
    assert!(read.is_ok() && back == words, "{} of {} bytes came back", back.len(), words.len());
}

#[tokio::test]
async fn cut_it_closes_and_refuses_until_it_is_healed() {
    let proxy = Proxy::to(echo().await).await;
    let mut stream = connect(&proxy).await.unwrap();
    say(&mut stream, b"hello").await.unwrap();
    proxy.cut();
    assert!(say(&mut stream, b"hello").await.is_err(), "the connection is closed");
    eventually!(connect(&proxy).await.is_err());
    proxy.heal();
    eventually!(connect(&proxy).await.is_ok());
    say(&mut connect(&proxy).await.unwrap(), b"hello").await.unwrap();
}

#[tokio::test]
async fn connections_are_dropped_and_new_ones_taken() {
    let proxy = Proxy::to(echo().await).await;
    let mut stream = connect(&proxy).await.unwrap();
    say(&mut stream, b"hello").await.unwrap();
    proxy.drop_connections();
    assert!(say(&mut stream, b"hello").await.is_err());
    eventually!(match connect(&proxy).await {
        Ok(mut stream) => say(&mut stream, b"again").await.is_ok(),
        Err(_) => false,
    });
}

#[tokio::test]
async fn what_falls_into_the_black_hole_arrives_after_healing() {
    let proxy = Proxy::to(echo().await).await;
    let mut stream = connect(&proxy).await.unwrap();
    proxy.black_hole();
    let waited = tokio::time::timeout(Duration::from_millis(200), say(&mut stream, b"hello")).await;
    assert!(waited.is_err(), "something came through");
    proxy.heal();
    let mut back = [0; 5];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"hello");
}

#[tokio::test]
async fn delay_counts_once_each_way_and_throttling_by_bytes() {
    let proxy = Proxy::to(echo().await).await;
    let mut stream = connect(&proxy).await.unwrap();
    proxy.delay(Duration::from_millis(150));
    assert!(say(&mut stream, b"hello").await.unwrap() >= Duration::from_millis(300));
    proxy.heal();
    proxy.throttle(100_000);
    assert!(say(&mut stream, &[7; 20_000]).await.unwrap() >= Duration::from_millis(200));
}
