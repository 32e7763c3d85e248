//! Callers: those that wait for each answer find the peak; those that do not wait go beyond it.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use onhand_harness::{Cheap, World};
use tokio::task::JoinSet;

/// One kind of call, repeated.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) name: &'static str,
    method: &'static str,
    path: &'static str,
    token: String,
    body: String,
    keyed: bool,
}

pub(crate) struct Answers {
    /// Microseconds from when a call was due.
    pub(crate) good: Histogram<u64>,
    pub(crate) refused: Histogram<u64>,
    pub(crate) other: u64,
    /// Microseconds that calls left later than they were due.
    pub(crate) late: Histogram<u64>,
    offered: u64,
    time: Duration,
}

impl Call {
    pub(crate) fn all(world: &World, skus: usize) -> [Self; 4] {
        let some = |count: usize| (0..count).map(|number| format!("s{}", number % skus)).collect::<Vec<_>>();
        let query = |count: usize| serde_json::json!({ "skus": some(count) }).to_string();
        let hold = serde_json::json!({"lines": [{"sku": "s1", "quantity": 1}]}).to_string();
        let (post, token) = ("POST", String::new());
        [
            Self {
                name: "a query of 500 SKUs, all in L1",
                method: post,
                path: "/v1/availability/query",
                token: token.clone(),
                body: query(500),
                keyed: false,
            },
            Self {
                name: "a query of 100 SKUs, all in L1",
                method: post,
                path: "/v1/availability/query",
                token: token.clone(),
                body: query(100),
                keyed: false,
            },
            Self {
                name: "a hold, forwarded to the origin",
                method: post,
                path: "/v1/reservations",
                token: world.tokens.storefront.clone(),
                body: hold,
                keyed: true,
            },
            Self {
                name: "a lookup of one SKU, in L1",
                method: "GET",
                path: "/v1/availability/s1",
                token,
                body: String::new(),
                keyed: false,
            },
        ]
    }

    async fn make(&self, connection: &mut Cheap) -> u16 {
        let key = if self.keyed { format!("Idempotency-Key: {}\r\n", uuid::Uuid::new_v4()) } else { String::new() };
        connection.call(self.method, self.path, &key, &self.body).await.0
    }
}

impl Answers {
    fn new() -> Self {
        let histogram = || Histogram::new(3).expect("three digits");
        Self { good: histogram(), refused: histogram(), other: 0, late: histogram(), offered: 0, time: Duration::ZERO }
    }

    fn count(&mut self, status: u16, since_due: Duration) {
        let us = since_due.as_micros() as u64;
        match status {
            200..300 => self.good.record(us).expect("it grows as it must"),
            429 | 503 => self.refused.record(us).expect("it grows as it must"),
            _ => self.other += 1,
        }
    }

    fn per_s(&self, count: u64) -> f64 {
        count as f64 / self.time.as_secs_f64()
    }

    pub(crate) fn good_per_s(&self) -> f64 {
        self.per_s(self.good.len())
    }

    pub(crate) fn refused_per_s(&self) -> f64 {
        self.per_s(self.refused.len())
    }

    pub(crate) fn offered_per_s(&self) -> f64 {
        self.per_s(self.offered)
    }

    pub(crate) fn sent_per_s(&self) -> f64 {
        self.per_s(self.good.len() + self.refused.len() + self.other)
    }
}

/// Each caller makes its next call when it has the last answer.
pub(crate) async fn closed(url: &str, call: &Call, callers: usize, time: Duration) -> Answers {
    let mut calling = JoinSet::new();
    let began = Instant::now();
    for _ in 0..callers {
        let (mut connection, call) = (Cheap::connect(url, &call.token).await, call.clone());
        calling.spawn(async move {
            let mut answers = Answers::new();
            while began.elapsed() < time {
                let due = Instant::now();
                let status = call.make(&mut connection).await;
                answers.count(status, due.elapsed());
            }
            answers
        });
    }
    let mut all = Answers::new();
    while let Some(answers) = calling.join_next().await {
        let answers = answers.expect("a caller ends");
        all.good.add(&answers.good).expect("the same bounds");
        all.refused.add(&answers.refused).expect("the same bounds");
        all.other += answers.other;
    }
    all.time = began.elapsed();
    all
}

/// Makes this many calls a second, whatever their results, as long as a connection is free.
pub(crate) async fn open(url: &str, call: &Call, per_s: f64, connections: usize, time: Duration) -> Answers {
    let mut idle = Vec::with_capacity(connections);
    for _ in 0..connections {
        let mut connection = Cheap::connect(url, &call.token).await;
        // One answer shows that the connection is accepted; connections that pile up in front of the edge are reset.
        connection.call("GET", "/v1/availability/s0", "", "").await;
        idle.push(connection);
    }
    // Ended with this measurement, because calls still under way would be load in the next one.
    let mut under_way = JoinSet::new();
    let mut answers = Answers::new();
    let began = Instant::now();
    while began.elapsed() < time {
        // The first is due at once.
        let due_by_now = (began.elapsed().as_secs_f64() * per_s) as u64 + 1;
        while answers.offered < due_by_now
            && let Some(mut connection) = idle.pop()
        {
            let due = began + Duration::from_secs_f64(answers.offered as f64 / per_s);
            answers.offered += 1;
            answers.late.record(due.elapsed().as_micros() as u64).expect("it grows as it must");
            let call = call.clone();
            under_way.spawn(async move {
                let status = call.make(&mut connection).await;
                (connection, status, due.elapsed())
            });
        }
        tokio::select! {
            biased;
            Some(Ok((connection, status, took))) = under_way.join_next() => {
                idle.push(connection);
                answers.count(status, took);
            }
            // It has a core to itself, and a timer would be a millisecond late.
            () = tokio::task::yield_now() => {}
        }
    }
    answers.time = began.elapsed();
    answers.offered = (answers.time.as_secs_f64() * per_s) as u64;
    answers
}
