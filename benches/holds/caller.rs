//! Callers over HTTP, as cheap as can be: each has a connection and sends the next hold as soon
//! as the last is answered.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use onhand_harness::World;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{Measured, seed::sku};

pub(crate) struct Load {
    pub(crate) callers: usize,
    pub(crate) skus: usize,
    pub(crate) seconds: u64,
}

/// All 201s of this process.
static ANSWERED: AtomicI64 = AtomicI64::new(0);

pub(crate) fn answered() -> i64 {
    ANSWERED.load(Ordering::Relaxed)
}

pub(crate) async fn run(world: &World, load: &Load) -> Measured {
    let address = world.origin(0).url().trim_start_matches("http://").to_owned();
    let started = Instant::now();
    let until = started + Duration::from_secs(load.seconds);
    let mut calling = tokio::task::JoinSet::new();
    for number in 0..load.callers {
        let caller = Caller::new(&address, &world.tokens.storefront, number, load.skus).await;
        calling.spawn(caller.run(until));
    }
    let mut times = Histogram::<u64>::new(3).expect("three digits");
    while let Some(done) = calling.join_next().await {
        times.add(done.expect("a caller ends")).expect("the same bounds");
    }
    ANSWERED.fetch_add(times.len() as i64, Ordering::Relaxed);
    let at = |share| Duration::from_micros(times.value_at_quantile(share));
    Measured { per_second: times.len() as f64 / started.elapsed().as_secs_f64(), p50: at(0.5), p99: at(0.99) }
}

struct Caller {
    stream: TcpStream,
    head: String,
    /// Of its keys: unique over rounds and callers.
    name: String,
    random: u64,
    skus: usize,
    answer: Vec<u8>,
}

impl Caller {
    async fn new(address: &str, token: &str, number: usize, skus: usize) -> Self {
        let stream = TcpStream::connect(address).await.expect("the origin listens");
        stream.set_nodelay(true).expect("a socket option");
        let head = format!(
            "POST /v1/reservations HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        );
        let name = uuid::Uuid::new_v4().simple().to_string();
        Self { stream, head, name, random: number as u64 * 7919 + 1, skus, answer: Vec::with_capacity(4096) }
    }

    /// Microseconds of each hold.
    async fn run(mut self, until: Instant) -> Histogram<u64> {
        let mut times = Histogram::new(3).expect("three digits");
        let mut sent = 0;
        while Instant::now() < until {
            let began = Instant::now();
            self.hold(sent).await;
            times.record(began.elapsed().as_micros() as u64).expect("it grows as it must");
            sent += 1;
        }
        times
    }

    async fn hold(&mut self, number: usize) {
        let body = format!(r#"{{"lines":[{{"sku":"{}","quantity":1}}],"ttl_s":86400}}"#, sku(self.next()));
        let (head, name, length) = (&self.head, &self.name, body.len());
        let call = format!("{head}Idempotency-Key: {name}-{number}\r\nContent-Length: {length}\r\n\r\n{body}");
        self.stream.write_all(call.as_bytes()).await.expect("the origin reads");
        self.answer.clear();
        while !whole(&self.answer) {
            let read = self.stream.read_buf(&mut self.answer).await.expect("the origin answers");
            assert!(read > 0, "the origin closed a connection");
        }
        let status = &self.answer[9..12];
        assert!(status == b"201", "{}", String::from_utf8_lossy(&self.answer));
    }

    /// xorshift: which SKU is next.
    fn next(&mut self) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random % self.skus as u64) as usize
    }
}

/// Whether head and body are all there.
fn whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let head = std::str::from_utf8(&answer[..end]).expect("a head in ASCII").to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    answer.len() >= end + 4 + length.expect("an answer tells its length")
}
