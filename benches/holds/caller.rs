//! Callers over HTTP: each has a connection and sends the next hold as soon as the last is answered.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use onhand_harness::{Cheap, World};

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
    let url = world.origin(0).url();
    let started = Instant::now();
    let until = started + Duration::from_secs(load.seconds);
    let mut calling = tokio::task::JoinSet::new();
    for number in 0..load.callers {
        let caller = Caller::new(&url, &world.tokens.storefront, number, load.skus).await;
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
    connection: Cheap,
    /// Of its keys: unique over rounds and callers.
    name: String,
    random: u64,
    skus: usize,
}

impl Caller {
    async fn new(url: &str, token: &str, number: usize, skus: usize) -> Self {
        let name = uuid::Uuid::new_v4().simple().to_string();
        Self { connection: Cheap::connect(url, token).await, name, random: number as u64 * 7919 + 1, skus }
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
        let key = format!("Idempotency-Key: {}-{number}\r\n", self.name);
        let (status, answer) = self.connection.call("POST", "/v1/reservations", &key, &body).await;
        assert!(status == 201, "{status}: {}", String::from_utf8_lossy(answer));
    }

    /// xorshift: which SKU is next.
    fn next(&mut self) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random % self.skus as u64) as usize
    }
}
